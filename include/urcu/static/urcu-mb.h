/* SPDX-License-Identifier: MIT */
#ifndef URCU_STATIC_URCU_MB_H
#define URCU_STATIC_URCU_MB_H

#include <urcu/static/urcu-common.h>

#ifdef __cplusplus
extern "C" {
#endif

extern struct urcu_gp urcu_mb_gp;
extern DECLARE_URCU_TLS(struct urcu_reader, urcu_mb_reader);

static inline void _urcu_mb_read_lock(void)
{
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

#ifdef __cplusplus
}
#endif

#endif
