/* SPDX-License-Identifier: MIT */
/* What a flavor has counted: urcu/stats.h. */
#include "flavor/flavor.h"

_Static_assert(URCU_STATS_LATENCIES == GP_LATENCIES, "as counted");

/* The latencies first: those that they count are over, or nearly, as the sequence is read. */
static void count_grace(const struct gp_state *grace, struct urcu_stats *stats)
{
	unsigned long waited = 0;

	for (int i = 1; i < GP_LATENCIES; i++)
		waited += stats->latency[i] = __atomic_load_n(&grace->waited[i], __ATOMIC_RELAXED);
	/* Acquire: who waited for one finds it counted. */
	stats->grace_periods = __atomic_load_n(&grace->sequence, __ATOMIC_ACQUIRE) / 2;
	stats->latency[0] = stats->grace_periods > waited ? stats->grace_periods - waited : 0;
	stats->merged = __atomic_load_n(&grace->merged, __ATOMIC_RELAXED);
}

void quiesce_flavor_get_stats(struct flavor *flavor, struct urcu_stats *stats)
{
	struct engine *engine = &flavor->engine;

	*stats = (struct urcu_stats) { 0 };
	count_grace(&engine->domain.grace, stats);
	quiesce_workers_count(&engine->workers, quiesce_fork_holds_workers(engine), stats);
	stats->stalls = __atomic_load_n(&engine->domain.grace.stalls, __ATOMIC_RELAXED);
	stats->readers = __atomic_load_n(&engine->domain.registry.registered, __ATOMIC_RELAXED);
	stats->forks = __atomic_load_n(&engine->fork.forks, __ATOMIC_RELAXED);
	stats->reports = __atomic_load_n(&quiesce_reports, __ATOMIC_RELAXED);
}
