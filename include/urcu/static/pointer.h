/* SPDX-License-Identifier: MIT */
#pragma once

/* Bodies of <urcu/pointer.h>, where the contracts are. */

#ifdef _LGPL_SOURCE
#include <urcu/annotate.h>	/* for what it brings along: <stdio.h> */
#endif
#include <urcu/arch.h>
#include <urcu/compiler.h>
#include <urcu/system.h>
#include <urcu/uatomic.h>

/*
 * The load and those through its result are ordered by their dependency, so it may be relaxed; a
 * consume load is no better, for compilers make it an acquire. Volatile keeps the compiler from
 * loading twice or guessing. _CMM_ORDER_LOAD is acquire where a dependency does not count.
 */
#ifndef __CHECKER__
#define _rcu_dereference(p)	__atomic_load_n(cmm_cast_volatile(&(p)), _CMM_ORDER_LOAD)
#else
/* What it is to sparse: a pointer that may be followed. */
#define _rcu_dereference(p)	((__typeof__(*(p)) _urcu_force __attribute__((address_space(0))) *) (p))
#endif

/*
 * Whether two pointers are equal; non-zero if so. Unlike ==, it does not tell the compiler that one may
 * be used in place of the other, which would lose the dependency of what rcu_dereference gave.
 */
static inline int cmm_ptr_eq(const void *a, const void *b)
{
	_CMM_OPTIMIZER_HIDE_VAR(a);
	_CMM_OPTIMIZER_HIDE_VAR(b);
	return a == b;
}

#ifndef __CHECKER__
#define _rcu_set_pointer(p_addr, v) __extension__ ({			\
	__typeof__(*(p_addr)) _rcu_v = (v);				\
	__atomic_store_n((p_addr), _rcu_v, __ATOMIC_RELEASE);		\
})
#else
#define _rcu_set_pointer(p_addr, v)					\
	((void) (*(p_addr) = (__typeof__(*(p_addr)) _urcu_force) (v)))
#endif

#define _rcu_assign_pointer(p, v)	_rcu_set_pointer(&(p), v)

#define _rcu_xchg_pointer(p_addr, v) __extension__ ({			\
	_uatomic_type(p_addr) _rcu_v = (v);				\
	uatomic_xchg_mo((p_addr), _rcu_v, CMM_SEQ_CST_FENCE);		\
})

#define _rcu_cmpxchg_pointer(p_addr, old, _new) __extension__ ({	\
	_uatomic_type(p_addr) _rcu_old = (old);				\
	_uatomic_type(p_addr) _rcu_new = (_new);			\
	uatomic_cmpxchg_mo((p_addr), _rcu_old, _rcu_new,		\
		CMM_SEQ_CST_FENCE, CMM_SEQ_CST_FENCE);			\
})
