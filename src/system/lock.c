/* SPDX-License-Identifier: MIT */
/* A lock that its owner may keep for long: who waits for it can look up now and then, and say so. */
#include <urcu/compiler.h>

#include "system/sanitize.h"
#include "system/system.h"

enum { FREE, TAKEN, AWAITED, BRIEFLY = QUIESCE_BRIEFLY };

/*
 * Between two looks at one that is taken briefly: the price of giving it back without an exchange, and so without a
 * wake-up. With the lock's usual way urcu_free_rcu takes 6 instructions a pointer more and has 0.91 to 0.96 of its rate
 * (tests/bench/giving.c, one producer and two).
 */
#define BRIEF_PAUSE	(20 * QUIESCE_NS_PER_US)

bool quiesce_lock_try(int32_t *lock)
{
	return quiesce_lock_as(lock, TAKEN);
}

/* Others may wait: whoever has waited takes it as awaited. */
bool quiesce_lock_step(int32_t *lock, uint64_t *left, struct watch *watch)
{
	int32_t seen = __atomic_load_n(lock, __ATOMIC_RELAXED);

	quiesce_delay();
	if (seen == BRIEFLY) {
		uint64_t pause = BRIEF_PAUSE;

		quiesce_spend(left ? left : &pause, pause);
		return false;
	}
	if (seen != AWAITED &&
	    !__atomic_compare_exchange_n(lock, &seen, AWAITED, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	if (seen != FREE) {
		quiesce_watched_wait(lock, AWAITED, left, watch);
		return false;
	}
	quiesce_tell_acquire(lock);
	return true;
}

/* Release: for the next owner. */
void quiesce_unlock(int32_t *lock)
{
	quiesce_tell_release(lock);
	quiesce_delay();
	if (__atomic_exchange_n(lock, FREE, __ATOMIC_RELEASE) == AWAITED)
		quiesce_wake(lock, 1);
}
