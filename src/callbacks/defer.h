/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Deferred calls: who runs them (rounds.c), and what the program calls (defer.c). A part of callbacks.h, which says
 * what else there is; ring.h says in which form they are kept.
 */

#include <pthread.h>
#include <stdint.h>

struct defer_queue;
struct workers;

/*
 * The queues of a domain's deferred calls. turn: one rcu_defer_barrier at a time. list: under lock,
 * which is not held while anything is waited for or run.
 */
struct defer_state {
	int32_t turn;			/* quiesce_lock_try */
	const void *barrier;		/* quiesce_self() of who had it last; by himself, atomically */
	pthread_mutex_t lock;
	struct defer_queue *list;
	unsigned int forks;		/* children deep; written in the child by its only thread */
};

/* ---- Who runs deferred calls: rounds.c ---- */

/* In a fork's child: the locks are nobody's. */
void quiesce_defer_child(struct workers *all);
/* ...and, once the workers are whole, its calls. */
void quiesce_defer_restart(struct workers *all);

/* ---- Deferred calls, for the program: defer.c. urcu/defer.h has the contracts. ---- */

void quiesce_defer(struct workers *all, void (*fct)(void *p), void *p);
int quiesce_defer_register(struct workers *all);
void quiesce_defer_unregister(struct workers *all);
void quiesce_defer_barrier(struct workers *all);
void quiesce_defer_barrier_thread(struct workers *all);
void quiesce_defer_exit(struct workers *all);
