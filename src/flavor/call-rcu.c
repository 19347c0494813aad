/* SPDX-License-Identifier: MIT */
/*
 * Functions of urcu/call-rcu.h and urcu/backlog.h that a caller may get wrong: what would wait for itself is
 * reported, or returned.
 */
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
	quiesce_barrier_until(&flavor->engine.workers, NULL, "rcu_barrier");
	quiesce_free_barrier(&flavor->engine.workers);
	quiesce_worker_end_wait(waiting);
}

int quiesce_flavor_barrier_timeout(struct flavor *flavor, unsigned int timeout_ms)
{
	uint64_t left = timeout_ms * QUIESCE_NS_PER_MS;
	struct worker *waiting;
	bool in_time;

	if (own_obstacle(&flavor->engine))
		return -EDEADLK;
	waiting = quiesce_worker_step_out();
	in_time = quiesce_barrier_until(&flavor->engine.workers, &left, "urcu_barrier_timeout") &&
		  quiesce_free_until(&flavor->engine.workers, &left, "urcu_barrier_timeout");
	quiesce_worker_end_wait(waiting);
	return in_time ? 0 : -ETIMEDOUT;
}

/* It waits for deferred calls, too: not in one, whoever runs it. */
int quiesce_flavor_drain(struct flavor *flavor, unsigned int timeout_ms)
{
	struct workers *all = &flavor->engine.workers;
	uint64_t left = timeout_ms * QUIESCE_NS_PER_MS;
	struct worker *waiting;
	bool in_time;

	if (own_obstacle(&flavor->engine) || quiesce_worker_current(all) || all->calls->own()->visits)
		return -EDEADLK;
	waiting = quiesce_worker_step_out();
	in_time = quiesce_drain_until(all, &left);
	quiesce_worker_end_wait(waiting);
	return in_time ? 0 : -ETIMEDOUT;
}

int quiesce_flavor_stop_default(struct flavor *flavor)
{
	if (own_obstacle(&flavor->engine))
		return -EDEADLK;
	quiesce_workers_stop_default(&flavor->engine.workers);
	return 0;
}

void quiesce_flavor_get_backlog(struct flavor *flavor, struct urcu_backlog *backlog)
{
	quiesce_backlog_get(&flavor->engine.workers, quiesce_fork_holds_workers(&flavor->engine), backlog);
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

int quiesce_flavor_create_cpus(struct flavor *flavor, unsigned long flags)
{
	if (!refuse_between_hooks(flavor, "create_all_cpu_call_rcu_data"))
		return quiesce_workers_create_cpus(&flavor->engine.workers, flags);
	errno = EDEADLK;
	return -EDEADLK;
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
