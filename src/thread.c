/* SPDX-License-Identifier: MIT */
/* The threads of workers: made, stood in for, stopped, paused. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <urcu/flavor.h>

#include "cpu.h"
#include "delay.h"
#include "gp.h"
#include "report.h"
#include "wait.h"

static QUIESCE_TLS struct worker *current;

struct worker *quiesce_worker_current(void)
{
	return current;
}

bool quiesce_in_callback(const struct flavor *flavor)
{
	return current && current->queue->flavor == flavor;
}

static void name_thread(const struct worker *worker)
{
	char name[16];

	snprintf(name, sizeof(name), "urcu-%s/%lu", worker->queue->flavor->name, worker->queue->id);
	pthread_setname_np(pthread_self(), name);
}

static void *serve(void *arg);

static int make_thread(struct worker *worker)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&worker->thread, NULL, serve, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

int quiesce_worker_make(struct worker *worker)
{
	struct worker_state *all = &worker->queue->flavor->workers;
	int error = __atomic_load_n(&all->closing, __ATOMIC_RELAXED) ? ECANCELED : make_thread(worker);

	quiesce_delay();
	if (!error) {
		__atomic_fetch_and(&worker->state, ~WORKER_STARTING, __ATOMIC_SEQ_CST);
		quiesce_wake(&worker->state, INT_MAX);
	} else if (error != ECANCELED &&
		   !__atomic_exchange_n(&all->reported, true, __ATOMIC_RELAXED)) {
		quiesce_report("cannot make a thread for call_rcu (%s): callbacks stay queued and "
			       "the next call tries again", strerror(error));
	}
	return error;
}

/* Without WORKER_STARTING the worker may be freed. */
void quiesce_worker_renounce(struct worker *worker)
{
	__atomic_fetch_and(&worker->state, ~(WORKER_STARTING | WORKER_THREAD), __ATOMIC_SEQ_CST);
	quiesce_wake(&worker->state, INT_MAX);
}

/*
 * A callback has ended the thread (pthread_exit), though it must return. Nobody shall wait for that
 * thread: another one goes on with what is left.
 */
static void give_up(void *arg)
{
	struct worker *worker = arg;
	struct flavor *flavor = worker->queue->flavor;

	quiesce_report("urcu_%s_call_rcu: a callback called pthread_exit", flavor->name);
	quiesce_worker_abandon(worker);
	flavor->api->unregister_thread();
	current = NULL;
	pthread_detach(pthread_self());
	if (quiesce_worker_make(worker) != 0)
		quiesce_worker_renounce(worker);
}

/* A cancel that comes in a callback, or came before, must not end the thread. */
static void *serve(void *arg)
{
	struct worker *worker = arg;
	struct flavor *flavor = worker->queue->flavor;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	name_thread(worker);
	if (worker->queue->cpu >= 0)
		quiesce_cpu_bind(worker->queue->cpu);
	current = worker;
	flavor->thread()->worker = worker->queue;
	flavor->api->register_thread();
	quiesce_suspend(flavor);
	pthread_cleanup_push(give_up, worker);
	quiesce_worker_run(worker);
	pthread_cleanup_pop(0);
	flavor->api->unregister_thread();
	quiesce_delay();
	/* LEFT comes as THREAD goes: nobody makes another thread without joining this one. */
	__atomic_fetch_xor(&worker->state, WORKER_THREAD | WORKER_LEFT, __ATOMIC_SEQ_CST);
	quiesce_wake(&worker->state, INT_MAX);
	return NULL;
}

/* The queue whose worker it is: not the one it serves at the moment, if it fosters that. */
static struct call_rcu_data *home_of(struct call_rcu_data *queue, const struct worker *worker)
{
	struct worker_state *all = &queue->flavor->workers;

	return worker >= all->workers && worker < all->workers + SHARDS_MAX ? &all->standard : queue;
}

/* pthread_join is a cancellation point, and the caller is in the middle of something. */
static void join(const struct worker *worker)
{
	int cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pthread_join(worker->thread, NULL);
	pthread_setcancelstate(cancel, NULL);
}

/* Become the one who makes the thread, or stands in for it; false: there is one, or must be none. */
static bool claim_thread(struct worker *worker, int32_t bits)
{
	int32_t state = quiesce_worker_state(worker);

	do {
		if (state & (WORKER_THREAD | WORKER_STARTING | WORKER_STOP))
			return false;
	} while (!__atomic_compare_exchange_n(&worker->state, &state,
					      (state & ~WORKER_LEFT) | WORKER_THREAD | bits, false,
					      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	if (state & WORKER_LEFT)
		join(worker);
	return true;
}

bool quiesce_worker_claim(struct call_rcu_data *queue, struct worker *worker)
{
	if (!claim_thread(worker, WORKER_STARTING))
		return false;
	quiesce_delay();
	worker->queue = home_of(queue, worker);
	__atomic_store_n(&queue->flavor->pid, getpid(), __ATOMIC_RELAXED);
	return true;
}

int quiesce_worker_start(struct call_rcu_data *queue, struct worker *worker)
{
	int error;

	if (__atomic_load_n(&queue->flavor->workers.closing, __ATOMIC_RELAXED))
		return ECANCELED;
	if (!quiesce_worker_claim(queue, worker))
		return 0;
	error = quiesce_worker_make(worker);
	if (error)
		quiesce_worker_renounce(worker);
	return error;
}

int quiesce_worker_urge(struct call_rcu_data *queue, struct worker *worker)
{
	quiesce_worker_ask(worker, WORKER_URGENT);
	return quiesce_worker_state(worker) & WORKER_THREAD ? 0 : quiesce_worker_start(queue, worker);
}

/* For anybody, where quiesce_queue_empty is for the server. */
static bool was_pushed_to(const struct call_rcu_data *queue)
{
	for (unsigned int i = 0; i < queue->shard_count; i++)
		if (__atomic_load_n(&queue->shards[i].newest, __ATOMIC_SEQ_CST))
			return true;
	return false;
}

void quiesce_worker_stand_in(struct call_rcu_data *queue, struct worker *worker)
{
	const struct rcu_flavor_struct *api = queue->flavor->api;
	struct thread_state *thread = queue->flavor->thread(), own = *thread;
	struct worker *before = current;
	bool stranger = !queue->flavor->self();
	int cancel;

	if (!claim_thread(worker, WORKER_GUEST))
		return;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	worker->queue = home_of(queue, worker);
	current = worker;
	thread->worker = worker->queue;
	if (stranger) {
		api->register_thread();
		quiesce_suspend(queue->flavor);
	}
	quiesce_worker_run_once(worker);
	quiesce_delay();
	if (stranger)
		api->unregister_thread();
	current = before;
	thread->worker = own.worker;
	__atomic_fetch_and(&worker->state, ~(WORKER_THREAD | WORKER_GUEST), __ATOMIC_SEQ_CST);
	quiesce_wake(&worker->state, INT_MAX);
	pthread_setcancelstate(cancel, NULL);
	quiesce_delay();
	/*
	 * Who queued something meanwhile took us for its thread. What was taken is none of our concern:
	 * it is the next server's, or that of the one who stopped us.
	 */
	if (was_pushed_to(queue))
		quiesce_worker_start(queue, worker);
}

bool quiesce_worker_stop(struct worker *worker, uint64_t deadline)
{
	int32_t state = __atomic_or_fetch(&worker->state, WORKER_STOP, __ATOMIC_SEQ_CST);

	quiesce_wake(&worker->state, INT_MAX);
	while (state & (WORKER_THREAD | WORKER_STARTING)) {
		quiesce_delay();
		if (!quiesce_wait(&worker->state, state, &(uint64_t){ quiesce_left(deadline) }))
			return false;
		state = quiesce_worker_state(worker);
	}
	if (__atomic_fetch_and(&worker->state, ~WORKER_LEFT, __ATOMIC_SEQ_CST) & WORKER_LEFT)
		join(worker);
	return true;
}

/* ---- The forking thread's side ---- */

void quiesce_worker_pause(struct worker *worker)
{
	if (worker != current)
		__atomic_fetch_or(&worker->state, WORKER_PAUSE, __ATOMIC_SEQ_CST);
}

void quiesce_worker_set_aside(struct worker *worker)
{
	const int32_t all = WORKER_PAUSE | WORKER_BUSY | WORKER_WAITING;
	/* Sequentially consistent, not acquire: the raise of readers [K2] comes before it. */
	int32_t state = __atomic_load_n(&worker->state, __ATOMIC_SEQ_CST);

	while ((state & all) == all)
		if (__atomic_compare_exchange_n(&worker->state, &state,
						(state & ~WORKER_BUSY) | WORKER_ASIDE, false,
						__ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
			quiesce_wake(&worker->state, INT_MAX);
			return;
		}
}

/* Longer than any callback takes, unless it waits for something that the forking thread holds. */
#define PAUSE_PATIENCE	(10 * QUIESCE_NS_PER_S)

static uint64_t report_stuck_callback(const struct worker *worker)
{
	const struct call_rcu_data *queue = worker->queue;

	quiesce_report("urcu_%s_call_rcu_before_fork: a callback in urcu-%s/%lu has not returned for "
		       "10 s: does it wait for a lock that the forking thread holds?",
		       queue->flavor->name, queue->flavor->name, queue->id);
	return QUIESCE_FOREVER;
}

/*
 * [K1] The look at readers comes after the look at the state, which changes when a callback begins
 * to wait; pairs with [K2] in src/fork.c: a reader raises readers before it looks for such states.
 */
void quiesce_worker_await_pause(struct worker *worker, const unsigned int *readers)
{
	uint64_t deadline = quiesce_now() + PAUSE_PATIENCE;
	int32_t state;

	while (worker != current && ((state = __atomic_load_n(&worker->state, __ATOMIC_SEQ_CST)) &
				     WORKER_BUSY)) {
		quiesce_delay();
		if ((state & WORKER_WAITING) && __atomic_load_n(readers, __ATOMIC_SEQ_CST))
			quiesce_worker_set_aside(worker);
		else if (!quiesce_wait(&worker->state, state, &(uint64_t){ quiesce_left(deadline) }))
			deadline = report_stuck_callback(worker);
	}
}

void quiesce_worker_resume(struct worker *worker)
{
	if (__atomic_fetch_and(&worker->state, ~WORKER_PAUSE, __ATOMIC_SEQ_CST) & WORKER_THREAD)
		quiesce_wake(&worker->state, INT_MAX);
}

/* ---- A callback that waits ---- */

static void change_bits(int32_t bits)
{
	if (!current || !(quiesce_worker_state(current) & WORKER_BUSY))
		return;
	if (__atomic_fetch_xor(&current->state, bits, __ATOMIC_SEQ_CST) & WORKER_PAUSE)
		quiesce_wake(&current->state, INT_MAX);
}

/*
 * A thread that forks in a section holds up the grace period, so neither it nor the thread whose
 * fork it waits for may wait for the callback: BUSY is taken away, and the callback waits, after its
 * grace period, until the fork is over.
 */
void quiesce_worker_begin_wait(void)
{
	change_bits(WORKER_WAITING);
}

/* Whom it waits for may wait for any fork to be over, so it gives BUSY away at once. */
void quiesce_worker_step_out(void)
{
	change_bits(WORKER_WAITING | WORKER_ASIDE | WORKER_BUSY);
}

void quiesce_worker_end_wait(void)
{
	int32_t state = current ? quiesce_worker_state(current) : 0;

	while (state & WORKER_WAITING) {
		quiesce_delay();
		if ((state & WORKER_ASIDE) && (state & WORKER_PAUSE))
			quiesce_wait(&current->state, state, NULL);
		else if (__atomic_compare_exchange_n(&current->state, &state,
				(state & ~(WORKER_WAITING | WORKER_ASIDE)) | WORKER_BUSY, false,
				__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			return;
		state = quiesce_worker_state(current);
	}
}
