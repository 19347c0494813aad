/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>

struct defer_queue;
struct flavor;

/*
 * defer_rcu of a flavor: the queues of its threads. turn: one rcu_defer_barrier at a time. list:
 * under lock, which is not held while anything is waited for or run.
 */
struct defer_state {
	pthread_mutex_t turn;
	pthread_mutex_t lock;
	struct defer_queue *list;
	unsigned int forks;		/* children deep; written in the child by its only thread */
};

#define DEFER_STATE_INIT { PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, NULL, 0 }

/* urcu/defer.h has the contracts. */
void quiesce_defer(struct flavor *flavor, void (*fct)(void *p), void *p);
int quiesce_defer_register(struct flavor *flavor);
void quiesce_defer_unregister(struct flavor *flavor);
void quiesce_defer_barrier(struct flavor *flavor);
void quiesce_defer_barrier_thread(struct flavor *flavor);
void quiesce_defer_exit(struct flavor *flavor);

/* In a fork's child: the locks are nobody's. */
void quiesce_defer_child(struct flavor *flavor);
/* ...and, once the workers are whole, its callbacks. */
void quiesce_defer_restart(struct flavor *flavor);
