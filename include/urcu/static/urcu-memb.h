/* SPDX-License-Identifier: MIT */
#pragma once

#include <urcu/static/urcu-common.h>

_URCU_EXTERN_C_BEGIN

extern struct urcu_gp urcu_memb_gp;
extern DECLARE_URCU_TLS(struct urcu_reader, urcu_memb_reader);

/* Non-zero: writers use sys_membarrier. Written once, before main, and to 0 if the kernel stops. */
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

_URCU_EXTERN_C_END
