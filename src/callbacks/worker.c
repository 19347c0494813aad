/* SPDX-License-Identifier: MIT */
/* What a worker does: rounds, and what comes between them. */
#include <limits.h>
#include <stdlib.h>

#include "callbacks/callbacks.h"
#include "system/probe.h"
#include "system/sanitize.h"
#include "system/system.h"

/* At most this long from the end of a round to the start of the next, to gather callbacks. */
#define LINGER_TIME	(10 * QUIESCE_NS_PER_MS)
/* How often a worker that no producer wakes (URCU_CALL_RCU_RT) looks for work. */
#define RT_PERIOD	(10 * QUIESCE_NS_PER_MS)
/* Links turned around between two looks for a pause; callbacks run between two looks for more. */
#define TURN_STRIDE	256
/* Rounds between two looks of a bound worker at the CPU that it runs on. */
#define BIND_STRIDE	256

/*
 * Between two steps of a batch: let a fork pass, and grace periods that wait for us (qsbr). False:
 * leave instead.
 */
static bool take_breath(struct worker *worker)
{
	const struct domain *domain = quiesce_workers_of(worker)->domain;
	bool suspended, busy;
	int32_t state;

	if (domain->calls->announce)
		domain->calls->announce();
	state = __atomic_load_n(&worker->state, __ATOMIC_RELAXED);
	if (caa_likely(!(state & (WORKER_PAUSE | WORKER_STOP | WORKER_WATCHED))))
		return true;
	if (!(quiesce_worker_asked(worker) & (WORKER_PAUSE | WORKER_STOP)))
		return true;
	suspended = quiesce_domain_suspend(domain);
	quiesce_worker_become_free(worker);
	busy = quiesce_worker_become_busy(worker);
	quiesce_domain_resume(domain, suspended);
	return busy;
}

/* ---- Whom it serves: its own queue, and stopped ones that it has to finish ---- */

/* The standard queue's worker, who fosters the orphans; nobody else sees them. */
static bool is_foster(const struct worker *worker)
{
	return worker == &quiesce_workers_of(worker)->standard.own;
}

/* Its own queue, then what it fosters: what comes after queue (NULL: at the start). */
static struct call_rcu_data *next_served(const struct worker *worker, const struct call_rcu_data *queue)
{
	if (!queue)
		return quiesce_worker_home(worker);
	return queue == quiesce_worker_home(worker) ? worker->fostered : queue->next_fostered;
}

static void adopt_orphans(struct worker *worker)
{
	struct workers *all = quiesce_workers_of(worker);
	struct call_rcu_data *queue;

	if (!is_foster(worker) || !__atomic_load_n(&all->orphans, __ATOMIC_RELAXED))
		return;
	quiesce_workers_lock(all, "call_rcu: a worker");
	while ((queue = all->orphans)) {
		__atomic_store_n(&all->orphans, queue->next_fostered, __ATOMIC_RELAXED);
		quiesce_delay();
		queue->next_fostered = worker->fostered;
		worker->fostered = queue;
	}
	quiesce_unlock(&all->lock);
}

static void bury_orphans(struct worker *worker)
{
	struct workers *all = quiesce_workers_of(worker);
	struct call_rcu_data **link = &worker->fostered, *queue;

	while ((queue = *link)) {
		if (quiesce_queue_has_work(queue)) {
			link = &queue->next_fostered;
			continue;
		}
		quiesce_delay();
		quiesce_workers_lock(all, "call_rcu: a worker");
		*link = queue->next_fostered;
		queue = quiesce_queue_retire(queue);
		quiesce_unlock(&all->lock);
		free(queue);
	}
}

/* ---- A round ---- */

bool quiesce_worker_is_called(const struct worker *worker)
{
	struct workers *all = quiesce_workers_of(worker);

	return __atomic_load_n(&quiesce_worker_home(worker)->newest, __ATOMIC_SEQ_CST) ||
	       (is_foster(worker) && (__atomic_load_n(&all->orphans, __ATOMIC_SEQ_CST) ||
				      quiesce_sweep_is_wanted(all) || all->calls->errand(all)));
}

bool quiesce_worker_has_work(const struct worker *worker)
{
	const struct call_rcu_data *queue = NULL;

	if (quiesce_worker_is_called(worker))
		return true;
	while ((queue = next_served(worker, queue)))
		if (quiesce_queue_has_work(queue))
			return true;
	return false;
}

/*
 * Oldest first: move links from taken to the front of turned. A child that the parent forked without the hooks
 * finds what was done up to a point (quiesce_queue_mend); the compiler must not change the order.
 */
static bool turn_around(struct worker *worker, struct call_rcu_data *queue)
{
	unsigned long i = 0;

	while (queue->taken) {
		struct cds_wfcq_node *node = queue->taken;

		queue->taken = node->next;
		cmm_barrier();
		quiesce_delay();
		if (!queue->turned)
			queue->turned_last = node;
		node->next = queue->turned;
		cmm_barrier();
		queue->turned = node;
		queue->carried++;
		if (++i % TURN_STRIDE == 0) {
			queue->counted += TURN_STRIDE;
			if (!take_breath(worker))
				return false;
		}
	}
	queue->counted += i % TURN_STRIDE;
	/* Who turns a circle around comes back to where he began. */
	if (caa_likely(queue->turned != queue->turned_last || !queue->turned || !queue->turned->next))
		return true;
	return !quiesce_queue_break_circle(queue) || turn_around(worker, queue);
}

static void append(struct call_rcu_data *queue)
{
	if (!queue->turned)
		return;
	if (queue->waiting)
		queue->waiting_last->next = queue->turned;
	else
		queue->waiting = queue->turned;
	cmm_barrier();
	queue->turned = NULL;
	cmm_barrier();
	queue->waiting_last = queue->turned_last;
}

/*
 * What is about to be taken is counted twice for a moment, and not left out: release, for those who add what was
 * pushed since, which they look at first, to what is held.
 */
static void count_as_held(struct call_rcu_data *queue)
{
	unsigned long pushed = __atomic_load_n(&queue->pushed, __ATOMIC_RELAXED);
	unsigned long held = queue->carried + quiesce_queue_count(queue);

	if (held > queue->most)
		__atomic_store_n(&queue->most, held, __ATOMIC_RELAXED);
	__atomic_store_n(&queue->held, held, __ATOMIC_RELAXED);
	__atomic_store_n(&queue->seen, pushed, __ATOMIC_RELEASE);
}

/*
 * Have all that was pushed wait, behind what waits already. takes is raised before newest is emptied:
 * rcu_barrier reads them in the other order [B1]. False: interrupted by a stop.
 */
static bool absorb(struct worker *worker, struct call_rcu_data *queue)
{
	/* Left half done by a server that stopped. */
	if (!turn_around(worker, queue))
		return false;
	append(queue);
	if (!__atomic_load_n(&queue->newest, __ATOMIC_SEQ_CST))
		return true;
	count_as_held(queue);
	/* [B2] pairs with [B1] in src/callbacks/barrier.c. */
	__atomic_store_n(&queue->takes, queue->takes + 1, __ATOMIC_SEQ_CST);
	quiesce_delay();
	queue->taken = __atomic_exchange_n(&queue->newest, NULL, __ATOMIC_SEQ_CST);
	if (!turn_around(worker, queue))
		return false;
	append(queue);
	quiesce_queue_tell(queue, false);
	return true;
}

/* A batch that was left half done comes first. */
static void ripen(struct call_rcu_data *queue)
{
	if (queue->batch)
		return;
	if (queue->waiting)
		__atomic_store_n(&queue->batches, queue->batches + 1, __ATOMIC_RELAXED);
	queue->batch = queue->waiting;
	cmm_barrier();
	queue->waiting = NULL;
	cmm_barrier();
	queue->ripe = queue->takes;
}

/*
 * [B3] All that was taken up to ripe has run, and is counted; pairs with [B4] in src/callbacks/barrier.c. [B5] done is
 * stored before the look for barriers; pairs with [B6] in src/callbacks/barrier.c: either we see one, or it sees done.
 */
static void tell_done(struct call_rcu_data *queue)
{
	bool done = !queue->batch;

	quiesce_queue_tell(queue, done);
	if (!done)
		return;
	quiesce_tell_release(&queue->done);
	__atomic_store_n(&queue->done, queue->ripe, __ATOMIC_SEQ_CST);
	quiesce_delay();
	if (__atomic_load_n(&queue->barriers, __ATOMIC_SEQ_CST))
		quiesce_queue_wake_barriers(queue);
}

static void run(struct call_rcu_data *queue, struct rcu_head *head)
{
	void (*func)(struct rcu_head *head) = head->func;

	__atomic_store_n(&queue->running, func, __ATOMIC_RELAXED);
	quiesce_probe(callback_begin, queue, func, head);
	func(head);
	quiesce_probe(callback_end, queue, queue->running, queue->carried);
}

/* False: interrupted by a stop. Callbacks may be left. */
static bool run_queue(struct worker *worker, struct call_rcu_data *queue)
{
	bool busy = true;

	for (unsigned int i = 1; busy && queue->batch; i++) {
		struct rcu_head *head = caa_container_of(queue->batch, struct rcu_head, next);

		queue->batch = head->next.next;
		queue->carried--;
		if (queue->batch)
			__builtin_prefetch(queue->batch);
		quiesce_delay();
		quiesce_tell_acquire(head);
		if (caa_unlikely(quiesce_is_offset(head->func)))
			quiesce_release(queue->workers, (char *)head - ((uintptr_t)head->func - 1));
		else
			run(queue, head);
		busy = take_breath(worker);
		if (i % TURN_STRIDE)
			continue;
		quiesce_queue_tell(queue, false);
		if (busy && queue == quiesce_worker_home(worker) && quiesce_queue_count(queue) >= TURN_STRIDE)
			busy = absorb(worker, queue);
	}
	quiesce_delay();
	tell_done(queue);
	return busy;
}

/* For whoever watches. */
static void serve(struct worker *worker, struct call_rcu_data *queue)
{
	__atomic_store_n(&worker->serving, queue, __ATOMIC_RELAXED);
}

/*
 * What is in a batch is ripe: a grace period has passed since, in this round or before. Stopped queues
 * come first, and to their end: to them nothing was pushed since.
 */
static bool run_ripe(struct worker *worker)
{
	struct call_rcu_data *queue;
	bool busy = true;

	for (queue = worker->fostered; busy && queue; queue = queue->next_fostered)
		while (busy && (queue->batch || queue->waiting)) {
			ripen(queue);
			serve(worker, queue);
			busy = run_queue(worker, queue);
		}
	serve(worker, quiesce_worker_home(worker));
	if (busy)
		busy = run_queue(worker, worker->serving);
	serve(worker, NULL);
	return busy;
}

/*
 * When its first callbacks are due, so that a CPU whose worker has none is left alone; and now and
 * then, as the kernel frees a worker whose CPU goes away, and the CPU may come back.
 */
static void stay_bound(struct worker *worker)
{
	int cpu = quiesce_worker_home(worker)->cpu;
	unsigned int round = worker->rounds++;

	if (cpu >= 0 && round % BIND_STRIDE == 0 && (!round || quiesce_cpu_current() != cpu))
		quiesce_cpu_bind(cpu);
}

/*
 * What is in its own queue may have been queued after a queue was given up, so it is taken before the
 * look for orphans, and run after them.
 */
static bool take(struct worker *worker)
{
	struct call_rcu_data *home = quiesce_worker_home(worker), *queue;

	if (!absorb(worker, home))
		return false;
	adopt_orphans(worker);
	for (queue = worker->fostered; queue; queue = queue->next_fostered) {
		if (!absorb(worker, queue))
			return false;
		ripen(queue);
	}
	ripen(home);
	return true;
}

/* Which call of the program's a grace period is for. */
static const char *purpose(const struct worker *worker)
{
	if (quiesce_worker_is_deferred(worker))
		return "defer_rcu";
	if (worker->fostered || quiesce_queue_has_work(quiesce_worker_home(worker)))
		return "call_rcu";
	return quiesce_worker_has_sweep(worker) ? "free_rcu" : "start_poll_synchronize_rcu";
}

/*
 * Take what there is, wait for a grace period, run it. Ends early if the worker has to leave. In
 * qsbr a worker is online while it runs callbacks and at no other time; deferred calls may wait for
 * callbacks, and must not hold up their grace period.
 */
static void do_round(struct worker *worker)
{
	struct workers *all = quiesce_workers_of(worker);
	struct domain *domain = all->domain;
	bool busy;

	if (!quiesce_worker_become_busy(worker))
		return;
	__atomic_fetch_and(&worker->state, ~WORKER_URGENT, __ATOMIC_SEQ_CST);
	if (!take(worker))
		return;
	quiesce_worker_become_free(worker);

	quiesce_gp_wait(domain, purpose(worker));
	quiesce_delay();

	if (!quiesce_worker_become_busy(worker))
		return;
	quiesce_domain_resume(domain, domain->announces && !quiesce_worker_is_deferred(worker));
	busy = run_ripe(worker);
	quiesce_domain_suspend(domain);
	while (busy && is_foster(worker) && !quiesce_stashes_sweep(all, worker)) {
		/* What is due waits for the fork, and not for a grace period after that. */
		quiesce_worker_become_free(worker);
		busy = quiesce_worker_become_busy(worker);
	}
	all->calls->after_batch(all);
	if (busy)
		quiesce_worker_become_free(worker);
	worker->round_ended = quiesce_now();
}

/* ---- Between rounds ---- */

static void sleep_once(struct worker *worker, int32_t state, uint64_t *left)
{
	quiesce_wait(&worker->state, state, left);
	__atomic_store_n(&worker->wakeups, worker->wakeups + 1, __ATOMIC_RELAXED);
}

/*
 * Sleep with bit set, until asked for something, or for work if the bit is WORKER_IDLE. [H1] The bit
 * comes before the look for work, all sequentially consistent; pairs with [H2] in src/callbacks/enqueue.c.
 */
static void doze(struct worker *worker, int32_t bit, uint64_t *left)
{
	int32_t state = __atomic_or_fetch(&worker->state, bit, __ATOMIC_SEQ_CST);
	bool called = bit == WORKER_IDLE ? quiesce_worker_has_work(worker) : state & WORKER_URGENT;

	quiesce_delay();
	if (!called && !quiesce_worker_must_leave(worker, state))
		sleep_once(worker, state, left);
	quiesce_delay();
	__atomic_fetch_and(&worker->state, ~bit, __ATOMIC_SEQ_CST);
}

/* Its producers make no system call, so they wake nobody: it looks for itself, as long as none asks. */
static void doze_rt(struct worker *worker)
{
	uint64_t left = RT_PERIOD;

	__atomic_fetch_and(&worker->state, ~WORKER_URGENT, __ATOMIC_SEQ_CST);
	if (!quiesce_worker_has_work(worker))
		doze(worker, WORKER_LINGER, &left);
}

/*
 * A first callback after a while is served at once. Those that follow within the lingering time wait
 * for its end together, unless they are many or somebody waits for them; as long as such come, no
 * producer has to wake the worker. Returns how long to linger.
 */
static uint64_t linger_left(const struct worker *worker)
{
	const struct call_rcu_data *home = quiesce_worker_home(worker);
	uint64_t passed = quiesce_now() - worker->round_ended;

	if ((quiesce_worker_state(worker) & WORKER_URGENT) || (home->flags & URCU_CALL_RCU_RT) ||
	    home->waiting || quiesce_queue_count(home) >= QUIESCE_BACKLOG)
		return 0;
	return passed < LINGER_TIME ? LINGER_TIME - passed : 0;
}

/* Whatever the clock says, it lingers once for as long. */
static void linger(struct worker *worker, uint64_t left)
{
	worker->gathers = true;
	doze(worker, WORKER_LINGER, &left);
	if (!left)
		worker->round_ended = quiesce_now() - LINGER_TIME;
}

/* Returns false when the worker has to leave. */
static bool await_work(struct worker *worker)
{
	while (!quiesce_worker_must_leave(worker, quiesce_worker_state(worker))) {
		bool work = quiesce_worker_has_work(worker);
		uint64_t left = work || worker->gathers ? linger_left(worker) : 0;

		if (left)
			linger(worker, left);
		else if (work)
			return true;
		else if (quiesce_worker_home(worker)->flags & URCU_CALL_RCU_RT)
			doze_rt(worker);
		else {
			worker->gathers = false;
			doze(worker, WORKER_IDLE, NULL);
		}
	}
	return false;
}

static void work(struct worker *worker)
{
	stay_bound(worker);
	do_round(worker);
	bury_orphans(worker);
}

void quiesce_worker_run(struct worker *worker)
{
	__atomic_store_n(&worker->id, quiesce_thread_id(pthread_self()), __ATOMIC_RELAXED);
	while (await_work(worker))
		work(worker);
}

void quiesce_worker_run_once(struct worker *worker)
{
	do_round(worker);
	bury_orphans(worker);
}

/*
 * The callback that ended the thread was out of its queue. Barriers that sleep until there is
 * progress look again, and wait for STARTING to go.
 */
void quiesce_worker_abandon(struct worker *worker)
{
	struct call_rcu_data *queue = NULL;

	if (worker->serving)
		tell_done(worker->serving);
	serve(worker, NULL);
	__atomic_fetch_or(&worker->state, WORKER_STARTING, __ATOMIC_SEQ_CST);
	while ((queue = next_served(worker, queue)))
		quiesce_queue_wake_barriers(queue);
	quiesce_worker_become_free(worker);
}
