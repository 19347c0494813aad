/* SPDX-License-Identifier: MIT */
/*
 * Who waits for a thread that stands between the fork hooks, or has forgotten the second: for workers.lock, which it
 * has, for the hooks, or as a worker that it has paused.
 */
#include <stdio.h>

#include "callbacks/callbacks.h"
#include "system/probe.h"
#include "system/system.h"

void quiesce_forker_set(struct workers *all)
{
	quiesce_hold(&all->forker.holder);
	__atomic_store_n(&all->forker.number, all->forker.number + 1, __ATOMIC_RELAXED);
}

void quiesce_forker_unset(struct workers *all)
{
	quiesce_let_go(&all->forker.holder);
}

void quiesce_forker_report(struct workers *all, uint64_t waited, const char *waiting)
{
	const void *thread = __atomic_load_n(&all->forker.holder.thread, __ATOMIC_RELAXED);
	int id = __atomic_load_n(&all->forker.holder.id, __ATOMIC_RELAXED);
	bool paused = __atomic_load_n(&all->pausing, __ATOMIC_RELAXED);
	struct thread_text thread_room;
	struct time_text time_room;

	if (!thread || !quiesce_is_first(&all->forker.holder.told,
					 __atomic_load_n(&all->forker.number, __ATOMIC_RELAXED), waited))
		return;
	__atomic_fetch_add(&all->domain->grace.stalls, 1, __ATOMIC_RELAXED);
	quiesce_probe(stall, all->domain->name, waited, id);
	quiesce_report("urcu_%s_%s has waited for %s for another thread's fork: %s, has called urcu_%s_%sbefore_fork and "
		       "neither after_fork_parent nor after_fork_child since; %lu callbacks wait for the standard worker",
		       all->domain->name, waiting, quiesce_time_text(&time_room, waited),
		       quiesce_thread_text(&thread_room, (pthread_t)thread, id), all->domain->name,
		       paused ? "call_rcu_" : "", quiesce_queue_backlog(&all->standard));
}

/* Before each wait: who forks one after the other holds nobody up. */
static void follow(const struct workers *all, struct watch *watch)
{
	unsigned long number = __atomic_load_n(&all->forker.number, __ATOMIC_RELAXED);

	if (watch->seen != number)
		quiesce_watch_anew(watch, &all->forker, number);
}

/* After it. */
static void look(struct workers *all, struct watch *watch, const char *waiting)
{
	follow(all, watch);
	if (quiesce_watch_is_due(watch))
		quiesce_forker_report(all, watch->waited - watch->since, waiting);
}

void quiesce_forker_wait(struct workers *all, int32_t *word, int32_t value, struct watch *watch, const char *waiting)
{
	follow(all, watch);
	quiesce_watched_wait(word, value, NULL, watch);
	look(all, watch, waiting);
}

void quiesce_forker_lock(struct workers *all, int32_t *lock, const char *waiting)
{
	struct watch watch = { 0 };

	if (quiesce_lock_try(lock))
		return;
	follow(all, &watch);
	while (!quiesce_lock_step(lock, NULL, &watch))
		look(all, &watch, waiting);
}

void quiesce_workers_lock(struct workers *all, const char *waiting)
{
	all->calls->claim(all);
	quiesce_forker_lock(all, &all->lock, waiting);
}

bool quiesce_forker_lock_until(struct workers *all, int32_t *lock, uint64_t *left, const char *waiting)
{
	struct watch watch = { 0 };
	bool locked = quiesce_lock_try(lock);

	follow(all, &watch);
	while (!locked && *left) {
		locked = quiesce_lock_step(lock, left, &watch);
		if (!locked)
			look(all, &watch, waiting);
	}
	return locked;
}
