/* SPDX-License-Identifier: MIT */

/* The out-of-line half of <urcu/pointer.h>, where the contracts are. In each flavor's library. */

#include <urcu/pointer.h>

/*
 * The caller, a binary built with liburcu's headers, loaded p plainly, and its compiler was told nothing of
 * what depends on it. Acquire: that load comes before all that follows. On x86 it always does.
 */
void *rcu_dereference_sym(void *p)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return p;
}

void *rcu_dereference_sym2(void **p)
{
	return _rcu_dereference(*p);
}

void *rcu_set_pointer_sym(void **p, void *v)
{
	_rcu_set_pointer(p, v);
	return v;
}

void *rcu_xchg_pointer_sym(void **p, void *v)
{
	return _rcu_xchg_pointer(p, v);
}

void *rcu_cmpxchg_pointer_sym(void **p, void *old, void *_new)
{
	return _rcu_cmpxchg_pointer(p, old, _new);
}
