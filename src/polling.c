/* SPDX-License-Identifier: MIT */
#include "delay.h"
#include "gp.h"

static bool reached(const struct gp_state *grace, unsigned long number)
{
	return (long)(grace->completed - number) >= 0;
}

/* Have the worker begin now, not when it has lingered; and in a fork's child, begin at all. */
static void press(struct flavor *flavor)
{
	quiesce_worker_urge(&flavor->workers.standard, &flavor->workers.workers[0]);
}

struct urcu_gp_poll_state quiesce_start_poll(struct flavor *flavor)
{
	struct urcu_gp_poll_state state;

	pthread_mutex_lock(&flavor->grace.lock);
	state.grace_period_id = flavor->grace.started + 1;
	flavor->poll.wanted = state.grace_period_id;
	flavor->poll.pending = true;
	pthread_mutex_unlock(&flavor->grace.lock);
	quiesce_delay();
	press(flavor);
	return state;
}

bool quiesce_poll(struct flavor *flavor, struct urcu_gp_poll_state state)
{
	bool over;

	pthread_mutex_lock(&flavor->grace.lock);
	over = reached(&flavor->grace, state.grace_period_id);
	pthread_mutex_unlock(&flavor->grace.lock);
	quiesce_delay();
	if (over)
		return true;
	if (!(quiesce_worker_state(&flavor->workers.workers[0]) & WORKER_THREAD))
		press(flavor);
	return false;
}

bool quiesce_poll_pending(struct flavor *flavor)
{
	struct poll_state *poll = &flavor->poll;
	bool pending;

	pthread_mutex_lock(&flavor->grace.lock);
	poll->pending = poll->pending && !reached(&flavor->grace, poll->wanted);
	pending = poll->pending;
	pthread_mutex_unlock(&flavor->grace.lock);
	return pending;
}
