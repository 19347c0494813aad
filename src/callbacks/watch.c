/* SPDX-License-Identifier: MIT */
/*
 * What holds a worker up, as seen by who waits for it. He sets WORKER_WATCHED, and looks again when the time for a
 * stall has passed: if the bit is still there and the worker has not raised breaths, it has not come from one
 * callback to the next. Another who watches may have set the bit anew; so the bit alone does not tell.
 */
#include "callbacks/callbacks.h"
#include "system/probe.h"
#include "system/system.h"

void quiesce_worker_breathe(struct worker *worker)
{
	__atomic_fetch_and(&worker->state, ~WORKER_WATCHED, __ATOMIC_RELAXED);
	__atomic_store_n(&worker->breaths, worker->breaths + 1, __ATOMIC_RELAXED);
}

int32_t quiesce_worker_asked(struct worker *worker)
{
	int32_t state = __atomic_load_n(&worker->state, __ATOMIC_RELAXED);

	if (state & WORKER_WATCHED)
		quiesce_worker_breathe(worker);
	return state;
}

static void arm(struct worker *worker, struct watch *watch)
{
	watch->target = worker;
	watch->seen = __atomic_load_n(&worker->breaths, __ATOMIC_RELAXED);
	watch->since = watch->waited;
	__atomic_fetch_or(&worker->state, WORKER_WATCHED, __ATOMIC_RELAXED);
}

static bool stands_still(const struct worker *worker, const struct watch *watch)
{
	return watch->target == worker && (quiesce_worker_state(worker) & WORKER_WATCHED) &&
	       watch->seen == __atomic_load_n(&worker->breaths, __ATOMIC_RELAXED);
}

/* The function that runs, where the queue cannot go away under us. */
static const char *function_text(const struct worker *worker, struct place_text *room)
{
	const struct call_rcu_data *home = quiesce_worker_home(worker);

	if (__atomic_load_n(&worker->serving, __ATOMIC_RELAXED) != home)
		return "of a worker that is no more";
	return quiesce_place_text(room, (const void *)(uintptr_t)__atomic_load_n(&home->running, __ATOMIC_RELAXED));
}

static void report_callback(const struct worker *worker, const struct watch *watch, const char *waiter)
{
	const struct workers *all = quiesce_workers_of(worker);
	bool deferred = quiesce_worker_is_deferred(worker);
	pthread_t thread = worker->thread;
	int id = quiesce_thread_id(thread);
	struct thread_text thread_room;
	struct place_text place_room;
	struct time_text time_room;
	const char *function = deferred ? "of defer_rcu" : function_text(worker, &place_room);

	/* It may have gone on while we asked. */
	if (!stands_still(worker, watch))
		return;
	__atomic_fetch_add(&all->domain->grace.stalls, 1, __ATOMIC_RELAXED);
	quiesce_probe(stall, all->domain->name, watch->waited - watch->since, id);
	quiesce_report("urcu_%s_%s: a %s of worker %lu has not returned for %s: %s, in %s; %s waits for it%s",
		       all->domain->name, !waiter ? "call_rcu_before_fork" : deferred ? "defer_rcu" : "call_rcu",
		       deferred ? "deferred call" : "callback", quiesce_worker_home(worker)->id,
		       quiesce_time_text(&time_room, watch->waited - watch->since), function,
		       quiesce_thread_text(&thread_room, thread, id), waiter ? waiter : "call_rcu_before_fork",
		       waiter ? "" : ": does it wait for a lock that the forking thread holds?");
}

/* A callback that waits for a grace period is that one's leader's affair, and so is a worker that does. */
static void look(struct worker *worker, struct watch *watch, const char *waiter)
{
	const int32_t in_callback = WORKER_BUSY | WORKER_THREAD;
	uint64_t limit = quiesce_stall_time();
	int32_t state = quiesce_worker_state(worker);
	bool still = stands_still(worker, watch);

	if (!still)
		arm(worker, watch);
	else if ((state & (in_callback | WORKER_WAITING | WORKER_STARTING)) == in_callback &&
		 __atomic_load_n(&worker->serving, __ATOMIC_RELAXED))
		report_callback(worker, watch, waiter);
	watch->due = limit == QUIESCE_FOREVER ? QUIESCE_FOREVER :
		     watch->waited + (still ? watch->waited - watch->since : limit);
}

bool quiesce_worker_watch(struct worker *worker, int32_t *word, int32_t value, uint64_t *left, struct watch *watch,
		const char *waiter)
{
	bool in_time = quiesce_watched_wait(word, value, left, watch);

	if (watch->waited >= watch->due)
		look(worker, watch, waiter);
	return in_time;
}
