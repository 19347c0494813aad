/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The queue of a thread's deferred calls, as rounds.c, which runs them, and defer.c, for the program, know it. A ring of
 * words that the thread alone fills; a call is one to three of them:
 *
 *	p			run the last function named again, on p
 *	fct | 1, p		run fct on p
 *	ESCAPE, fct, p		the same, for functions and arguments with their lowest bit set
 *
 * so a function that is repeated on ordinary pointers costs a word. Whoever empties a ring holds
 * its lock, and only while it runs callbacks: nobody waits for a grace period with it held, so an
 * online qsbr thread can go offline before it waits for the lock, and no two wait for each other.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <urcu/compiler.h>

#include "callbacks/callbacks.h"
#include "system/sanitize.h"

#define RING_SIZE	4096UL		/* words; power of two */
#define CALL_MAX	3UL		/* words of a call */
#define ESCAPE		UINTPTR_MAX

typedef void (*deferred)(void *p);

/* Where around is. The owner cares for the first two. */
enum rounds {
	AT_REST,
	UNSERVED,	/* queued, and there may be no thread */
	QUEUED,		/* the owner is about to queue it, or has */
	RUNNING,
};

struct defer_queue {
	/* Written by the owner alone. */
	unsigned long head;		/* words ever written; read by others atomically */
	deferred last;			/* function named last */
	/* Written under lock. */
	unsigned long tail __attribute__((aligned(CAA_CACHE_LINE_SIZE)));	/* words ever taken */
	unsigned long ran;		/* ...whose calls have come to an end */
	deferred current;		/* function that a lone p is run with; read by others atomically */
	struct holder holder;		/* who has the lock */
	int32_t lock;			/* quiesce_lock_try */

	enum rounds rounds;		/* where around is; set atomically */
	struct worker *runner;		/* while rounds is RUNNING: whose callback it is */
	unsigned long ripe;		/* what around may run; written with it queued or by it */
	struct rcu_head around;
	struct workers *workers;
	unsigned int references;	/* owner, around, visits; changed atomically */
	/* Written under defer.lock. */
	struct defer_queue *next;
	unsigned long barrier;		/* what the barrier under way may run */
	bool noted;			/* ...and has not yet */
	bool orphan;			/* in a fork's child: the owner is gone */
	uintptr_t ring[RING_SIZE];
};

/* A call that forks is in one; a call may fill its thread's own queue, so it may be in another. */
struct defer_visit {
	struct defer_queue *queue;
	struct defer_visit *outer;
};

/* Somebody who runs calls, with the queue's lock. */
struct defer_run {
	struct defer_queue *queue;
	unsigned int forks;
	const struct defer_run *outer;	/* of the same thread */
};

static inline unsigned long quiesce_ring_head(const struct defer_queue *queue)
{
	unsigned long head = __atomic_load_n(&queue->head, __ATOMIC_ACQUIRE);

	quiesce_tell_acquire(&queue->head);
	return head;
}

/* Whether all has run. While the last call runs, the tail is at the head already. */
static inline bool quiesce_ring_done(const struct defer_queue *queue, unsigned long head)
{
	/* Acquire: what the calls did comes before. */
	bool done = __atomic_load_n(&queue->ran, __ATOMIC_ACQUIRE) == head;

	quiesce_tell_acquire(&queue->ran);
	return done;
}

/* Give up a reference. Whoever has the last one frees the queue. */
void quiesce_ring_release(struct defer_queue *queue);

/*
 * With a reference: run what was queued before head was limit. A grace period has passed since. function: for reports, what
 * the program called.
 */
void quiesce_ring_run(struct defer_queue *queue, unsigned long limit, const char *function);

/*
 * Whether the calling thread is in a call that it runs, of queue or (NULL) of any, with its lock: to run more of it
 * would be to wait for itself. Not in the child of a fork that the call made.
 */
bool quiesce_ring_runs(const struct workers *all, const struct defer_queue *queue);

/* In a fork's child: free a dead thread's queue when all of it has run. */
void quiesce_ring_bury(struct defer_queue *queue);

/* By the owner, which finds around at rest, or perhaps without a thread. */
void quiesce_ring_start(struct defer_queue *queue);

/*
 * Lock what somebody may hold while he waits, in a call that waits, an online thread of qsbr offline: queue's lock, or
 * (NULL) turn. function as above.
 */
void quiesce_ring_lock(struct workers *all, struct defer_queue *queue, const char *function);
