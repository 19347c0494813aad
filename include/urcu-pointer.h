/* SPDX-License-Identifier: MIT */
#include <urcu/pointer.h>
