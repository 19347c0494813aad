/* SPDX-License-Identifier: MIT */
/*
 * defer_rcu, for the program: calls are put into the thread's ring, and run where it waits for them (ring.h).
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <urcu/compiler.h>

#include "callbacks/callbacks.h"
#include "callbacks/ring.h"
#include "system/sanitize.h"
#include "system/system.h"

/* ---- The owner's part ---- */

/* The calling thread's queue; without one, NULL after a report. */
static struct defer_queue *own_queue(struct workers *all, const char *function)
{
	struct defer_queue *queue = all->calls->own()->defer;

	if (caa_unlikely(!queue))
		quiesce_report("urcu_%s_%s: the thread has not called "
			       "urcu_%s_defer_register_thread", all->domain->name, function,
			       all->domain->name);
	return queue;
}

/*
 * In a deferred call that the thread runs, whoever runs more of that queue waits for himself. Reports that, and what is
 * done instead. queue: NULL: all.
 */
static bool waits_for_itself(const struct workers *all, const struct defer_queue *queue, const char *function,
		const char *instead)
{
	if (caa_likely(!quiesce_ring_runs(all, queue)))
		return false;
	quiesce_report("urcu_%s_%s: called in a deferred call: it would wait for itself; %s", all->domain->name,
		       function, instead);
	return true;
}

static void run_own(struct workers *all, struct defer_queue *queue, const char *function)
{
	unsigned long limit = queue->head;

	if (quiesce_ring_done(queue, limit))
		return;
	quiesce_workers_synchronize(all, function);
	quiesce_delay();
	__atomic_fetch_add(&queue->references, 1, __ATOMIC_RELAXED);
	quiesce_ring_run(queue, limit, function);
	quiesce_ring_release(queue);
}

static void run_at_once(struct workers *all, void (*fct)(void *p), void *p)
{
	quiesce_workers_synchronize(all, "defer_rcu");
	fct(p);
}

/* Returns false if the queue is full and stays so. */
static bool make_room(struct workers *all, struct defer_queue *queue)
{
	/* Acquire: the words we overwrite have been read. */
	if (caa_likely(queue->head - __atomic_load_n(&queue->tail, __ATOMIC_ACQUIRE) <= RING_SIZE - CALL_MAX))
		return true;
	if (waits_for_itself(all, queue, "defer_rcu", "its thread's queue is full, so what is deferred now runs at "
			     "once, after a grace period, before what is in there"))
		return false;
	run_own(all, queue, "defer_rcu");
	return true;
}

static void put(struct defer_queue *queue, unsigned long *head, uintptr_t word)
{
	queue->ring[(*head)++ & (RING_SIZE - 1)] = word;
}

void quiesce_defer(struct workers *all, void (*fct)(void *p), void *p)
{
	struct defer_queue *queue = own_queue(all, "defer_rcu");
	unsigned long head;

	if (caa_unlikely(!queue || !make_room(all, queue))) {
		run_at_once(all, fct, p);
		return;
	}
	head = queue->head;
	if (caa_unlikely(fct != queue->last || ((uintptr_t)p & 1))) {
		bool odd = (uintptr_t)fct & 1;

		queue->last = fct;
		if (odd)
			put(queue, &head, ESCAPE);
		put(queue, &head, odd ? (uintptr_t)fct : (uintptr_t)fct | 1);
	}
	put(queue, &head, (uintptr_t)p);
	quiesce_delay();
	quiesce_tell_release(&queue->head);
	/* Release: whoever sees the head sees the words. */
	__atomic_store_n(&queue->head, head, __ATOMIC_RELEASE);
	/* [D2] The store to head comes before this look; pairs with [D1] in come_to_rest. */
	if (caa_likely(all->domain->membarrier_granted))
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	else
		cmm_smp_mb();
	quiesce_delay();
	if (caa_unlikely(__atomic_load_n(&queue->rounds, __ATOMIC_RELAXED) < QUEUED))
		quiesce_ring_start(queue);
}

int quiesce_defer_register(struct workers *all)
{
	struct defer_queue *queue;
	void *memory;

	if (all->domain->calls->attend)
		all->domain->calls->attend();
	if (all->calls->own()->defer) {
		quiesce_report("urcu_%s_defer_register_thread: the thread is registered already",
			       all->domain->name);
		return 0;
	}
	if (posix_memalign(&memory, CAA_CACHE_LINE_SIZE, sizeof(*queue)) != 0)
		return -ENOMEM;
	queue = memory;
	__builtin_memset(queue, 0, offsetof(struct defer_queue, ring));
	queue->workers = all;
	queue->references = 1;
	all->calls->claim(all);
	pthread_mutex_lock(&all->defer.lock);
	queue->next = all->defer.list;
	/* Release: the child of a fork in between, which reads it without the lock, loses no other. */
	__atomic_store_n(&all->defer.list, queue, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&all->defer.lock);
	all->calls->own()->defer = queue;
	/* Without a thread, the first call tries again. */
	quiesce_worker_start(&all->deferred.own);
	return 0;
}

void quiesce_defer_unregister(struct workers *all)
{
	static const char name[] = "defer_unregister_thread";
	struct defer_queue *queue = own_queue(all, name), **link;

	if (!queue || waits_for_itself(all, queue, name, "the thread stays registered"))
		return;
	all->calls->claim(all);
	run_own(all, queue, name);
	quiesce_delay();
	all->calls->own()->defer = NULL;
	pthread_mutex_lock(&all->defer.lock);
	for (link = &all->defer.list; *link != queue; link = &(*link)->next)
		continue;
	*link = queue->next;
	pthread_mutex_unlock(&all->defer.lock);
	quiesce_ring_release(queue);
}

void quiesce_defer_barrier_thread(struct workers *all)
{
	static const char name[] = "defer_barrier_thread";
	struct defer_queue *queue = own_queue(all, name);

	if (queue && !waits_for_itself(all, queue, name, "it returns without waiting"))
		run_own(all, queue, name);
}

/* ---- Everybody's ---- */

/* Note how far each queue is filled; returns whether any holds something. */
static bool note_heads(struct defer_state *defer)
{
	struct defer_queue *queue;
	bool any = false;

	pthread_mutex_lock(&defer->lock);
	for (queue = defer->list; queue; queue = queue->next) {
		queue->barrier = quiesce_ring_head(queue);
		queue->noted = queue->orphan || !quiesce_ring_done(queue, queue->barrier);
		any |= queue->noted;
	}
	pthread_mutex_unlock(&defer->lock);
	return any;
}

/* A queue that has not been run up to its note yet, with a reference; NULL: none. */
static struct defer_queue *next_noted(struct defer_state *defer)
{
	struct defer_queue *queue;

	pthread_mutex_lock(&defer->lock);
	for (queue = defer->list; queue && !queue->noted; queue = queue->next)
		continue;
	if (queue) {
		queue->noted = false;
		__atomic_fetch_add(&queue->references, 1, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&defer->lock);
	return queue;
}

/* With turn held. Returns false, as run_locked does, if it may be another's by now. */
static bool run_all(struct workers *all)
{
	struct defer_state *defer = &all->defer;
	unsigned int forks = defer->forks;
	struct defer_queue *queue;

	if (!note_heads(defer))
		return true;
	quiesce_workers_synchronize(all, "defer_barrier");
	while (defer->forks == forks && (queue = next_noted(defer))) {
		quiesce_delay();
		quiesce_ring_run(queue, queue->barrier, "defer_barrier");
		quiesce_ring_bury(queue);
		quiesce_ring_release(queue);
	}
	return defer->forks == forks;
}

/* Somebody whose turn it is. In the child of a fork that a call made it is nobody's, or another's. */
struct turn {
	struct defer_state *defer;
	unsigned int forks;
};

/* A call may have ended the thread. */
static void end_turn(void *arg)
{
	struct turn *turn = arg;

	if (turn->forks == turn->defer->forks)
		quiesce_unlock(&turn->defer->turn);
}

void quiesce_defer_barrier(struct workers *all)
{
	struct turn turn = { .defer = &all->defer };
	bool done = waits_for_itself(all, NULL, "defer_barrier", "it returns without waiting");

	all->calls->claim(all);
	while (!done) {
		quiesce_ring_lock(all, NULL, "defer_barrier");
		__atomic_store_n(&all->defer.barrier, quiesce_self(), __ATOMIC_RELAXED);
		turn.forks = all->defer.forks;
		pthread_cleanup_push(end_turn, &turn);
		done = run_all(all);
		pthread_cleanup_pop(1);
	}
}

void quiesce_defer_exit(struct workers *all)
{
	all->calls->claim(all);
	pthread_mutex_lock(&all->defer.lock);
	if (all->defer.list)
		quiesce_report("urcu_%s_defer_exit: some thread has not called "
			       "urcu_%s_defer_unregister_thread", all->domain->name, all->domain->name);
	pthread_mutex_unlock(&all->defer.lock);
}
