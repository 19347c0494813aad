/* SPDX-License-Identifier: MIT */
#include <urcu/defer.h>
