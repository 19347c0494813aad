/* SPDX-License-Identifier: MIT */
#pragma once

#include <assert.h>

#include <urcu/compiler.h>
#include <urcu/config.h>

/* Compile _expr and count what it names as used, but do not evaluate it. */
#define _urcu_use_expression(_expr)	((void) (0 && (_expr)))

/* assert(), but what _cond names counts as used when NDEBUG removes the check. Usable from where assert() is. */
#ifdef NDEBUG
#define urcu_posix_assert(_cond)	_urcu_use_expression(_cond)
#else
#define urcu_posix_assert(_cond)	assert(_cond)
#endif

/*
 * A check for debug builds alone: of the program, or of the library, with DEBUG_RCU. The inline
 * readers have some.
 */
#if defined(DEBUG_RCU) || defined(CONFIG_RCU_DEBUG)
#define urcu_assert_debug(_cond)	urcu_posix_assert(_cond)
#else
#define urcu_assert_debug(_cond)	_urcu_use_expression(_cond)
#endif
