/* SPDX-License-Identifier: MIT */
#pragma once

#include <limits.h>

#include <urcu/static/urcu-common.h>

_URCU_EXTERN_C_BEGIN

/*
 * As struct urcu_reader. ctr is gp.ctr as last announced, 0 while offline. waiting is set by the
 * leader of a grace period, who then sleeps on gp.futex, and cleared by the thread.
 */
struct urcu_qsbr_reader {
	unsigned long ctr;
	char line[CAA_CACHE_LINE_SIZE - sizeof(unsigned long)];
	struct cds_list_head node;
	int waiting;
	pthread_t tid;
	unsigned int registered:1;
	/* What urcu_free_rcu needs no call for (urcu/static/free-rcu.h). Written by the thread. */
	struct urcu_free_window *window;
	/* Place in the registry, from 1; 0: not registered. */
	unsigned long slot;
	char rest[CAA_CACHE_LINE_SIZE - 7 * sizeof(unsigned long)];
} __attribute__((aligned(64)));

extern struct urcu_gp urcu_qsbr_gp;
extern DECLARE_URCU_TLS(struct urcu_qsbr_reader, urcu_qsbr_reader);

/*
 * [R4] of this flavor: the full barrier of the announcement stands between it and this look, so no
 * wake-up is lost; pairs with [S2] in src/grace/lead.c. [R5] The second barrier keeps the store to waiting
 * before the look at gp.futex: a store that came after it could undo the leader's next request, which
 * nobody would answer. Pairs with [S3] in src/grace/lead.c.
 */
static inline void urcu_qsbr_wake_leader(struct urcu_qsbr_reader *reader)
{
	if (caa_likely(!__atomic_load_n(&reader->waiting, __ATOMIC_RELAXED)))
		return;
	__atomic_store_n(&reader->waiting, 0, __ATOMIC_RELAXED);
	cmm_smp_mb();
	if (__atomic_load_n(&urcu_qsbr_gp.futex, __ATOMIC_RELAXED) == -1)
		urcu_common_wake_leader(&urcu_qsbr_gp);
}

static inline void _urcu_qsbr_read_lock(void)
{
	urcu_assert_debug(URCU_TLS(urcu_qsbr_reader).ctr);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline void _urcu_qsbr_read_unlock(void)
{
	urcu_assert_debug(URCU_TLS(urcu_qsbr_reader).ctr);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Non-zero while online. */
static inline int _urcu_qsbr_read_ongoing(void)
{
	return __atomic_load_n(&URCU_TLS(urcu_qsbr_reader).ctr, __ATOMIC_RELAXED) != 0;
}

/* The number has not changed since the last announcement: there is nobody to tell. */
static inline void _urcu_qsbr_quiescent_state(void)
{
	struct urcu_qsbr_reader *reader = &URCU_TLS(urcu_qsbr_reader);

	urcu_assert_debug(reader->registered);
	if (__atomic_load_n(&urcu_qsbr_gp.ctr, __ATOMIC_RELAXED) ==
	    __atomic_load_n(&reader->ctr, __ATOMIC_RELAXED))
		return;
	urcu_common_open_fenced(&reader->ctr, &urcu_qsbr_gp);
	urcu_qsbr_wake_leader(reader);
}

/* The thread may be online already, and awaited: then this is what the leader sleeps for. */
static inline void _urcu_qsbr_thread_online(void)
{
	struct urcu_qsbr_reader *reader = &URCU_TLS(urcu_qsbr_reader);

	urcu_assert_debug(reader->registered);
	urcu_common_open_fenced(&reader->ctr, &urcu_qsbr_gp);
	urcu_qsbr_wake_leader(reader);
}

/* Release, as [R3], then the full barrier that the look at waiting needs. */
static inline void _urcu_qsbr_thread_offline(void)
{
	struct urcu_qsbr_reader *reader = &URCU_TLS(urcu_qsbr_reader);

	urcu_assert_debug(reader->registered);
	__atomic_store_n(&reader->ctr, 0, __ATOMIC_RELEASE);
	cmm_smp_mb();
	urcu_qsbr_wake_leader(reader);
}

_URCU_FREE_RCU(urcu_qsbr_free_rcu, URCU_TLS(urcu_qsbr_reader).window, 1)

_URCU_EXTERN_C_END
