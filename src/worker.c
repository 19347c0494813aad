/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <urcu/compiler.h>
#include <urcu/flavor.h>

#include "cpu.h"
#include "delay.h"
#include "gp.h"
#include "wait.h"

/* At most this long from the end of a round to the start of the next, to gather callbacks. */
#define LINGER_TIME	(10 * QUIESCE_NS_PER_MS)
/* A helper leaves after so long without work. */
#define HELPER_TIME	(50 * QUIESCE_NS_PER_MS)
/* Links turned around between two looks for a pause. */
#define TURN_STRIDE	256

void quiesce_workers_init(struct flavor *flavor)
{
	struct call_rcu_data *standard = &flavor->workers.standard;
	unsigned int shards = 1, cpus = quiesce_cpu_count();

	if (standard->shard_count > 1)
		return;
	while (shards < SHARDS_MAX && shards < 2 * cpus)
		shards *= 2;
	standard->shard_count = shards;
	standard->worker_count = shards < cpus ? shards : cpus;
}


/*
 * The bits that say it sleeps go as the others come: the word changes, so that a worker on its way
 * to sleep does not, and only the first to ask pays for a wake-up.
 */
void quiesce_worker_ask(struct worker *worker, int32_t bits)
{
	const int32_t asleep = WORKER_IDLE | WORKER_LINGER;
	int32_t state = quiesce_worker_state(worker);

	while (!__atomic_compare_exchange_n(&worker->state, &state, (state | bits) & ~asleep, true,
					    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		continue;
	if (state & asleep)
		quiesce_wake(&worker->state, INT_MAX);
}

/* ---- The worker's side: busy or not ---- */

/*
 * Become busy, when no fork is under way; false: stop instead. Acquire: what the forking thread or
 * the last server did to the shards comes before what we do.
 */
static bool become_busy(struct worker *worker)
{
	for (;;) {
		int32_t state = quiesce_worker_state(worker);

		quiesce_delay();
		if (state & WORKER_STOP)
			return false;
		if (state & WORKER_PAUSE)
			quiesce_wait(&worker->state, state, NULL);
		else if (__atomic_compare_exchange_n(&worker->state, &state, state | WORKER_BUSY,
						     false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	}
}

/* Release: whoever finds us not busy finds the shards whole. */
static void become_free(struct worker *worker)
{
	quiesce_delay();
	if (__atomic_fetch_and(&worker->state, ~WORKER_BUSY, __ATOMIC_RELEASE) & WORKER_PAUSE)
		quiesce_wake(&worker->state, INT_MAX);
}

/*
 * Between two steps of a batch: let a fork pass, and grace periods that wait for us (qsbr). False:
 * stop instead.
 */
static bool take_breath(struct worker *worker)
{
	const struct flavor *flavor = worker->queue->flavor;
	bool suspended, busy;

	if (flavor->announces)
		flavor->api->read_quiescent_state();
	if (caa_likely(!(__atomic_load_n(&worker->state, __ATOMIC_RELAXED) &
			 (WORKER_PAUSE | WORKER_STOP))))
		return true;
	suspended = quiesce_suspend(flavor);
	become_free(worker);
	busy = become_busy(worker);
	quiesce_resume(flavor, suspended);
	return busy;
}

/* ---- The worker's side: a round ---- */

/* Whether one of queue's shards that worker serves has work. */
static bool queue_has_work(const struct worker *worker, const struct call_rcu_data *queue)
{
	for (unsigned int i = 0; i < queue->shard_count; i++)
		if (quiesce_queue_server(queue, &queue->shards[i]) == worker && quiesce_shard_has_work(&queue->shards[i]))
			return true;
	return false;
}

/* The standard queue's first worker, who fosters the orphans; nobody else sees them. */
static bool is_foster(const struct worker *worker)
{
	return worker == &worker->queue->flavor->workers.workers[0];
}

static bool worker_has_work(const struct worker *worker)
{
	const struct call_rcu_data *queue;

	if (is_foster(worker) && __atomic_load_n(&worker->queue->flavor->workers.orphans,
						 __ATOMIC_SEQ_CST))
		return true;
	if (is_foster(worker) && quiesce_poll_pending(worker->queue->flavor))
		return true;
	if (queue_has_work(worker, worker->queue))
		return true;
	for (queue = worker->fostered; queue; queue = queue->next_fostered)
		if (queue_has_work(worker, queue))
			return true;
	return false;
}

/*
 * Empty each shard that was not left half done, and list all with work. takes is raised before
 * newest is emptied: quiesce_barrier reads them in the other order [B1].
 */
static void take(struct worker *worker, struct call_rcu_data *queue)
{
	for (unsigned int i = 0; i < queue->shard_count; i++) {
		struct shard *shard = &queue->shards[i];

		if (quiesce_queue_server(queue, shard) != worker || !quiesce_shard_has_work(shard))
			continue;
		if (!shard->batch && !shard->taken) {
			__atomic_store_n(&shard->count, 0, __ATOMIC_RELAXED);
			/* [B2] pairs with [B1] in src/barrier.c. */
			__atomic_store_n(&shard->takes, shard->takes + 1, __ATOMIC_SEQ_CST);
			quiesce_delay();
			shard->taken = __atomic_exchange_n(&shard->newest, NULL, __ATOMIC_SEQ_CST);
		}
		shard->queue = queue;
		shard->next_ripe = worker->ripe;
		worker->ripe = shard;
	}
}

/* Oldest first: move links from taken to the front of batch. */
static bool turn_around(struct worker *worker, struct shard *shard)
{
	for (unsigned int i = 1; shard->taken; i++) {
		struct cds_wfcq_node *node = shard->taken;

		shard->taken = node->next;
		quiesce_delay();
		node->next = shard->batch;
		shard->batch = node;
		if (i % TURN_STRIDE == 0 && !take_breath(worker))
			return false;
	}
	return true;
}

/* False: interrupted by a stop. Callbacks may be left. */
static bool run_shard(struct worker *worker, struct shard *shard)
{
	if (!turn_around(worker, shard))
		return false;
	while (shard->batch) {
		struct rcu_head *head = caa_container_of(shard->batch, struct rcu_head, next);

		shard->batch = head->next.next;
		if (shard->batch)
			__builtin_prefetch(shard->batch);
		quiesce_delay();
		head->func(head);
		if (!take_breath(worker))
			return false;
	}
	return true;
}

void quiesce_queue_wake_barriers(struct call_rcu_data *queue)
{
	__atomic_fetch_add(&queue->progress, 1, __ATOMIC_SEQ_CST);
	quiesce_wake(&queue->progress, INT_MAX);
}

/*
 * [B3] All of shard's takes have run; pairs with [B4] in src/barrier.c. [B5] done is stored before
 * the look for barriers; pairs with [B6] in src/barrier.c: either we see one, or it sees done.
 */
static void tell_done(struct shard *shard)
{
	struct call_rcu_data *queue = shard->queue;

	__atomic_store_n(&shard->done, shard->takes, __ATOMIC_SEQ_CST);
	quiesce_delay();
	if (__atomic_load_n(&queue->barriers, __ATOMIC_SEQ_CST))
		quiesce_queue_wake_barriers(queue);
}

/* False: interrupted by a stop. */
static bool run_ripe(struct worker *worker)
{
	struct shard *shard;

	while ((shard = worker->ripe)) {
		bool busy = run_shard(worker, shard);

		quiesce_delay();
		worker->ripe = shard->next_ripe;
		if (!shard->batch && !shard->taken)
			tell_done(shard);
		if (!busy)
			return false;
	}
	return true;
}

/*
 * Take what there is, wait for a grace period, run it. Ends early if the worker has to stop. In
 * qsbr a worker is online while it runs callbacks and at no other time.
 */
static void do_round(struct worker *worker)
{
	struct flavor *flavor = worker->queue->flavor;
	struct call_rcu_data *queue;
	bool busy;

	if (!become_busy(worker))
		return;
	__atomic_fetch_and(&worker->state, ~WORKER_URGENT, __ATOMIC_SEQ_CST);
	worker->ripe = NULL;
	take(worker, worker->queue);
	for (queue = worker->fostered; queue; queue = queue->next_fostered)
		take(worker, queue);
	become_free(worker);

	quiesce_synchronize(flavor);
	quiesce_delay();

	if (!become_busy(worker))
		return;
	quiesce_resume(flavor, flavor->announces);
	busy = run_ripe(worker);
	quiesce_suspend(flavor);
	if (busy)
		become_free(worker);
	worker->round_ended = quiesce_now();
}

/* ---- The worker's side: stopped queues it has to finish ---- */

static void adopt_orphans(struct worker *worker)
{
	struct worker_state *all = &worker->queue->flavor->workers;
	struct call_rcu_data *queue;

	if (!is_foster(worker) || !__atomic_load_n(&all->orphans, __ATOMIC_RELAXED))
		return;
	pthread_mutex_lock(&all->lock);
	while ((queue = all->orphans)) {
		__atomic_store_n(&all->orphans, queue->next_fostered, __ATOMIC_RELAXED);
		quiesce_delay();
		queue->next_fostered = worker->fostered;
		worker->fostered = queue;
	}
	pthread_mutex_unlock(&all->lock);
}

static void bury_orphans(struct worker *worker)
{
	struct worker_state *all = &worker->queue->flavor->workers;
	struct call_rcu_data **link = &worker->fostered, *queue;

	while ((queue = *link)) {
		if (!quiesce_queue_empty(queue)) {
			link = &queue->next_fostered;
			continue;
		}
		quiesce_delay();
		pthread_mutex_lock(&all->lock);
		*link = queue->next_fostered;
		queue = quiesce_queue_retire(queue);
		pthread_mutex_unlock(&all->lock);
		free(queue);
	}
}

/* ---- Floods ---- */

static bool backlogged(const struct worker *worker, const struct shard *shard)
{
	return quiesce_queue_server(worker->queue, shard) == worker &&
	       __atomic_load_n(&shard->count, __ATOMIC_RELAXED) >= QUIESCE_BACKLOG;
}

static int producer_cpu(const struct shard *shard)
{
	return __atomic_load_n(&shard->cpu, __ATOMIC_RELAXED);
}

/* The first of its shards with a backlog, or NULL. */
static const struct shard *find_backlog(const struct worker *worker)
{
	const struct call_rcu_data *queue = worker->queue;

	for (unsigned int i = 0; i < queue->shard_count; i++)
		if (backlogged(worker, &queue->shards[i]))
			return &queue->shards[i];
	return NULL;
}

/* A helper that is not at work, or NULL: there are as many as CPUs. */
static struct worker *idle_helper(struct call_rcu_data *standard)
{
	unsigned int i, usable = quiesce_cpu_usable();

	for (i = 1; i < standard->worker_count && i < usable; i++)
		if (!(quiesce_worker_state(&standard->workers[i]) & (WORKER_THREAD | WORKER_STARTING)))
			return &standard->workers[i];
	return NULL;
}

/* Pass shards with a backlog, of all CPUs but one, to another worker; returns how many. */
static unsigned int share(struct worker *from, struct worker *to, int kept)
{
	struct call_rcu_data *queue = from->queue;
	unsigned int passed = 0;

	pthread_mutex_lock(&queue->flavor->workers.lock);
	for (unsigned int i = 0; i < queue->shard_count; i++) {
		struct shard *shard = &queue->shards[i];

		if (!backlogged(from, shard) || producer_cpu(shard) == kept)
			continue;
		__atomic_store_n(&shard->server, (unsigned int)(to - queue->workers),
				 __ATOMIC_SEQ_CST);
		passed++;
	}
	pthread_mutex_unlock(&queue->flavor->workers.lock);
	return passed;
}

/*
 * Give all of a helper's shards back. A producer who pushed before it sees the change leaves the
 * waking to us [H1]: the look at newest comes after the store to server here, and the look at
 * server after the push in quiesce_enqueue [H2].
 */
static void hand_back(struct call_rcu_data *queue, const struct worker *helper)
{
	bool work = false;

	pthread_mutex_lock(&queue->flavor->workers.lock);
	for (unsigned int i = 0; i < queue->shard_count; i++) {
		struct shard *shard = &queue->shards[i];

		if (quiesce_queue_server(queue, shard) != helper)
			continue;
		work |= shard->batch || shard->taken;
		__atomic_store_n(&shard->server, 0, __ATOMIC_SEQ_CST);
		quiesce_delay();
		work |= __atomic_load_n(&shard->newest, __ATOMIC_SEQ_CST) != NULL;
	}
	pthread_mutex_unlock(&queue->flavor->workers.lock);
	quiesce_delay();
	if (work)
		quiesce_worker_ask(&queue->workers[0], WORKER_URGENT);
}

/*
 * Claimed from before it gets a shard until it has a thread, or has none: a producer who made one in
 * between could serve what we hand back, or have left before it is shared and never look.
 */
static void call_for_help(struct worker *worker, int kept)
{
	struct worker *helper = idle_helper(worker->queue);

	if (!helper || !quiesce_worker_claim(worker->queue, helper))
		return;
	if (share(worker, helper, kept) && quiesce_worker_make(helper) == 0)
		return;
	hand_back(worker->queue, helper);
	quiesce_worker_renounce(helper);
}

/*
 * Many callbacks run best where their producer does, whose caches hold what they free. The standard
 * queue calls a helper for the producers of other CPUs.
 */
static void follow_producers(struct worker *worker)
{
	const struct shard *first = worker->queue->cpu < 0 ? find_backlog(worker) : NULL;

	if (!first || (quiesce_worker_state(worker) & WORKER_GUEST))
		return;
	if (is_foster(worker))
		call_for_help(worker, producer_cpu(first));
	quiesce_cpu_visit(producer_cpu(first));
}

/* ---- The worker's side: between rounds ---- */

/* Sleep with bit set, until asked for something, or for work if the bit is WORKER_IDLE. */
static void doze(struct worker *worker, int32_t bit, uint64_t deadline)
{
	int32_t state = __atomic_or_fetch(&worker->state, bit, __ATOMIC_SEQ_CST);
	bool called = bit == WORKER_IDLE ? worker_has_work(worker) : state & WORKER_URGENT;

	quiesce_delay();
	if (!called && !(state & WORKER_STOP))
		quiesce_wait(&worker->state, state, &(uint64_t){ quiesce_left(deadline) });
	quiesce_delay();
	__atomic_fetch_and(&worker->state, ~bit, __ATOMIC_SEQ_CST);
}

/*
 * A first callback after a while is served at once. Those that follow within the lingering time wait
 * for its end together, unless they are many or somebody waits for them; as long as such come, no
 * producer has to wake the worker.
 */
static bool may_linger(const struct worker *worker)
{
	return !(quiesce_worker_state(worker) & (WORKER_URGENT | WORKER_STOP)) &&
	       !(worker->queue->flags & URCU_CALL_RCU_RT) && !find_backlog(worker) &&
	       quiesce_now() < worker->round_ended + LINGER_TIME;
}

/*
 * In the child of a fork that a callback made. Of a process without its first thread /proc shows
 * neither the program nor the files (proc(5)), and under musl 1.2.3 nobody could join this one.
 */
static bool is_first_thread(void)
{
	return syscall(SYS_gettid) == getpid();
}

/* Returns false when the worker has to leave. */
static bool await_work(struct worker *worker)
{
	bool helper = worker != &worker->queue->workers[0];
	uint64_t until = helper ? quiesce_now() + HELPER_TIME : QUIESCE_FOREVER;

	for (;;) {
		if (quiesce_worker_state(worker) & WORKER_STOP)
			return false;
		if ((worker->gathers || worker_has_work(worker)) && may_linger(worker)) {
			worker->gathers = true;
			doze(worker, WORKER_LINGER, worker->round_ended + LINGER_TIME);
		} else if (worker_has_work(worker)) {
			return true;
		} else if (helper && quiesce_now() >= until) {
			if (!is_first_thread())
				return false;
			until = QUIESCE_FOREVER;
		} else {
			worker->gathers = false;
			doze(worker, WORKER_IDLE, until);
		}
	}
}

static void work(struct worker *worker)
{
	adopt_orphans(worker);
	follow_producers(worker);
	do_round(worker);
	bury_orphans(worker);
}

void quiesce_worker_run(struct worker *worker)
{
	while (await_work(worker))
		work(worker);
	if (worker != &worker->queue->workers[0])
		hand_back(worker->queue, worker);
}

void quiesce_worker_run_once(struct worker *worker)
{
	work(worker);
}

/*
 * The callback that ended the thread was out of its shard, which is the first that is ripe. Barriers
 * that sleep until there is progress look again, and wait for STARTING to go.
 */
void quiesce_worker_abandon(struct worker *worker)
{
	struct shard *shard = worker->ripe;
	struct call_rcu_data *queue;

	if (shard && !shard->batch && !shard->taken)
		tell_done(shard);
	worker->ripe = NULL;
	__atomic_fetch_or(&worker->state, WORKER_STARTING, __ATOMIC_SEQ_CST);
	quiesce_queue_wake_barriers(worker->queue);
	for (queue = worker->fostered; queue; queue = queue->next_fostered)
		quiesce_queue_wake_barriers(queue);
	become_free(worker);
}

/* ---- In a fork hook, while another thread forks ---- */

void quiesce_worker_step_aside(void)
{
	if (quiesce_worker_current())
		become_free(quiesce_worker_current());
}

void quiesce_worker_step_back(void)
{
	if (quiesce_worker_current())
		__atomic_fetch_or(&quiesce_worker_current()->state, WORKER_BUSY, __ATOMIC_ACQUIRE);
}
