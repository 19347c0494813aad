/* SPDX-License-Identifier: MIT */
#pragma once

#include <urcu/static/urcu-common.h>

_URCU_EXTERN_C_BEGIN

extern struct urcu_gp urcu_mb_gp;
extern DECLARE_URCU_TLS(struct urcu_reader, urcu_mb_reader);

static inline void _urcu_mb_read_lock(void)
{
	urcu_assert_debug(URCU_TLS(urcu_mb_reader).registered);
	urcu_common_read_lock(&URCU_TLS(urcu_mb_reader).ctr, &urcu_mb_gp, 0);
}

static inline void _urcu_mb_read_unlock(void)
{
	urcu_common_read_unlock(&URCU_TLS(urcu_mb_reader).ctr, &urcu_mb_gp);
}

static inline int _urcu_mb_read_ongoing(void)
{
	return urcu_common_read_ongoing(&URCU_TLS(urcu_mb_reader).ctr);
}

_URCU_FREE_RCU(urcu_mb_free_rcu, URCU_TLS(urcu_mb_reader).window, 1)

_URCU_EXTERN_C_END
