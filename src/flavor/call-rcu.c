/* SPDX-License-Identifier: MIT */
/* Functions of urcu/call-rcu.h that a caller may get wrong: what would wait for itself is reported. */
#include <errno.h>

#include "flavor/flavor.h"

/* What would make a barrier wait for itself; NULL: nothing. */
static const char *own_obstacle(const struct engine *engine)
{
	if (quiesce_domain_in_section(&engine->domain))
		return "in a read-side critical section";
	if (quiesce_in_callback(&engine->workers))
		return "in a callback";
	return quiesce_fork_holds_workers(engine) ? "between the fork hooks" : NULL;
}

/*
 * In a deferred call a fork may wait for us, while the workers we wait for are paused for it: so we
 * do not count as running.
 */
void quiesce_flavor_barrier(struct flavor *flavor)
{
	const char *obstacle = own_obstacle(&flavor->engine);
	struct worker *waiting;

	if (obstacle) {
		quiesce_report("urcu_%s_barrier: called %s: it would wait for itself; it returns "
			       "without waiting", flavor->engine.domain.name, obstacle);
		return;
	}
	waiting = quiesce_worker_step_out();
	quiesce_barrier_until(&flavor->engine.workers, NULL);
	quiesce_free_barrier(&flavor->engine.workers);
	quiesce_worker_end_wait(waiting);
}

/* Between the hooks of the calling thread the list of workers stands still, for the child. */
static bool refuse_between_hooks(const struct flavor *flavor, const char *function)
{
	if (!quiesce_fork_holds_workers(&flavor->engine))
		return false;
	quiesce_report("urcu_%s_%s: called between the fork hooks, where it would wait for itself: it "
		       "does nothing", flavor->engine.domain.name, function);
	return true;
}

struct call_rcu_data *quiesce_flavor_create(struct flavor *flavor, unsigned long flags, int cpu)
{
	if (!refuse_between_hooks(flavor, "create_call_rcu_data"))
		return quiesce_workers_create(&flavor->engine.workers, flags, cpu);
	errno = EDEADLK;
	return NULL;
}

void quiesce_flavor_free(struct flavor *flavor, struct call_rcu_data *queue)
{
	bool in_section = quiesce_domain_in_section(&flavor->engine.domain);

	if (!queue || queue == &flavor->engine.workers.standard ||
	    refuse_between_hooks(flavor, "call_rcu_data_free"))
		return;
	if (in_section || quiesce_worker_current(&flavor->engine.workers) == &queue->own)
		quiesce_report("urcu_%s_call_rcu_data_free: called in %s: it would wait for itself; "
			       "the worker stays", flavor->engine.domain.name, in_section ?
			       "a read-side critical section" : "a callback of that worker");
	else
		quiesce_workers_free(&flavor->engine.workers, queue);
}

void quiesce_flavor_free_cpus(struct flavor *flavor)
{
	if (!refuse_between_hooks(flavor, "free_all_cpu_call_rcu_data"))
		quiesce_workers_free_cpus(&flavor->engine.workers);
}
