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

/* CLOCK_MONOTONIC in nanoseconds: the clock of every deadline here. */
uint64_t quiesce_now(void);

/*
 * Sleep while *word is value, until woken or until the deadline (of quiesce_now, or
 * QUIESCE_FOREVER). Returns false if the deadline passed; true tells nothing but to look again.
 * The word must belong to this process alone.
 */
bool quiesce_wait(int32_t *word, int32_t value, uint64_t deadline);

/* Wake up to count sleepers (INT_MAX: all) of quiesce_wait on word. */
void quiesce_wake(int32_t *word, int count);

/*
 * The same on gp.futex, which readers inlined into programs wake by the shared operation:
 * a private sleeper would never hear of it.
 */
bool quiesce_wait_shared(int32_t *word, int32_t value, uint64_t deadline);
void quiesce_wake_shared(int32_t *word, int count);

/* Sleep until the deadline; nobody wakes it. For readers that wake nobody (bp). */
void quiesce_sleep_until(uint64_t deadline);
