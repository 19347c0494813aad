/* SPDX-License-Identifier: MIT */
#include <urcu/urcu.h>
