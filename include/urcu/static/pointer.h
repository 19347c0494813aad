/* SPDX-License-Identifier: MIT */
#pragma once

/* Bodies of <urcu/pointer.h>, where the contracts are. */

#include <urcu/arch.h>
#include <urcu/compiler.h>
#include <urcu/system.h>
#include <urcu/uatomic.h>

/*
 * The load and those through its result are ordered by their dependency, so it may be relaxed; a
 * consume load is no better, for compilers make it an acquire. Volatile keeps the compiler from
 * loading twice or guessing. _CMM_ORDER_LOAD is acquire where a dependency does not count.
 */
#define _rcu_dereference(p)	__atomic_load_n(cmm_cast_volatile(&(p)), _CMM_ORDER_LOAD)

#define _rcu_set_pointer(p_addr, v) __extension__ ({			\
	__typeof__(*(p_addr)) _rcu_v = (v);				\
	__atomic_store_n((p_addr), _rcu_v, __ATOMIC_RELEASE);		\
})

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
