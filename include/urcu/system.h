/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Single accesses to variables that several threads share. Atomic, relaxed (see _CMM_ORDER_LOAD for
 * ThreadSanitizer), for the types that <urcu/uatomic.h> takes; others a byte at a time.
 */

#include <urcu/arch.h>
#include <urcu/compiler.h>
#include <urcu/uatomic.h>

/* Value of the lvalue p. */
#define _CMM_LOAD_SHARED(p) __extension__ ({				\
	_uatomic_type(&(p)) _cmm_loaded;				\
	_uatomic_load(&(p), &_cmm_loaded, sizeof(p), _CMM_ORDER_LOAD);	\
	_cmm_loaded;							\
})
#define CMM_LOAD_SHARED(p)	_CMM_LOAD_SHARED(p)

/* Store v, converted to the type of the lvalue x, in x; the value stored. */
#define _CMM_STORE_SHARED(x, v) __extension__ ({			\
	_uatomic_type(&(x)) _cmm_stored = (v);				\
	_uatomic_store(&(x), &_cmm_stored, sizeof(x), _CMM_ORDER_STORE); \
	_cmm_stored;							\
})
#define CMM_STORE_SHARED(x, v)	_CMM_STORE_SHARED(x, v)
