/* SPDX-License-Identifier: MIT */
/* The threads of workers: made, stood in for, stopped. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "callbacks/callbacks.h"
#include "system/probe.h"
#include "system/system.h"

static void *serve(void *arg);

static int make_thread(struct worker *worker)
{
	sigset_t before;
	int error;

	quiesce_generation_watch();
	quiesce_end_watch();
	/* Asynchronous signals are the business of the program's own threads. */
	quiesce_block_signals(&before);
	error = pthread_create(&worker->thread, NULL, serve, worker);
	quiesce_unblock_signals(&before);
	return error;
}

/* At first, when the time of a stall has passed, and each time that it has been so for twice as long. */
static bool is_due(struct workers *all)
{
	unsigned long now = (unsigned long)(quiesce_now() / QUIESCE_NS_PER_MS) | 1, first = 0, due, passed;
	uint64_t limit = quiesce_stall_time();

	if (__atomic_compare_exchange_n(&all->refused, &first, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return true;
	passed = now - first;
	due = __atomic_load_n(&all->refused_due, __ATOMIC_RELAXED);
	return limit != QUIESCE_FOREVER && passed >= (due ? due : limit / QUIESCE_NS_PER_MS) &&
	       __atomic_compare_exchange_n(&all->refused_due, &due, 2 * passed, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static void report_refusal(struct worker *worker, int error)
{
	struct workers *all = quiesce_workers_of(worker);

	if (is_due(all))
		quiesce_report("urcu_%s_%s: cannot make a thread for worker %lu (%s): %lu callbacks wait, and what is queued "
			       "stays so; one in up to 256 later calls tries again, and so does rcu_barrier",
			       all->domain->name, quiesce_worker_is_deferred(worker) ? "defer_rcu" : "call_rcu",
			       quiesce_worker_home(worker)->id, strerror(error),
			       quiesce_queue_backlog(quiesce_worker_home(worker)));
}

/* By whoever set WORKER_STARTING, which goes if there is a thread. told: the caller tells of an error himself. */
static int make(struct worker *worker, bool told)
{
	struct workers *all = quiesce_workers_of(worker);
	int error = __atomic_load_n(&all->closing, __ATOMIC_SEQ_CST) ? ECANCELED : make_thread(worker);

	quiesce_delay();
	if (!error) {
		__atomic_store_n(&all->refused_due, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&all->refused, 0, __ATOMIC_RELAXED);
		__atomic_fetch_and(&worker->state, ~WORKER_STARTING, __ATOMIC_SEQ_CST);
		quiesce_wake(&worker->state, INT_MAX);
	} else if (error != ECANCELED && !told) {
		report_refusal(worker, error);
	}
	return error;
}

/* Without WORKER_STARTING the worker may be freed. */
static void renounce(struct worker *worker)
{
	struct workers *all = quiesce_workers_of(worker);

	__atomic_fetch_and(&worker->state, ~(WORKER_STARTING | WORKER_THREAD | WORKER_STOP | WORKER_REST),
			   __ATOMIC_SEQ_CST);
	quiesce_worker_leave_sweep(all, worker);
	quiesce_wake(&worker->state, INT_MAX);
}

static void report_end(const struct worker *worker)
{
	bool deferred = quiesce_worker_is_deferred(worker);

	quiesce_report("urcu_%s_%s: a %s called pthread_exit", quiesce_workers_of(worker)->domain->name,
		       deferred ? "defer_rcu" : "call_rcu", deferred ? "deferred call" : "callback");
}

/*
 * A callback has ended the thread (pthread_exit), though it must return. Nobody shall wait for that
 * thread: another one goes on with what is left.
 */
static void give_up(void *arg)
{
	struct worker *worker = arg;
	struct workers *all = quiesce_workers_of(worker);

	report_end(worker);
	quiesce_worker_abandon(worker);
	all->domain->calls->part();
	all->calls->own()->current = NULL;
	pthread_detach(pthread_self());
	if (make(worker, false) != 0)
		renounce(worker);
}

/*
 * Leave the place, as a thread (come: LEFT) or a guest. LEFT comes as THREAD goes: nobody makes another thread
 * without seeing to this one, nor frees the queue without joining it. Barriers may have counted on us, and who
 * queued something took us for its thread; rcu_exit, which asked us to leave or found us here, may be over.
 */
static void leave(struct worker *worker, int32_t come)
{
	const int32_t gone = WORKER_THREAD | WORKER_GUEST | WORKER_STOP | WORKER_REST;
	struct call_rcu_data *home = quiesce_worker_home(worker);
	int32_t state = quiesce_worker_state(worker);
	bool work = quiesce_worker_has_work(worker);

	while (!__atomic_compare_exchange_n(&worker->state, &state, (state & ~gone) | come, true,
					    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		continue;
	quiesce_wake(&worker->state, INT_MAX);
	quiesce_queue_wake_barriers(home);
	if (!(state & WORKER_REST) && (work || quiesce_worker_is_called(worker)))
		quiesce_worker_start(worker);
	quiesce_worker_leave_sweep(home->workers, worker);
}

/* A cancel that comes in a callback, or came before, must not end the thread. */
static void *serve(void *arg)
{
	struct worker *worker = arg;
	struct workers *all = quiesce_workers_of(worker);

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	all->domain->calls->join();
	quiesce_worker_take_place(worker);
	quiesce_domain_suspend(all->domain);
	pthread_cleanup_push(give_up, worker);
	quiesce_probe(worker_start, all->domain->name, quiesce_worker_home(worker)->id, worker);
	quiesce_worker_run(worker);
	quiesce_probe(worker_stop, all->domain->name, quiesce_worker_home(worker)->id, worker);
	pthread_cleanup_pop(0);
	all->domain->calls->part();
	quiesce_delay();
	leave(worker, WORKER_LEFT);
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
					      (state & ~(WORKER_LEFT | WORKER_STOP | WORKER_REST)) | WORKER_THREAD | bits,
					      false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	if (state & WORKER_LEFT)
		pthread_detach(worker->thread);
	return true;
}

/*
 * [X3] What was queued comes before the looks at closing, all sequentially consistent; pairs with [X4] in
 * src/process/exit.c: either we see that rcu_exit is over, or it sees what was queued.
 */
static int start(struct worker *worker, bool told)
{
	int saved_errno = errno, error;

	if (__atomic_load_n(&quiesce_workers_of(worker)->closing, __ATOMIC_SEQ_CST))
		return ECANCELED;
	quiesce_workers_of(worker)->calls->claim(quiesce_workers_of(worker));
	if (!claim(worker, WORKER_STARTING))
		return 0;
	quiesce_delay();
	__atomic_store_n(&quiesce_workers_of(worker)->inherited, false, __ATOMIC_RELAXED);
	error = make(worker, told);
	if (error)
		renounce(worker);
	errno = saved_errno;
	return error;
}

int quiesce_worker_start(struct worker *worker)
{
	return start(worker, false);
}

int quiesce_worker_try_start(struct worker *worker)
{
	return start(worker, true);
}

int quiesce_worker_urge(struct worker *worker)
{
	quiesce_worker_ask(worker, WORKER_URGENT);
	return quiesce_worker_state(worker) & WORKER_THREAD ? 0 : quiesce_worker_start(worker);
}

/* Who stands in, and what he was before. */
struct guest {
	struct worker *worker;
	struct own_calls before;
	bool stranger;
};

static void enter(struct guest *guest)
{
	struct workers *all = quiesce_workers_of(guest->worker);
	const struct reader_calls *reader = all->domain->calls;

	guest->stranger = !reader->self();
	if (guest->stranger) {
		reader->join();
		quiesce_domain_suspend(all->domain);
	}
	guest->before = *all->calls->own();
	quiesce_worker_take_place(guest->worker);
}

static void retire(struct guest *guest)
{
	struct workers *all = quiesce_workers_of(guest->worker);
	struct own_calls *own = all->calls->own();

	own->current = guest->before.current;
	own->nesting = guest->before.nesting;
	own->worker = guest->before.worker;
	if (guest->stranger)
		all->domain->calls->part();
}

/* The same as give_up, of a thread that is not ours. */
static void give_up_guest(void *arg)
{
	struct guest *guest = arg;

	report_end(guest->worker);
	quiesce_worker_abandon(guest->worker);
	retire(guest);
	__atomic_fetch_and(&guest->worker->state, ~WORKER_GUEST, __ATOMIC_SEQ_CST);
	if (make(guest->worker, false) != 0)
		renounce(guest->worker);
}

void quiesce_worker_stand_in(struct worker *worker)
{
	struct guest guest = { .worker = worker };
	int cancel;

	if (!claim(worker, WORKER_GUEST))
		return;
	worker->thread = pthread_self();
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	enter(&guest);
	pthread_cleanup_push(give_up_guest, &guest);
	quiesce_worker_run_once(worker);
	pthread_cleanup_pop(0);
	quiesce_delay();
	retire(&guest);
	leave(worker, 0);
	pthread_setcancelstate(cancel, NULL);
}

/* ---- Stopping ---- */

/*
 * pthread_join is a cancellation point, and the caller is in the middle of something. With a limit
 * the thread is looked at again and again: the C library's own limits are of a clock that may be
 * faked, and what the thread may still do, destructors of thread-specific data, tells nobody.
 */
#define JOIN_PAUSE_MAX	QUIESCE_NS_PER_MS

/*
 * exit may be called in a handler that interrupted glibc with the lock of its list of stacks held, which a
 * join takes as well, without a limit. So a process that ends sees that the thread has ended, and
 * leaves the rest to the kernel, unless a tool would miss the join.
 */
static bool try_join(pthread_t thread)
{
#ifdef __GLIBC__
	clockid_t clock;

	if (quiesce_process_ends() && !quiesce_is_watched())
		return pthread_getcpuclockid(thread, &clock) == ESRCH;
#endif
	return pthread_tryjoin_np(thread, NULL) == 0;
}

static bool join(pthread_t thread, uint64_t *left)
{
	uint64_t pause = 10 * QUIESCE_NS_PER_US;
	bool joined = true;
	int cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	if (!left)
		pthread_join(thread, NULL);
	else
		while (!(joined = try_join(thread)) && *left) {
			quiesce_spend(left, pause);
			pause = pause < JOIN_PAUSE_MAX ? 2 * pause : pause;
		}
	pthread_setcancelstate(cancel, NULL);
	return joined;
}

/* Be the only one who may look at the worker's thread, or name another. */
static bool hold_name(struct worker *worker, int32_t from)
{
	int32_t state = quiesce_worker_state(worker);

	do {
		if ((state & (WORKER_THREAD | WORKER_STARTING | WORKER_LEFT)) != from)
			return false;
	} while (!__atomic_compare_exchange_n(&worker->state, &state,
					      (state & ~WORKER_LEFT) | WORKER_THREAD | WORKER_STARTING, false,
					      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	return true;
}

/* Whoever came meanwhile took us for the thread. */
static void let_name_go(struct worker *worker, int32_t bits)
{
	__atomic_fetch_xor(&worker->state, WORKER_THREAD | WORKER_STARTING | bits, __ATOMIC_SEQ_CST);
	quiesce_wake(&worker->state, INT_MAX);
	quiesce_queue_wake_barriers(quiesce_worker_home(worker));
}

/* A barrier may stand in while we join, and name itself. */
bool quiesce_worker_await_stop(struct worker *worker, uint64_t *left)
{
	pthread_t thread;

	if (!quiesce_worker_await_none(worker, WORKER_THREAD | WORKER_STARTING, left,
				       left ? "exit" : "call_rcu_data_free"))
		return false;
	if (!hold_name(worker, WORKER_LEFT))
		return true;
	thread = worker->thread;
	let_name_go(worker, 0);
	if (join(thread, left))
		return true;
	if (!hold_name(worker, 0)) {
		pthread_detach(thread);
		return false;
	}
	worker->thread = thread;
	let_name_go(worker, WORKER_LEFT);
	return false;
}

/* False: there is no thread to ask. */
static bool ask_to_rest(struct worker *worker)
{
	int32_t state = quiesce_worker_state(worker);

	do {
		if (!(state & WORKER_THREAD))
			return false;
	} while (!__atomic_compare_exchange_n(&worker->state, &state, state | WORKER_STOP | WORKER_REST, false,
					      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	quiesce_wake(&worker->state, INT_MAX);
	return true;
}

/*
 * Barriers that count on this thread wait for its end from now on, and then have another made; whoever does
 * that before we look has detached the old one. Until it is joined its name stays in the worker, so we are the
 * one who makes another.
 */
void quiesce_worker_rest(struct worker *worker)
{
	struct call_rcu_data *queue = NULL;
	int32_t state;

	if (ask_to_rest(worker))
		while ((queue = quiesce_queue_next(quiesce_workers_of(worker), queue)))
			quiesce_queue_wake_barriers(queue);
	quiesce_worker_await_none(worker, WORKER_REST | WORKER_STARTING, NULL, "urcu_stop_default_worker");
	quiesce_delay();
	state = quiesce_worker_state(worker);
	do {
		if ((state & (WORKER_THREAD | WORKER_LEFT)) != WORKER_LEFT)
			return;
	} while (!__atomic_compare_exchange_n(&worker->state, &state,
					      (state & ~WORKER_LEFT) | WORKER_THREAD | WORKER_STARTING, false,
					      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	join(worker->thread, NULL);
	renounce(worker);
}
