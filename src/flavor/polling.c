/* SPDX-License-Identifier: MIT */
/* Grace periods that somebody asks for without waiting. The standard worker goes through them. */
#include "flavor/flavor.h"

/* Have the worker begin now, not when it has lingered; and in a fork's child, begin at all. */
static int press(struct workers *all)
{
	return quiesce_worker_urge(&all->standard.own);
}

bool quiesce_poll_errand(struct workers *all)
{
	return quiesce_gp_is_wanted(all->domain);
}

struct urcu_gp_poll_state quiesce_poll_start(struct flavor *flavor)
{
	struct domain *domain = &flavor->engine.domain;
	struct urcu_gp_poll_state state = { .grace_period_id = quiesce_gp_ticket(&domain->grace) };

	quiesce_delay();
	quiesce_gp_want(domain, state.grace_period_id);
	quiesce_delay();
	press(&flavor->engine.workers);
	return state;
}

/* Where there is no thread, and none can be had, who asks leads it himself, if he may wait. */
bool quiesce_poll(struct flavor *flavor, struct urcu_gp_poll_state state)
{
	struct workers *all = &flavor->engine.workers;

	if (quiesce_gp_over(&all->domain->grace, state.grace_period_id))
		return true;
	if ((quiesce_worker_state(&all->standard.own) & WORKER_THREAD) || press(all) == 0 ||
	    quiesce_domain_in_section(all->domain) || quiesce_fork_is_between(&flavor->engine))
		return false;
	quiesce_workers_synchronize(all, "poll_state_synchronize_rcu");
	return true;
}
