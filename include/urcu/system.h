/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Single accesses to variables that several threads share: an integer, enumeration or pointer of
 * at most a long's size. Atomic, relaxed (see _CMM_ORDER_LOAD for ThreadSanitizer).
 */

#include <urcu/arch.h>
#include <urcu/compiler.h>

/* Value of the lvalue p. */
#define _CMM_LOAD_SHARED(p)	__atomic_load_n(cmm_cast_volatile(&(p)), _CMM_ORDER_LOAD)
#define CMM_LOAD_SHARED(p)	_CMM_LOAD_SHARED(p)

/* Store v, converted to the type of the lvalue x, in x; the value stored. */
#define _CMM_STORE_SHARED(x, v) __extension__ ({			\
	__typeof__(x) _cmm_v = (v);					\
	__atomic_store_n(cmm_cast_volatile(&(x)), _cmm_v, _CMM_ORDER_STORE); \
	_cmm_v;								\
})
#define CMM_STORE_SHARED(x, v)	_CMM_STORE_SHARED(x, v)
