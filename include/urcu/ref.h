/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Reference counts: an object is released by whoever puts the last reference. The functions may be
 * called from any thread and from signal handlers; put calls release in the caller's context.
 */

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

#include <urcu/assert.h>
#include <urcu/uatomic.h>

struct urcu_ref {
	long refcount;		/* atomic; references held, or 0: being released */
};

/* Set the count to val, when nobody else can see it or all agree. No order. */
static inline void urcu_ref_set(struct urcu_ref *ref, long val)
{
	__atomic_store_n(&ref->refcount, val, __ATOMIC_RELAXED);
}

/* A first reference, the caller's. */
static inline void urcu_ref_init(struct urcu_ref *ref)
{
	urcu_ref_set(ref, 1);
}

/*
 * Take another reference; the caller holds one, or is otherwise sure that the object stays. False,
 * and no reference, if the count stands at LONG_MAX. No order.
 */
static inline __attribute__((__warn_unused_result__))
bool urcu_ref_get_safe(struct urcu_ref *ref)
{
	long count = __atomic_load_n(&ref->refcount, __ATOMIC_RELAXED);

	do {
		if (count == LONG_MAX)
			return false;
	} while (!__atomic_compare_exchange_n(&ref->refcount, &count, count + 1, true,
			__ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return true;
}

/* The same, but abort() the program rather than let the count overflow. */
static inline void urcu_ref_get(struct urcu_ref *ref)
{
	if (caa_unlikely(__atomic_fetch_add(&ref->refcount, 1, __ATOMIC_RELAXED) == LONG_MAX))
		abort();
}

/*
 * Take a reference unless there is none left (or LONG_MAX of them); whether it was taken. For
 * objects found under RCU. Acquire: pairs with whatever made the count non-zero.
 */
static inline bool urcu_ref_get_unless_zero(struct urcu_ref *ref)
{
	long count = __atomic_load_n(&ref->refcount, __ATOMIC_RELAXED);

	do {
		if (count == 0 || count == LONG_MAX)
			return false;
	} while (!__atomic_compare_exchange_n(&ref->refcount, &count, count + 1, true,
			__ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	return true;
}

/*
 * Give back a reference. The last one calls release(ref), after all that holders did before they
 * put theirs.
 */
static inline void urcu_ref_put(struct urcu_ref *ref, void (*release)(struct urcu_ref *))
{
	/* Release: this holder's accesses come before. Acquire: the last sees everybody's. */
	long count = __atomic_sub_fetch(&ref->refcount, 1, __ATOMIC_ACQ_REL);

	urcu_posix_assert(count >= 0);
	if (count == 0)
		release(ref);
}
