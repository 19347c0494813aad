/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Single accesses to variables that several threads share, of the types that <urcu/uatomic.h>
 * takes. Atomic, relaxed (see _CMM_ORDER_LOAD for ThreadSanitizer).
 */

#include <urcu/arch.h>
#include <urcu/compiler.h>
#include <urcu/uatomic.h>

/* Value of the lvalue p. */
#define _CMM_LOAD_SHARED(p)	uatomic_load(&(p))
#define CMM_LOAD_SHARED(p)	_CMM_LOAD_SHARED(p)

/* Store v, converted to the type of the lvalue x, in x; the value stored. */
#define _CMM_STORE_SHARED(x, v) __extension__ ({			\
	_uatomic_type(&(x)) _cmm_v = (v);				\
	uatomic_store(&(x), _cmm_v);					\
	_cmm_v;								\
})
#define CMM_STORE_SHARED(x, v)	_CMM_STORE_SHARED(x, v)
