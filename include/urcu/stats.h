/* SPDX-License-Identifier: MIT */
/*
 * What a flavor has done, in numbers. An extension: liburcu has no such function, and URCU_HAVE_STATS tells that it
 * is there. Declared by each flavor's header, under its names (urcu/map/urcu-FLAVOR.h).
 *
 * Readers count nothing, and neither does call_rcu: all of it is counted by who leads a grace period, by who waits
 * for one that another leads, by workers, once a batch, and under locks that are held anyway. Counts come around
 * at the end of an unsigned long.
 *
 * FORK. A child goes on from the counts that its parent had at that moment: what it did itself is the difference. With
 * the hooks (urcu/call-rcu.h) they are exact in both, as callbacks are: what was queued in the parent waits in the
 * child, too, and is counted as run in each. Without, what a worker had run or moved of its batch may be missing.
 */
#ifndef URCU_STATS_H
#define URCU_STATS_H

#include <stddef.h>

#include <urcu/compiler.h>

#define URCU_HAVE_STATS		1

#define URCU_STATS_LATENCIES	48

/* It grows at the end alone, into what is reserved: the size stays. */
struct urcu_stats {
	/* Grace periods that are over, and how many callers had theirs led by another: so many more waited for one. */
	unsigned long grace_periods, merged;
	/*
	 * How long grace periods waited for readers. latency[0]: so many found none in an older section, and waited
	 * for nobody. latency[i]: so many waited for at least 2^(i-1) ns and less than 2^i; the last one counts longer
	 * ones, too. The sum is grace_periods, but for one that has begun.
	 */
	unsigned long latency[URCU_STATS_LATENCIES];
	/*
	 * Callbacks of call_rcu on all workers: that were queued, and of them, that have run. Their difference is
	 * backlog, which is as exact as that of urcu_get_backlog; run is told once a batch, and each 256 callbacks. So
	 * all three are exact when rcu_barrier returns and nobody queues. A head that was queued twice counts as often
	 * as a worker comes upon it. Deferred calls are none.
	 */
	unsigned long queued, run, backlog;
	/* The most that waited at any time as a worker came to take it; with several workers, of each, added up. */
	unsigned long backlog_most;
	/* In so many batches they ran, and so often a worker's thread woke from its sleep between two. */
	unsigned long batches, wakeups;
	/* Pointers of urcu_free_rcu: that were given, and of them, that were freed. */
	unsigned long given, freed;
	/* At this moment: registered threads, workers' too, and workers that have a thread, that of deferred calls too. */
	unsigned long readers, workers;
	/* How often a thread has come to own the fork hooks, bp's own too: once for nested ones. */
	unsigned long forks;
	/* Reports of stalls (quiesce/stall.h), and all reports of this copy of the library, silenced ones too. */
	unsigned long stalls, reports;
	unsigned long reserved[8];	/* 0 */
};

#endif

#ifdef _URCU_DECLARE
_URCU_EXTERN_C_BEGIN

/*
 * Look what was counted until now. Anywhere: in a section, in a callback, between the fork hooks. Waits for no more
 * than a lock that another thread has between its own fork hooks. Not async-signal-safe. Keeps errno. Of a program's
 * several flavors each has its own; those that are linked statically share reports.
 */
extern void urcu_get_stats(struct urcu_stats *stats);

_URCU_EXTERN_C_END

#endif /* _URCU_DECLARE */
