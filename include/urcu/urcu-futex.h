/* SPDX-License-Identifier: MIT */
#include <urcu/futex.h>
