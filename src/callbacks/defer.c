/* SPDX-License-Identifier: MIT */
/*
 * defer_rcu. Each thread has a ring of words that it alone fills; a call is one to three of them:
 *
 *	p			run the last function named again, on p
 *	fct | 1, p		run fct on p
 *	ESCAPE, fct, p		the same, for functions and arguments with their lowest bit set
 *
 * so a function that is repeated on ordinary pointers costs a word. Whoever empties a ring holds
 * its lock, and only while it runs callbacks: nobody waits for a grace period with it held, so an
 * online qsbr thread can go offline before it waits for the lock, and no two wait for each other.
 *
 * What the owner leaves in the ring is run by a worker of its own (deferred): as long as the ring is
 * not empty an rcu_head goes around there, which runs what was queued before its own grace period. No
 * barrier of callbacks looks at that worker: deferred calls are no callbacks, and may wait for some.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <urcu/compiler.h>

#include "callbacks/callbacks.h"
#include "system/sanitize.h"
#include "system/system.h"

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
	deferred current;		/* function that a lone p is run with */
	pthread_mutex_t lock;

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

static void release(struct defer_queue *queue)
{
	/* Acquire and release: all use comes before the free. */
	if (__atomic_sub_fetch(&queue->references, 1, __ATOMIC_ACQ_REL) == 0) {
		pthread_mutex_destroy(&queue->lock);
		free(queue);
	}
}

static unsigned long load_head(const struct defer_queue *queue)
{
	unsigned long head = __atomic_load_n(&queue->head, __ATOMIC_ACQUIRE);

	quiesce_tell_acquire(&queue->head);
	return head;
}

/* Whether all has run. While the last call runs, the tail is at the head already. */
static bool is_done(const struct defer_queue *queue, unsigned long head)
{
	/* Acquire: what the calls did comes before. */
	bool done = __atomic_load_n(&queue->ran, __ATOMIC_ACQUIRE) == head;

	quiesce_tell_acquire(&queue->ran);
	return done;
}

/* Run one call. The tail moves first: in a fork's child the call is not run again. */
static void run_call(struct defer_queue *queue)
{
	unsigned long tail = queue->tail;
	uintptr_t word = queue->ring[tail++ & (RING_SIZE - 1)];

	if (word == ESCAPE)
		queue->current = (deferred)queue->ring[tail++ & (RING_SIZE - 1)];
	else if (word & 1)
		queue->current = (deferred)(word & ~(uintptr_t)1);
	if (word & 1)
		word = queue->ring[tail++ & (RING_SIZE - 1)];
	__atomic_store_n(&queue->tail, tail, __ATOMIC_RELEASE);
	quiesce_delay();
	queue->current((void *)word);
	quiesce_delay();
}

/* Somebody who runs calls, with the queue's lock. */
struct run {
	struct defer_queue *queue;
	unsigned int forks;
};

/* In the child of a fork that a call made the lock is a new one, which another thread may have by now. */
static bool is_locked(const struct run *run)
{
	return run->queue->workers->defer.forks == run->forks;
}

static void end_run(void *arg)
{
	struct run *run = arg;

	if (!is_locked(run))
		return;
	quiesce_tell_release(&run->queue->ran);
	__atomic_store_n(&run->queue->ran, run->queue->tail, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&run->queue->lock);
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
	struct run run = { queue, queue->workers->defer.forks };
	int cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pthread_cleanup_push(end_run, &run);
	while (is_locked(&run) && (long)(limit - queue->tail) > 0 && !is_to_pause(worker)) {
		run_call(queue);
		if (is_locked(&run)) {
			quiesce_tell_release(&queue->ran);
			__atomic_store_n(&queue->ran, queue->tail, __ATOMIC_RELEASE);
		}
	}
	pthread_cleanup_pop(1);
	pthread_setcancelstate(cancel, NULL);
	return is_locked(&run);
}

/*
 * Lock what somebody may hold while he waits: turn, or a queue's lock, in a call that waits. In a
 * callback no fork waits for us meanwhile, so it must not find us with the lock.
 */
static void lock_patiently(pthread_mutex_t *mutex)
{
	while (pthread_mutex_trylock(mutex) != 0) {
		struct worker *waiting = quiesce_worker_step_out();

		pthread_mutex_lock(mutex);
		pthread_mutex_unlock(mutex);
		quiesce_worker_end_wait(waiting);
	}
}

static void lock_offline(struct workers *all, pthread_mutex_t *mutex)
{
	bool suspended = quiesce_domain_suspend(all->domain);

	lock_patiently(mutex);
	quiesce_domain_resume(all->domain, suspended);
}

/* A call has ended the thread. */
static void end_visit(void *arg)
{
	struct defer_visit *visit = arg;

	visit->queue->workers->calls->own()->visits = visit->outer;
	release(visit->queue);
}

/* With a reference: run what was queued before head was limit. A grace period has passed since. */
static void run_until(struct defer_queue *queue, unsigned long limit)
{
	struct defer_visit **visits = &queue->workers->calls->own()->visits;
	struct defer_visit visit = { queue, *visits };

	*visits = &visit;
	pthread_cleanup_push(end_visit, &visit);
	do
		lock_offline(queue->workers, &queue->lock);
	while (!run_locked(queue, limit, NULL));
	pthread_cleanup_pop(0);
	*visits = visit.outer;
}

/* ---- The worker's part ---- */

/* In a fork's child: free a dead thread's queue when all of it has run. */
static void bury(struct defer_queue *queue)
{
	struct defer_state *defer = &queue->workers->defer;
	struct defer_queue **link = &defer->list;
	bool listed;

	/* Nobody but an owner puts around on its way while we are here, so tail stands still. */
	if (!queue->orphan || queue->tail != load_head(queue))
		return;
	pthread_mutex_lock(&defer->lock);
	while (*link && *link != queue)
		link = &(*link)->next;
	listed = *link != NULL;
	if (listed)
		*link = queue->next;
	pthread_mutex_unlock(&defer->lock);
	if (listed)
		release(queue);
}

static void go_around(struct rcu_head *head);

/* By the owner that found it at rest, or by around. */
static void queue_around(struct defer_queue *queue)
{
	queue->ripe = load_head(queue);
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
	return (ordered && load_head(queue) == taken) ||
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
	ran = pthread_mutex_trylock(&queue->lock) == 0 && run_locked(queue, queue->ripe, queue->runner);
	pthread_cleanup_pop(0);
	quiesce_delay();
	/* The owner may have taken more: then there is nothing to go around for, at exit above all. */
	taken = __atomic_load_n(&queue->tail, __ATOMIC_ACQUIRE);
	if (!ran || load_head(queue) != taken || !come_to_rest(queue, taken)) {
		go_on(queue);
		return;
	}
	bury(queue);
	release(queue);
}

/* The owner finds around at rest, or perhaps without a thread. */
static void start_rounds(struct defer_queue *queue)
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

static void make_room(struct workers *all, struct defer_queue *queue)
{
	unsigned long limit = queue->head;

	quiesce_workers_synchronize(all);
	quiesce_delay();
	__atomic_fetch_add(&queue->references, 1, __ATOMIC_RELAXED);
	run_until(queue, limit);
	release(queue);
}

static void put(struct defer_queue *queue, unsigned long *head, uintptr_t word)
{
	queue->ring[(*head)++ & (RING_SIZE - 1)] = word;
}

void quiesce_defer(struct workers *all, void (*fct)(void *p), void *p)
{
	struct defer_queue *queue = own_queue(all, "defer_rcu");
	unsigned long head;

	if (caa_unlikely(!queue)) {
		quiesce_workers_synchronize(all);
		fct(p);
		return;
	}
	head = queue->head;
	/* Acquire: the words we overwrite have been read. */
	if (caa_unlikely(head - __atomic_load_n(&queue->tail, __ATOMIC_ACQUIRE) >
			 RING_SIZE - CALL_MAX))
		make_room(all, queue);
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
		start_rounds(queue);
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
	pthread_mutex_init(&queue->lock, NULL);
	queue->workers = all;
	queue->references = 1;
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
	struct defer_queue *queue = own_queue(all, "defer_unregister_thread"), **link;

	if (!queue)
		return;
	quiesce_defer_barrier_thread(all);
	quiesce_delay();
	all->calls->own()->defer = NULL;
	pthread_mutex_lock(&all->defer.lock);
	for (link = &all->defer.list; *link != queue; link = &(*link)->next)
		continue;
	*link = queue->next;
	pthread_mutex_unlock(&all->defer.lock);
	release(queue);
}

void quiesce_defer_barrier_thread(struct workers *all)
{
	struct defer_queue *queue = own_queue(all, "defer_barrier_thread");

	if (queue && !is_done(queue, queue->head))
		make_room(all, queue);
}

/* ---- Everybody's ---- */

/* Note how far each queue is filled; returns whether any holds something. */
static bool note_heads(struct defer_state *defer)
{
	struct defer_queue *queue;
	bool any = false;

	pthread_mutex_lock(&defer->lock);
	for (queue = defer->list; queue; queue = queue->next) {
		queue->barrier = load_head(queue);
		queue->noted = queue->orphan || !is_done(queue, queue->barrier);
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
	quiesce_workers_synchronize(all);
	while (defer->forks == forks && (queue = next_noted(defer))) {
		quiesce_delay();
		run_until(queue, queue->barrier);
		bury(queue);
		release(queue);
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
		pthread_mutex_unlock(&turn->defer->turn);
}

void quiesce_defer_barrier(struct workers *all)
{
	struct turn turn = { .defer = &all->defer };
	bool done = false;

	while (!done) {
		lock_offline(all, &all->defer.turn);
		turn.forks = all->defer.forks;
		pthread_cleanup_push(end_turn, &turn);
		done = run_all(all);
		pthread_cleanup_pop(1);
	}
}

void quiesce_defer_exit(struct workers *all)
{
	pthread_mutex_lock(&all->defer.lock);
	if (all->defer.list)
		quiesce_report("urcu_%s_defer_exit: some thread has not called "
			       "urcu_%s_defer_unregister_thread", all->domain->name, all->domain->name);
	pthread_mutex_unlock(&all->defer.lock);
}

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
	pthread_mutex_init(&defer->turn, NULL);
	pthread_mutex_init(&defer->lock, NULL);
	for (queue = defer->list; queue; queue = queue->next) {
		pthread_mutex_init(&queue->lock, NULL);
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
