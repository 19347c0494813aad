/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Waiting: the one place in the tree that sleeps on a futex or wakes one.
 *
 * Every waiter looks at its condition, sleeps on a word that changes with the condition, and looks
 * again: a wake-up without cause costs a look and nothing else.
 */

#include <stdbool.h>
#include <stdint.h>

#define QUIESCE_NS_PER_US	UINT64_C(1000)
#define QUIESCE_NS_PER_MS	UINT64_C(1000000)
#define QUIESCE_NS_PER_S	UINT64_C(1000000000)
#define QUIESCE_FOREVER		UINT64_MAX

/*
 * CLOCK_MONOTONIC in nanoseconds, as the C library tells it: a program may have put a clock of its
 * own in its place (libfaketime), which is far off, stands still or jumps. Good for how long to spin
 * or to linger, each of which has a bound in counts beside it; never for a deadline.
 */
uint64_t quiesce_now(void);

/*
 * Sleep while *word is value, until woken. left (NULL: no limit) is how many nanoseconds the caller
 * may still wait in all (QUIESCE_FOREVER: no limit): the wait takes what it used off that. The
 * kernel measures it; of a wait that was woken a clock tells how long it took, and at most
 * QUIESCE_WAIT_MAX is believed of it. Returns false when nothing is left; true tells nothing but to
 * look again, and comes after QUIESCE_WAIT_MAX at the latest if there is a limit.
 *
 * The word must belong to this process alone.
 */
#define QUIESCE_WAIT_MAX	(100 * QUIESCE_NS_PER_MS)
bool quiesce_wait(int32_t *word, int32_t value, uint64_t *left);

/* Wake up to count sleepers (INT_MAX: all) of quiesce_wait on word. */
void quiesce_wake(int32_t *word, int count);

/*
 * The same on gp.futex, which readers inlined into programs wake by the shared operation:
 * a private sleeper would never hear of it.
 */
bool quiesce_wait_shared(int32_t *word, int32_t value, uint64_t *left);
void quiesce_wake_shared(int32_t *word, int count);

/* Sleep for so long; nobody wakes it. For readers that wake nobody (bp). */
void quiesce_sleep(uint64_t ns);

/* Sleep for ns, or for as long as is left, and take it off that. */
static inline void quiesce_spend(uint64_t *left, uint64_t ns)
{
	if (ns > *left)
		ns = *left;
	quiesce_sleep(ns);
	*left -= ns;
}
