/* SPDX-License-Identifier: MIT */
/*
 * Who runs deferred calls: whoever waits for them, or a worker of their own (deferred). As long as a ring is
 * not empty an rcu_head goes around there, which runs what was queued before its own grace period. No
 * barrier of callbacks looks at that worker: deferred calls are no callbacks, and may wait for some.
 */
#include <stdio.h>
#include <stdlib.h>

#include "callbacks/callbacks.h"
#include "callbacks/ring.h"
#include "system/sanitize.h"
#include "system/system.h"

void quiesce_ring_release(struct defer_queue *queue)
{
	/* Acquire and release: all use comes before the free. */
	if (__atomic_sub_fetch(&queue->references, 1, __ATOMIC_ACQ_REL) == 0)
		free(queue);
}

/*
 * Run one call, in a callback of worker (NULL: in none). The tail moves first: in a fork's child the call is not run
 * again.
 */
static void run_call(struct defer_queue *queue, struct worker *worker)
{
	unsigned long tail = queue->tail;
	uintptr_t word = queue->ring[tail++ & (RING_SIZE - 1)];
	deferred current = queue->current;

	if (word == ESCAPE)
		current = (deferred)queue->ring[tail++ & (RING_SIZE - 1)];
	else if (word & 1)
		current = (deferred)(word & ~(uintptr_t)1);
	if (word & 1)
		word = queue->ring[tail++ & (RING_SIZE - 1)];
	__atomic_store_n(&queue->current, current, __ATOMIC_RELAXED);
	if (worker)
		__atomic_store_n(&quiesce_worker_home(worker)->running, (void (*)(struct rcu_head *))(void (*)(void))current,
				 __ATOMIC_RELAXED);
	__atomic_store_n(&queue->tail, tail, __ATOMIC_RELEASE);
	quiesce_delay();
	current((void *)word);
	quiesce_delay();
}

/* In the child of a fork that a call made the lock is a new one, which another thread may have by now. */
static bool is_locked(const struct defer_run *run)
{
	return run->queue->workers->defer.forks == run->forks;
}

static void end_run(void *arg)
{
	struct defer_run *run = arg;

	run->queue->workers->calls->own()->runs = run->outer;
	if (!is_locked(run))
		return;
	quiesce_tell_release(&run->queue->ran);
	__atomic_store_n(&run->queue->ran, run->queue->tail, __ATOMIC_RELEASE);
	quiesce_let_go(&run->queue->holder);
	quiesce_unlock(&run->queue->lock);
}

bool quiesce_ring_runs(const struct workers *all, const struct defer_queue *queue)
{
	const struct defer_run *run = all->calls->own()->runs;

	while (run && !(is_locked(run) && (!queue || run->queue == queue)))
		run = run->outer;
	return run;
}

static bool is_to_pause(struct worker *worker)
{
	return worker && (quiesce_worker_asked(worker) & WORKER_PAUSE);
}

/*
 * With the lock held, which this gives up, also if a call ends the thread: run what was queued before head was
 * limit, or less if worker, whose callback this is (NULL: none's), is to pause for a fork. A call may be a
 * cancellation point; no cancel is to end the thread. Returns false in the child of a fork that a call made.
 */
static bool run_locked(struct defer_queue *queue, unsigned long limit, struct worker *worker)
{
	struct own_calls *own = queue->workers->calls->own();
	struct defer_run run = { queue, queue->workers->defer.forks, own->runs };
	int cancel;

	quiesce_hold(&queue->holder);
	own->runs = &run;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pthread_cleanup_push(end_run, &run);
	while (is_locked(&run) && (long)(limit - queue->tail) > 0 && !is_to_pause(worker)) {
		run_call(queue, worker);
		if (is_locked(&run)) {
			quiesce_tell_release(&queue->ran);
			__atomic_store_n(&queue->ran, queue->tail, __ATOMIC_RELEASE);
		}
	}
	pthread_cleanup_pop(1);
	pthread_setcancelstate(cancel, NULL);
	return is_locked(&run);
}

/* The queue whose calls a thread runs, with a reference; NULL: none. */
static struct defer_queue *run_by(struct defer_state *defer, const void *thread)
{
	struct defer_queue *queue;

	pthread_mutex_lock(&defer->lock);
	queue = defer->list;
	while (queue && __atomic_load_n(&queue->holder.thread, __ATOMIC_RELAXED) != thread)
		queue = queue->next;
	if (queue)
		__atomic_fetch_add(&queue->references, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&defer->lock);
	return queue;
}

static void look_at_call(struct workers *all, struct defer_queue *queue, struct watch *watch, const char *function)
{
	char waiter[64];

	if (!quiesce_holder_is_due(&queue->holder, __atomic_load_n(&queue->tail, __ATOMIC_RELAXED), watch))
		return;
	snprintf(waiter, sizeof(waiter), "urcu_%s_%s", all->domain->name, function);
	quiesce_function_report(all, "defer_rcu: a deferred call",
				(const void *)(uintptr_t)__atomic_load_n(&queue->current, __ATOMIC_RELAXED), &queue->holder,
				watch->waited - watch->since, waiter);
}

/* Who has the turn waits for a queue, and reports that himself, or runs one. */
static void look_at_turn(struct workers *all, struct watch *watch, const char *function)
{
	struct defer_state *defer = &all->defer;
	struct defer_queue *queue = run_by(defer, __atomic_load_n(&defer->barrier, __ATOMIC_RELAXED));

	if (!queue) {
		quiesce_watch_anew(watch, NULL, 0);
		return;
	}
	look_at_call(all, queue, watch, function);
	quiesce_ring_release(queue);
}

/* In a callback no fork waits for us meanwhile, so it must not find us with the lock. */
static void lock_patiently(struct workers *all, struct defer_queue *queue, const char *function)
{
	int32_t *lock = queue ? &queue->lock : &all->defer.turn;
	struct watch watch = quiesce_watch();

	while (!quiesce_lock_try(lock)) {
		struct worker *waiting = quiesce_worker_step_out();

		while (!quiesce_lock_step(lock, NULL, &watch))
			if (queue)
				look_at_call(all, queue, &watch, function);
			else
				look_at_turn(all, &watch, function);
		quiesce_unlock(lock);
		quiesce_worker_end_wait(waiting);
	}
}

void quiesce_ring_lock(struct workers *all, struct defer_queue *queue, const char *function)
{
	bool suspended = quiesce_domain_suspend(all->domain);

	lock_patiently(all, queue, function);
	quiesce_domain_resume(all->domain, suspended);
}

/* A call has ended the thread. */
static void end_visit(void *arg)
{
	struct defer_visit *visit = arg;

	visit->queue->workers->calls->own()->visits = visit->outer;
	quiesce_ring_release(visit->queue);
}

void quiesce_ring_run(struct defer_queue *queue, unsigned long limit, const char *function)
{
	struct defer_visit **visits = &queue->workers->calls->own()->visits;
	struct defer_visit visit = { queue, *visits };

	*visits = &visit;
	pthread_cleanup_push(end_visit, &visit);
	do
		quiesce_ring_lock(queue->workers, queue, function);
	while (!run_locked(queue, limit, NULL));
	pthread_cleanup_pop(0);
	*visits = visit.outer;
}

/* ---- The worker's part ---- */

void quiesce_ring_bury(struct defer_queue *queue)
{
	struct defer_state *defer = &queue->workers->defer;
	struct defer_queue **link = &defer->list;
	bool listed;

	/* Nobody but an owner puts around on its way while we are here, so tail stands still. */
	if (!queue->orphan || queue->tail != quiesce_ring_head(queue))
		return;
	pthread_mutex_lock(&defer->lock);
	while (*link && *link != queue)
		link = &(*link)->next;
	listed = *link != NULL;
	if (listed)
		*link = queue->next;
	pthread_mutex_unlock(&defer->lock);
	if (listed)
		quiesce_ring_release(queue);
}

static void go_around(struct rcu_head *head);

/* By the owner that found it at rest, or by around. */
static void queue_around(struct defer_queue *queue)
{
	queue->ripe = quiesce_ring_head(queue);
	queue->around.func = go_around;
	quiesce_enqueue(&queue->workers->deferred, &queue->around);
}

/*
 * Stop going around: all has been taken that was queued until head was taken. [D1] The store to rounds comes
 * before the look at head, while the owner's store to head comes before its look at rounds, [D2] in
 * quiesce_defer: one of us sees the other. The owner has no fence for that if a membarrier from here can be
 * one; if the kernel has come to refuse it, there is no rest any more. Returns false if there is something to
 * go on for.
 */
static bool come_to_rest(struct defer_queue *queue, unsigned long taken)
{
	enum rounds rest = AT_REST;
	bool ordered;

	__atomic_store_n(&queue->rounds, AT_REST, __ATOMIC_SEQ_CST);
	quiesce_delay();
	cmm_smp_mb();
	ordered = !queue->workers->domain->membarrier_granted || quiesce_try_order_all_threads();
	return (ordered && quiesce_ring_head(queue) == taken) ||
	       !__atomic_compare_exchange_n(&queue->rounds, &rest, RUNNING, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* While it runs, nobody forks without waiting for it, but for what run_locked runs. */
static void go_on(struct defer_queue *queue)
{
	__atomic_store_n(&queue->rounds, QUEUED, __ATOMIC_SEQ_CST);
	quiesce_delay();
	queue_around(queue);
}

/* A call has ended the worker's thread: another goes on. */
static void go_on_after(void *arg)
{
	go_on(arg);
}

/*
 * It does not wait for another thread that runs the calls. One of these may wait for a reader, who may be about
 * to fork, which waits for this callback.
 */
static void go_around(struct rcu_head *head)
{
	struct defer_queue *queue = caa_container_of(head, struct defer_queue, around);
	unsigned long taken;
	bool ran;

	queue->runner = quiesce_worker_current(queue->workers);
	__atomic_store_n(&queue->rounds, RUNNING, __ATOMIC_SEQ_CST);
	quiesce_delay();
	pthread_cleanup_push(go_on_after, queue);
	ran = quiesce_lock_try(&queue->lock) && run_locked(queue, queue->ripe, queue->runner);
	pthread_cleanup_pop(0);
	quiesce_delay();
	/* The owner may have taken more: then there is nothing to go around for, at exit above all. */
	taken = __atomic_load_n(&queue->tail, __ATOMIC_ACQUIRE);
	if (!ran || quiesce_ring_head(queue) != taken || !come_to_rest(queue, taken)) {
		go_on(queue);
		return;
	}
	quiesce_ring_bury(queue);
	quiesce_ring_release(queue);
}

void quiesce_ring_start(struct defer_queue *queue)
{
	enum rounds rounds = AT_REST;

	if (__atomic_compare_exchange_n(&queue->rounds, &rounds, UNSERVED, false, __ATOMIC_SEQ_CST,
					__ATOMIC_RELAXED)) {
		__atomic_fetch_add(&queue->references, 1, __ATOMIC_RELAXED);
		quiesce_delay();
		queue_around(queue);
	} else if (rounds == UNSERVED) {
		quiesce_queue_start(&queue->workers->deferred);
	}
	rounds = UNSERVED;
	if (quiesce_worker_state(&queue->workers->deferred.own) & WORKER_THREAD)
		__atomic_compare_exchange_n(&queue->rounds, &rounds, QUEUED, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* ---- Forks ---- */

/* In a fork's child. One whose worker died before it looked whether there is more is at rest and not empty. */
static bool has_to_go_around(const struct defer_queue *queue)
{
	return queue->rounds != AT_REST || queue->tail != queue->head;
}

/*
 * The queues stay, and what is in them runs. A call that a dead thread was in the middle of running has run, as
 * far as it came. References of dead threads are forgotten.
 */
void quiesce_defer_child(struct workers *all)
{
	struct defer_state *defer = &all->defer;
	struct defer_queue *queue;
	struct defer_visit *visit;

	defer->forks++;
	defer->turn = 0;
	pthread_mutex_init(&defer->lock, NULL);
	for (queue = defer->list; queue; queue = queue->next) {
		queue->lock = 0;
		quiesce_let_go(&queue->holder);
		queue->ran = queue->tail;
		queue->references = 1U + has_to_go_around(queue);
		queue->orphan = queue != all->calls->own()->defer;
	}
	for (visit = all->calls->own()->visits; visit; visit = visit->outer)
		visit->queue->references++;
}

/*
 * What goes around is queued anew, in a queue that holds nothing else, but for the one whose call forks.
 * Without a thread to run it yet: as with all that is inherited, whoever uses it next makes one.
 */
void quiesce_defer_restart(struct workers *all)
{
	struct call_rcu_data *deferred = &all->deferred;
	const struct worker *current = quiesce_worker_current(all);
	struct defer_queue *queue;

	deferred->newest = deferred->taken = deferred->turned = NULL;
	deferred->waiting = deferred->batch = NULL;
	deferred->ripe = deferred->takes;
	if (!current || current->serving != deferred)
		deferred->done = deferred->takes;
	for (queue = all->defer.list; queue; queue = queue->next) {
		if (!has_to_go_around(queue) ||
		    (queue->rounds == RUNNING && queue->runner == current))
			continue;
		queue->rounds = UNSERVED;
		queue->ripe = queue->head;
		queue->around.func = go_around;
		quiesce_queue_push(deferred, &queue->around);
	}
}
