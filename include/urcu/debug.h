/* SPDX-License-Identifier: MIT */
#pragma once

#include <urcu/assert.h>

/* The older name of urcu_assert_debug(). */
#define urcu_assert(_cond)	urcu_assert_debug(_cond)
