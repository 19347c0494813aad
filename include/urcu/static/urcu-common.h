/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the readers of every flavor share: the grace-period word, the reader's own word, and how a
 * section is entered and left. Offsets, sizes and the meaning of the bits are ABI: programs carry
 * these bodies inlined.
 *
 * Both words are split in two halves.
 *
 *	gp.ctr		high half: number of the grace period, low half: always 1
 *	reader.ctr	high half: the number seen at the outermost lock, low half: nesting depth
 *
 * so that entering a section is a plain copy of gp.ctr. The arguments for why this is enough, with
 * the letters that the comments below name, stand in src/grace/lead.c.
 */

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include <urcu/arch.h>
#include <urcu/assert.h>
#include <urcu/compiler.h>
#include <urcu/list.h>
#include <urcu/pointer.h>
#include <urcu/static/free-rcu.h>
#include <urcu/syscall-compat.h>
#include <urcu/tls-compat.h>

_URCU_EXTERN_C_BEGIN

#define URCU_GP_COUNT		1UL
#define URCU_GP_STEP		(1UL << (sizeof(unsigned long) << 2))
#define URCU_GP_NEST_MASK	(URCU_GP_STEP - 1)

struct urcu_gp {
	/* Written by the leader of a grace period alone (src/grace/lead.c). */
	unsigned long ctr;
	/* -1: the leader sleeps, or is about to. Set by it, set back to 0 by whoever wakes it. */
	int32_t futex;
} __attribute__((aligned(CAA_CACHE_LINE_SIZE)));

/*
 * A thread's reader, for mb and memb. ctr is written by its thread alone, and tid and registered;
 * the rest of the second cache line under the registry's lock. Padding, not alignment, parts the
 * lines: glibc opens no library whose static TLS wants more than 64 bytes of alignment.
 */
struct urcu_reader {
	unsigned long ctr;
	char need_mb;
	char line[CAA_CACHE_LINE_SIZE - sizeof(unsigned long) - 1];
	struct cds_list_head node;
	pthread_t tid;
	unsigned int registered:1;
	unsigned long unused_word;
	/* What urcu_free_rcu needs no call for (urcu/static/free-rcu.h). Written by the thread. */
	struct urcu_free_window *window;
	/* Place in the registry, from 1; 0: not registered. */
	unsigned long slot;
	char rest[CAA_CACHE_LINE_SIZE - 7 * sizeof(unsigned long)];
} __attribute__((aligned(64)));

/* FUTEX_WAKE (futex(2)) of the one leader that sleeps on gp.futex. Async-signal-safe. */
static inline void urcu_common_wake_leader(struct urcu_gp *gp)
{
	__atomic_store_n(&gp->futex, 0, __ATOMIC_RELAXED);
	(void)syscall(__NR_futex, &gp->futex, 1 /* FUTEX_WAKE */, 1, NULL, NULL, 0);
}

/*
 * [R1] The store that opens an outermost section, of the number that [G] in src/grace/lead.c raises.
 * Release: whoever sees it has seen this thread's earlier sections end; pairs with the scan's
 * acquire load [S1] in src/grace/registry.c.
 */
static inline void urcu_common_open(unsigned long *ctr, const struct urcu_gp *gp)
{
	__atomic_store_n(ctr, __atomic_load_n(&gp->ctr, __ATOMIC_RELAXED), __ATOMIC_RELEASE);
}

/*
 * [R1] and [R2] in one: the same store, then a full barrier, before the section's first load.
 * Pairs with [F1] in src/grace/lead.c; without it a scan could miss a reader that already holds an old
 * pointer. On x86 an exchange is both; ThreadSanitizer does not follow fences, and needs none.
 */
static inline void urcu_common_open_fenced(unsigned long *ctr, const struct urcu_gp *gp)
{
#if defined(__x86_64__) || defined(__i386__) || defined(CMM_SANITIZE_THREAD)
	__atomic_exchange_n(ctr, __atomic_load_n(&gp->ctr, __ATOMIC_RELAXED), __ATOMIC_SEQ_CST);
#else
	urcu_common_open(ctr, gp);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/*
 * Enter a section. has_membarrier says that the writer's [F1] reaches into this thread, which then
 * needs the compiler's order alone.
 */
static inline void urcu_common_read_lock(unsigned long *ctr, const struct urcu_gp *gp,
		int has_membarrier)
{
	unsigned long own = __atomic_load_n(ctr, __ATOMIC_RELAXED);

	if (caa_unlikely(own & URCU_GP_NEST_MASK))
		__atomic_store_n(ctr, own + URCU_GP_COUNT, __ATOMIC_RELAXED);
	else if (caa_likely(has_membarrier))
		urcu_common_open(ctr, gp);
	else
		urcu_common_open_fenced(ctr, gp);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/*
 * [R3] The store that closes a section, outermost or not. Release: the section's accesses come
 * before it; pairs with the scan's acquire load [S1] in src/grace/registry.c, which makes them precede
 * whatever the writer does after its grace period [F2]. Returns whether the section was outermost.
 */
static inline int urcu_common_close(unsigned long *ctr)
{
	unsigned long own = __atomic_load_n(ctr, __ATOMIC_RELAXED);

	urcu_assert_debug(own & URCU_GP_NEST_MASK);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(ctr, own - URCU_GP_COUNT, __ATOMIC_RELEASE);
	return (own & URCU_GP_NEST_MASK) == URCU_GP_COUNT;
}

/*
 * Leave a section and wake the leader if it sleeps. [R4] There is no fence between the store and
 * the look at gp.futex: the leader issues a membarrier between its own two steps [S2] in
 * src/grace/lead.c, or, where the kernel has none, sleeps with a deadline.
 */
static inline void urcu_common_read_unlock(unsigned long *ctr, struct urcu_gp *gp)
{
	if (urcu_common_close(ctr)) {
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		if (caa_unlikely(__atomic_load_n(&gp->futex, __ATOMIC_RELAXED) == -1))
			urcu_common_wake_leader(gp);
	}
}

/* Non-zero if ctr shows its thread inside a section. */
static inline int urcu_common_read_ongoing(const unsigned long *ctr)
{
	return _urcu_cast(int, __atomic_load_n(ctr, __ATOMIC_RELAXED) & URCU_GP_NEST_MASK);
}

_URCU_EXTERN_C_END
