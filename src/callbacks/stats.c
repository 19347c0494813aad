/* SPDX-License-Identifier: MIT */
/* What workers and givers have counted, added up for urcu_get_stats. */
#include "callbacks/callbacks.h"
#include "system/system.h"

static unsigned long count(const unsigned long *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static void add_worker(struct urcu_stats *stats, const struct worker *worker)
{
	stats->wakeups += count(&worker->wakeups);
	stats->workers += (quiesce_worker_state(worker) & (WORKER_THREAD | WORKER_GUEST)) == WORKER_THREAD;
}

/* What has run is read first: it is not more than what was queued. */
static void add_queue(struct urcu_stats *stats, const struct call_rcu_data *queue)
{
	stats->run += __atomic_load_n(&queue->ran, __ATOMIC_ACQUIRE);
	stats->backlog += quiesce_queue_backlog(queue);
	stats->backlog_most += count(&queue->most);
	stats->batches += count(&queue->batches);
	add_worker(stats, &queue->own);
}

static void add_gone(struct urcu_stats *stats, const struct queue_counts *gone)
{
	stats->run += gone->ran;
	stats->backlog_most += gone->most;
	stats->batches += gone->batches;
	stats->wakeups += gone->wakeups;
}

static void add_stashes(struct urcu_stats *stats, struct workers *all)
{
	struct stash *stash = NULL;

	while ((stash = quiesce_stash_next(all, stash))) {
		/* Acquire: not more is freed than was given. */
		stats->freed += __atomic_load_n(&stash->freed, __ATOMIC_ACQUIRE);
		stats->given += count(&stash->window.given);
	}
}

void quiesce_workers_count(struct workers *all, bool listed, struct urcu_stats *stats)
{
	struct call_rcu_data *queue;

	if (!listed)
		quiesce_workers_lock(all, "get_stats");
	add_gone(stats, &all->gone);
	add_queue(stats, &all->standard);
	quiesce_for_each_made(queue, all)
		add_queue(stats, queue);
	if (!listed)
		quiesce_unlock(&all->lock);
	stats->queued = stats->run + stats->backlog;
	add_worker(stats, &all->deferred.own);
	add_stashes(stats, all);
}
