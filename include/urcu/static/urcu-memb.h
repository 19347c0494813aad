/* SPDX-License-Identifier: MIT */
#pragma once

#include <urcu/static/urcu-common.h>

_URCU_EXTERN_C_BEGIN

extern struct urcu_gp urcu_memb_gp;
extern DECLARE_URCU_TLS(struct urcu_reader, urcu_memb_reader);

/*
 * Non-zero: readers rely on writers to order them, by sys_membarrier. Written once, as the library is loaded,
 * and the same ever after.
 */
extern int urcu_memb_has_sys_membarrier;

static inline void _urcu_memb_read_lock(void)
{
	urcu_assert_debug(URCU_TLS(urcu_memb_reader).registered);
	urcu_common_read_lock(&URCU_TLS(urcu_memb_reader).ctr, &urcu_memb_gp,
		__atomic_load_n(&urcu_memb_has_sys_membarrier, __ATOMIC_RELAXED));
}

static inline void _urcu_memb_read_unlock(void)
{
	urcu_common_read_unlock(&URCU_TLS(urcu_memb_reader).ctr, &urcu_memb_gp);
}

static inline int _urcu_memb_read_ongoing(void)
{
	return urcu_common_read_ongoing(&URCU_TLS(urcu_memb_reader).ctr);
}

_URCU_FREE_RCU(urcu_memb_free_rcu, URCU_TLS(urcu_memb_reader).window,
	       !__atomic_load_n(&urcu_memb_has_sys_membarrier, __ATOMIC_RELAXED))

_URCU_EXTERN_C_END
