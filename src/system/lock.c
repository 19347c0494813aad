/* SPDX-License-Identifier: MIT */
/* A lock that its owner may keep for long: who waits for it can look up now and then, and say so. */
#include <urcu/compiler.h>

#include "system/sanitize.h"
#include "system/system.h"

enum { FREE, TAKEN, AWAITED };

/* Acquire: what the last owner wrote. */
bool quiesce_lock_try(int32_t *lock)
{
	int32_t seen = FREE;

	if (!__atomic_compare_exchange_n(lock, &seen, TAKEN, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	quiesce_tell_acquire(lock);
	return true;
}

/* Others may wait: whoever has waited takes it as awaited. */
bool quiesce_lock_step(int32_t *lock, uint64_t *left, struct watch *watch)
{
	quiesce_delay();
	if (__atomic_exchange_n(lock, AWAITED, __ATOMIC_ACQUIRE) != FREE) {
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
