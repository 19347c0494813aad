/* SPDX-License-Identifier: MIT */
/* The threads of workers: made, stood in for, stopped, paused. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

#include <urcu/flavor.h>

#include "call-rcu.h"
#include "delay.h"
#include "process.h"
#include "report.h"
#include "wait.h"

static QUIESCE_TLS struct worker *current;

struct worker *quiesce_worker_current(void)
{
	return current;
}

static struct flavor *flavor_of(const struct worker *worker)
{
	return quiesce_worker_home(worker)->flavor;
}

/* The one whose calls are no callbacks: what they queue goes where any thread's does. */
static bool is_deferred(const struct worker *worker)
{
	return worker == &flavor_of(worker)->workers.deferred.own;
}

bool quiesce_in_callback(const struct flavor *flavor)
{
	return current && flavor_of(current) == flavor && !is_deferred(current);
}

static void *serve(void *arg);

/*
 * Asynchronous signals are the program's own threads' business. Those that an instruction of a
 * callback raises stay as they were: blocked, they would kill the process whatever its handlers.
 */
static void block_signals(sigset_t *before)
{
	static const int synchronous[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS };
	sigset_t blocked;

	sigfillset(&blocked);
	for (size_t i = 0; i < sizeof(synchronous) / sizeof(synchronous[0]); i++)
		sigdelset(&blocked, synchronous[i]);
	pthread_sigmask(SIG_BLOCK, &blocked, before);
}

static int make_thread(struct worker *worker)
{
	sigset_t before;
	int error;

	quiesce_process_watch();
	block_signals(&before);
	error = pthread_create(&worker->thread, NULL, serve, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

/* By whoever set WORKER_STARTING, which goes if there is a thread. */
static int make(struct worker *worker)
{
	struct worker_state *all = &flavor_of(worker)->workers;
	int error = __atomic_load_n(&all->closing, __ATOMIC_RELAXED) ? ECANCELED : make_thread(worker);

	quiesce_delay();
	if (!error) {
		__atomic_fetch_and(&worker->state, ~WORKER_STARTING, __ATOMIC_SEQ_CST);
		quiesce_wake(&worker->state, INT_MAX);
	} else if (error != ECANCELED &&
		   !__atomic_exchange_n(&all->reported, true, __ATOMIC_RELAXED)) {
		quiesce_report("cannot make a thread for call_rcu or defer_rcu (%s): what they queue "
			       "stays queued; one in up to 256 later calls tries again, and so does "
			       "rcu_barrier", strerror(error));
	}
	return error;
}

/* Without WORKER_STARTING the worker may be freed. */
static void renounce(struct worker *worker)
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
	struct flavor *flavor = flavor_of(worker);
	bool deferred = is_deferred(worker);

	quiesce_report("urcu_%s_%s: a %s called pthread_exit", flavor->name,
		       deferred ? "defer_rcu" : "call_rcu", deferred ? "deferred call" : "callback");
	quiesce_worker_abandon(worker);
	flavor->api->unregister_thread();
	current = NULL;
	pthread_detach(pthread_self());
	if (make(worker) != 0)
		renounce(worker);
}

/*
 * LEFT comes as THREAD goes: nobody makes another thread without seeing to this one, nor frees the
 * queue without joining it. Barriers may have counted on it.
 */
static void leave(struct worker *worker)
{
	struct call_rcu_data *home = quiesce_worker_home(worker);
	int32_t state = quiesce_worker_state(worker);
	bool work = quiesce_queue_has_work(home);

	while (!__atomic_compare_exchange_n(&worker->state, &state,
					    (state & ~(WORKER_THREAD | WORKER_STOP)) | WORKER_LEFT,
					    true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		continue;
	quiesce_wake(&worker->state, INT_MAX);
	quiesce_queue_wake_barriers(home);
	/* rcu_exit asked us to leave, and may be over. */
	if (work || __atomic_load_n(&home->newest, __ATOMIC_SEQ_CST))
		quiesce_worker_start(worker);
}

/* A cancel that comes in a callback, or came before, must not end the thread. */
static void *serve(void *arg)
{
	struct worker *worker = arg;
	struct flavor *flavor = flavor_of(worker);

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	current = worker;
	flavor->thread()->worker = is_deferred(worker) ? NULL : quiesce_worker_home(worker);
	flavor->api->register_thread();
	quiesce_suspend(flavor);
	pthread_cleanup_push(give_up, worker);
	quiesce_worker_run(worker);
	pthread_cleanup_pop(0);
	flavor->api->unregister_thread();
	quiesce_delay();
	leave(worker);
	return NULL;
}

/*
 * Become the one who makes the thread, or stands in for it; false: there is one, or must be none. One
 * that has left, though nobody waited for it (an exit whose limit passed), ends by itself.
 */
static bool claim(struct worker *worker, int32_t bits)
{
	int32_t state = quiesce_worker_state(worker);

	do {
		if (state & (WORKER_THREAD | WORKER_STARTING | WORKER_GONE))
			return false;
	} while (!__atomic_compare_exchange_n(&worker->state, &state,
					      (state & ~(WORKER_LEFT | WORKER_STOP)) | WORKER_THREAD | bits,
					      false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	if (state & WORKER_LEFT)
		pthread_detach(worker->thread);
	return true;
}

int quiesce_worker_start(struct worker *worker)
{
	int saved_errno = errno, error;

	if (__atomic_load_n(&flavor_of(worker)->workers.closing, __ATOMIC_RELAXED))
		return ECANCELED;
	quiesce_claim_process(flavor_of(worker));
	if (!claim(worker, WORKER_STARTING))
		return 0;
	quiesce_delay();
	__atomic_store_n(&flavor_of(worker)->inherited, false, __ATOMIC_RELAXED);
	error = make(worker);
	if (error)
		renounce(worker);
	errno = saved_errno;
	return error;
}

int quiesce_worker_urge(struct worker *worker)
{
	quiesce_worker_ask(worker, WORKER_URGENT);
	return quiesce_worker_state(worker) & WORKER_THREAD ? 0 : quiesce_worker_start(worker);
}

void quiesce_worker_stand_in(struct call_rcu_data *queue, struct worker *worker)
{
	struct flavor *flavor = queue->flavor;
	struct thread_state *thread = flavor->thread(), own = *thread;
	struct worker *before = current;
	bool stranger = !flavor->self();
	int cancel;

	if (!claim(worker, WORKER_GUEST))
		return;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	current = worker;
	thread->worker = is_deferred(worker) ? NULL : quiesce_worker_home(worker);
	if (stranger) {
		flavor->api->register_thread();
		quiesce_suspend(flavor);
	}
	quiesce_worker_run_once(worker);
	quiesce_delay();
	if (stranger)
		flavor->api->unregister_thread();
	current = before;
	thread->worker = own.worker;
	__atomic_fetch_and(&worker->state, ~(WORKER_THREAD | WORKER_GUEST | WORKER_STOP),
			   __ATOMIC_SEQ_CST);
	quiesce_wake(&worker->state, INT_MAX);
	pthread_setcancelstate(cancel, NULL);
	quiesce_delay();
	/*
	 * Who queued something meanwhile took us for its thread. What was taken is none of our concern:
	 * it is the next server's, or that of the one who stopped us.
	 */
	if (__atomic_load_n(&queue->newest, __ATOMIC_SEQ_CST))
		quiesce_worker_start(worker);
}

/* ---- Stopping ---- */

void quiesce_worker_ask_to_stop(struct worker *worker, int32_t more_bits)
{
	if (__atomic_fetch_or(&worker->state, WORKER_STOP | more_bits, __ATOMIC_SEQ_CST) & WORKER_THREAD)
		quiesce_wake(&worker->state, INT_MAX);
}

/* Wait until none of bits is set any more. */
static bool await_none(struct worker *worker, int32_t bits, uint64_t *left)
{
	int32_t state;

	while ((state = __atomic_load_n(&worker->state, __ATOMIC_SEQ_CST)) & bits) {
		quiesce_delay();
		if (!quiesce_wait(&worker->state, state, left))
			return false;
	}
	return true;
}

bool quiesce_worker_await_halt(struct worker *worker, uint64_t *left)
{
	return await_none(worker, WORKER_BUSY, left);
}

/*
 * pthread_join is a cancellation point, and the caller is in the middle of something. With a limit
 * the thread is looked at again and again: the C library's own limits are of a clock that may be
 * faked, and what the thread may still do, destructors of thread-specific data, tells nobody.
 */
#define JOIN_PAUSE_MAX	QUIESCE_NS_PER_MS

static bool join(pthread_t thread, uint64_t *left)
{
	uint64_t pause = 10 * QUIESCE_NS_PER_US;
	bool joined = true;
	int cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	if (!left)
		pthread_join(thread, NULL);
	else
		while (!(joined = pthread_tryjoin_np(thread, NULL) == 0) && *left) {
			quiesce_spend(left, pause);
			pause = pause < JOIN_PAUSE_MAX ? 2 * pause : pause;
		}
	pthread_setcancelstate(cancel, NULL);
	return joined;
}

bool quiesce_worker_await_stop(struct worker *worker, uint64_t *left)
{
	if (!await_none(worker, WORKER_THREAD | WORKER_STARTING, left))
		return false;
	if (!(__atomic_fetch_and(&worker->state, ~WORKER_LEFT, __ATOMIC_SEQ_CST) & WORKER_LEFT) ||
	    join(worker->thread, left))
		return true;
	__atomic_fetch_or(&worker->state, WORKER_LEFT, __ATOMIC_SEQ_CST);
	return false;
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

static void report_stuck_callback(const struct worker *worker)
{
	const struct call_rcu_data *queue = quiesce_worker_home(worker);

	quiesce_report("urcu_%s_call_rcu_before_fork: a callback of worker %lu has not returned for "
		       "10 s: does it wait for a lock that the forking thread holds?",
		       queue->flavor->name, queue->id);
}

/*
 * [K1] The look at readers comes after the look at the state, which changes when a callback begins
 * to wait; pairs with [K2] in src/fork.c: a reader raises readers before it looks for such states.
 */
void quiesce_worker_await_pause(struct worker *worker, const unsigned int *readers)
{
	uint64_t patience = PAUSE_PATIENCE, *left = &patience;
	int32_t state;

	while (worker != current && ((state = __atomic_load_n(&worker->state, __ATOMIC_SEQ_CST)) &
				     WORKER_BUSY)) {
		quiesce_delay();
		if ((state & WORKER_WAITING) && __atomic_load_n(readers, __ATOMIC_SEQ_CST))
			quiesce_worker_set_aside(worker);
		else if (!quiesce_wait(&worker->state, state, left)) {
			report_stuck_callback(worker);
			left = NULL;
		}
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
