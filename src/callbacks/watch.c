/* SPDX-License-Identifier: MIT */
/*
 * What holds a worker up, as seen by who waits for it. He sets WORKER_WATCHED, and looks again when the time for a
 * stall has passed: if the bit is still there and the worker has not raised breaths, it has not come from one
 * callback to the next. Another who watches may have set the bit anew; so the bit alone does not tell.
 */
#include <string.h>

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
	quiesce_watch_anew(watch, worker, __atomic_load_n(&worker->breaths, __ATOMIC_RELAXED));
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
	const struct call_rcu_data *home = quiesce_worker_home(worker), *serving;

	serving = __atomic_load_n(&worker->serving, __ATOMIC_RELAXED);
	if (!serving)
		return "the release function of free_rcu";
	if (serving != home)
		return "of a worker that is no more";
	return quiesce_place_text(room, (const void *)(uintptr_t)__atomic_load_n(&home->running, __ATOMIC_RELAXED));
}

/* Whether nobody else has reported the same just now. */
static bool is_first(struct worker *worker, uint64_t ns)
{
	return quiesce_is_first(&worker->glances.told, __atomic_load_n(&worker->breaths, __ATOMIC_RELAXED), ns);
}

static void report_callback(struct worker *worker, uint64_t ns, const char *waiter)
{
	const struct workers *all = quiesce_workers_of(worker);
	bool deferred = quiesce_worker_is_deferred(worker);
	int id = __atomic_load_n(&worker->id, __ATOMIC_RELAXED);
	struct thread_text thread_room;
	struct place_text place_room;
	struct time_text time_room;
	const char *function = function_text(worker, &place_room);
	bool forks = waiter && strcmp(waiter, "call_rcu_before_fork") == 0;

	__atomic_fetch_add(&all->domain->grace.stalls, 1, __ATOMIC_RELAXED);
	quiesce_probe(stall, all->domain->name, ns, id);
	quiesce_report("urcu_%s_%s: a %s of worker %lu has not returned for %s: %s, in %s; %s waits for it%s; with it "
		       "%lu callbacks wait", all->domain->name, forks ? waiter : deferred ? "defer_rcu" : "call_rcu",
		       deferred ? "deferred call" : "callback", quiesce_worker_home(worker)->id,
		       quiesce_time_text(&time_room, ns), function, quiesce_thread_text(&thread_room, worker->thread, id),
		       waiter ? waiter : "nobody", forks ? ": does it wait for a lock that the forking thread holds?" : "",
		       quiesce_queue_backlog(quiesce_worker_home(worker)));
}

/*
 * In a callback, or a sweep, that does not wait for a grace period: that one is its leader's affair. A guest is, too.
 * One that gets no processor between two of them is neither.
 */
static bool is_in_callback(const struct worker *worker)
{
	const int32_t in_callback = WORKER_BUSY | WORKER_THREAD;

	return (quiesce_worker_state(worker) & (in_callback | WORKER_WAITING | WORKER_STARTING)) == in_callback &&
	       (__atomic_load_n(&worker->serving, __ATOMIC_RELAXED) || quiesce_worker_has_sweep(worker));
}

/* One that is paused does not wait for its callback. */
static bool is_paused(const struct worker *worker)
{
	return (quiesce_worker_state(worker) & (WORKER_BUSY | WORKER_PAUSE)) == WORKER_PAUSE;
}

static void look(struct worker *worker, struct watch *watch, const char *waiter)
{
	uint64_t ns = watch->waited - watch->since;

	if (!stands_still(worker, watch))
		arm(worker, watch);
	else if (is_paused(worker))
		quiesce_forker_report(quiesce_workers_of(worker), ns, "barrier");
	else if (is_in_callback(worker) && is_first(worker, ns))
		report_callback(worker, ns, waiter);
}

bool quiesce_worker_watch(struct worker *worker, int32_t *word, int32_t value, uint64_t *left, struct watch *watch,
		const char *waiter)
{
	bool in_time = quiesce_watched_wait(word, value, left, watch);

	if (quiesce_watch_is_due(watch))
		look(worker, watch, waiter);
	return in_time;
}

/* ---- By who does not wait ---- */

static void report_glance(struct worker *worker, unsigned long since, const char *waiter)
{
	unsigned long now = (unsigned long)(quiesce_now() / QUIESCE_NS_PER_MS) | 1;
	uint64_t limit = quiesce_stall_time(), ns = (uint64_t)(now - since) * QUIESCE_NS_PER_MS;

	if (!since)
		__atomic_store_n(&worker->glances.since, now, __ATOMIC_RELAXED);
	else if ((long)(now - since) > 0 && ns >= limit && is_first(worker, ns))
		report_callback(worker, ns, waiter);
}

void quiesce_worker_glance(struct worker *worker, const char *waiter)
{
	struct glances *glances = &worker->glances;
	unsigned long breaths = __atomic_load_n(&worker->breaths, __ATOMIC_RELAXED);

	if (!is_in_callback(worker) || (quiesce_worker_home(worker)->flags & URCU_CALL_RCU_RT))
		return;
	if ((quiesce_worker_state(worker) & WORKER_WATCHED) &&
	    __atomic_load_n(&glances->seen, __ATOMIC_RELAXED) == breaths) {
		report_glance(worker, __atomic_load_n(&glances->since, __ATOMIC_RELAXED), waiter);
		return;
	}
	__atomic_store_n(&glances->since, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&glances->seen, breaths, __ATOMIC_RELAXED);
	__atomic_fetch_or(&worker->state, WORKER_WATCHED, __ATOMIC_RELAXED);
}

/* ---- What runs with a lock ---- */

void quiesce_function_report(struct workers *all, const char *what, const void *function, const struct holder *holder,
		uint64_t ns, const char *waiter)
{
	const void *thread = __atomic_load_n(&holder->thread, __ATOMIC_RELAXED);
	int id = __atomic_load_n(&holder->id, __ATOMIC_RELAXED);
	struct thread_text thread_room;
	struct place_text place_room;
	struct time_text time_room;

	__atomic_fetch_add(&all->domain->grace.stalls, 1, __ATOMIC_RELAXED);
	quiesce_probe(stall, all->domain->name, ns, id);
	quiesce_report("urcu_%s_%s has not returned for %s: %s, in %s; %s waits for it", all->domain->name, what,
		       quiesce_time_text(&time_room, ns), quiesce_place_text(&place_room, function),
		       quiesce_thread_text(&thread_room, (pthread_t)thread, id), waiter);
}
