/* SPDX-License-Identifier: MIT */
/*
 * The read sides that programs compiled with Debian's liburcu carry: what objdump shows of urcu_*_read_lock and
 * read_unlock in them, on x86-64, and no more: plain stores to the words of the ABI, and where mfence stands. As the
 * same source on other processors: the stores are relaxed here, and the fences C11's.
 *
 *	mb	lock: ctr = gp.ctr; fence. unlock: fence; ctr - 1; fence; looks at gp.futex
 *	memb	the same without the fences where the flavor has membarrier
 *	bp	as memb, without the look
 *	qsbr	quiescent state: fence; ctr = gp.ctr; fence; looks at waiting and gp.futex; fence
 *
 *	HOLD	the reader stays in its section until the leader sleeps, and wakes it
 *	PASSES	how many passes a grace period takes, and the reader fetches its number so long before it stores it that
 *		the number may be any: what happens where it has 16 bits. Needs a static library
 */
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <quiesce/stall.h>

#ifdef PASSES
#include "flavor/flavor.h"
#endif
#include "checker/rcu.h"

#ifdef PASSES
#ifdef RCU_MB
extern struct flavor quiesce_mb;
#define FLAVOR	quiesce_mb
#else
extern struct flavor quiesce_memb;
#define FLAVOR	quiesce_memb
#endif
#endif

#if defined(TEST_BP)
#define CTR	(urcu_bp_reader->ctr)
#define GP	urcu_bp_gp
#define FENCED	(!urcu_bp_has_sys_membarrier)
#elif defined(TEST_QSBR)
#define CTR	urcu_qsbr_reader.ctr
#define GP	urcu_qsbr_gp
#define FENCED	1
#elif defined(RCU_MB)
#define CTR	urcu_mb_reader.ctr
#define GP	urcu_mb_gp
#define FENCED	1
#else
#define CTR	urcu_memb_reader.ctr
#define GP	urcu_memb_gp
#define FENCED	(!urcu_memb_has_sys_membarrier)
#endif

unsigned long ahead;		/* so many grace periods does the number seem to be ahead */

static void fence(void)
{
	if (FENCED)
		__atomic_thread_fence(seq_cst);
}

static __attribute__((unused)) void wake(void)
{
	if (GET(GP.futex, relaxed) != -1)
		return;
	SET(GP.futex, 0, relaxed);
	syscall(SYS_futex, &GP.futex, 1 /* FUTEX_WAKE */, 1, NULL, NULL, 0);
}

#ifdef TEST_QSBR
static void announce(unsigned long number)
{
	fence();
	SET(CTR, number, relaxed);
	fence();
	if (GET(urcu_qsbr_reader.waiting, relaxed)) {
		SET(urcu_qsbr_reader.waiting, 0, relaxed);
		fence();
		wake();
	}
	fence();
}
#endif

static void old_lock(void)
{
#ifdef TEST_QSBR
	announce(GET(GP.ctr, relaxed));
#else
	SET(CTR, GET(GP.ctr, relaxed) + ahead * URCU_GP_STEP, relaxed);
	fence();
#endif
}

static void old_unlock(void)
{
#ifdef TEST_QSBR
	announce(GET(GP.ctr, relaxed));
	announce(0);
#else
	fence();
	SET(CTR, GET(CTR, relaxed) - 1, relaxed);
	fence();
#ifndef TEST_BP
	wake();
#endif
#endif
}

static void *writer(void *arg)
{
	struct item *item = shared;

	rcu_assign_pointer(shared, NULL);
	synchronize_rcu();
	item->value = 3;
	free(item);
	return arg;
}

int main(void)
{
	struct item *item;
	pthread_t thread;

	/* Time passes when nobody can run, so that ten seconds are soon over. */
	quiesce_set_stall_timeout(0);
	shared = make_item(1);
#ifdef PASSES
	FLAVOR.engine.domain.passes = PASSES;
	ahead = AHEAD;
#endif
	rcu_register_thread();
	if (pthread_create(&thread, NULL, writer, NULL) != 0)
		abort();
	for (int i = 0; i < 2; i++) {
		old_lock();
		item = rcu_dereference(shared);
#ifdef HOLD
		for (int j = 0; j < 3 && item && item == GET(shared, relaxed); j++)
			sched_yield();
#endif
		if (item)
			assert(item->value == 1);
		old_unlock();
	}
	pthread_join(thread, NULL);
	rcu_unregister_thread();
	return 0;
}
