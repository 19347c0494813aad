/* SPDX-License-Identifier: MIT */
#pragma once

#include <urcu/static/urcu-common.h>

_URCU_EXTERN_C_BEGIN

/* As struct urcu_reader, but the library's own memory, handed to threads on first use. */
struct urcu_bp_reader {
	unsigned long ctr;
	char line[CAA_CACHE_LINE_SIZE - sizeof(unsigned long)];
	struct cds_list_head node;
	pthread_t tid;
	int alloc;
	unsigned long next_name;	/* src/flavor/bp-arena.h */
	/* What urcu_free_rcu needs no call for (urcu/static/free-rcu.h). Written by the thread. */
	struct urcu_free_window *window;
	/* Place in the registry, from 1; 0: not registered. */
	unsigned long slot;
	char rest[CAA_CACHE_LINE_SIZE - 7 * sizeof(unsigned long)];
} __attribute__((aligned(64)));

/* struct urcu_gp by a name of its own, which programs may know. */
struct urcu_bp_gp {
	unsigned long ctr;
	int32_t futex;
} __attribute__((aligned(CAA_CACHE_LINE_SIZE)));

extern struct urcu_bp_gp urcu_bp_gp;
/* Null until the thread registers. */
extern DECLARE_URCU_TLS(struct urcu_bp_reader *, urcu_bp_reader);

/*
 * Non-zero: readers rely on writers to order them, by sys_membarrier. Written once, as the library is loaded,
 * and the same ever after.
 */
extern int urcu_bp_has_sys_membarrier;

/* Register the calling thread; does nothing if it is registered. Async-signal-safe. */
extern void urcu_bp_register(void);

static inline void _urcu_bp_read_lock(void)
{
	struct urcu_bp_reader *reader = URCU_TLS(urcu_bp_reader);

	if (caa_unlikely(reader == NULL)) {
		urcu_bp_register();
		reader = URCU_TLS(urcu_bp_reader);
	}
	urcu_common_read_lock(&reader->ctr, _urcu_cast(const struct urcu_gp *, &urcu_bp_gp),
		__atomic_load_n(&urcu_bp_has_sys_membarrier, __ATOMIC_RELAXED));
}

/* Wakes nobody: the leader of a bp grace period sleeps with deadlines. */
static inline void _urcu_bp_read_unlock(void)
{
	urcu_assert_debug(URCU_TLS(urcu_bp_reader) != NULL);
	(void)urcu_common_close(&URCU_TLS(urcu_bp_reader)->ctr);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline int _urcu_bp_read_ongoing(void)
{
	return URCU_TLS(urcu_bp_reader) != NULL &&
	       urcu_common_read_ongoing(&URCU_TLS(urcu_bp_reader)->ctr);
}

_URCU_FREE_RCU(urcu_bp_free_rcu, URCU_TLS(urcu_bp_reader) ? URCU_TLS(urcu_bp_reader)->window : NULL,
	       !__atomic_load_n(&urcu_bp_has_sys_membarrier, __ATOMIC_RELAXED))

_URCU_EXTERN_C_END
