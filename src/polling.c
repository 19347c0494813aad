/* SPDX-License-Identifier: MIT */
#include <urcu/compiler.h>

#include "call-rcu.h"

static bool over(struct flavor *flavor, unsigned long number)
{
	bool over;

	pthread_mutex_lock(&flavor->grace.lock);
	over = (long)(flavor->grace.completed - number) >= 0;
	pthread_mutex_unlock(&flavor->grace.lock);
	return over;
}

static void go_on(struct rcu_head *head);

static void queue_once(struct flavor *flavor)
{
	if (__atomic_exchange_n(&flavor->poll.queued, true, __ATOMIC_SEQ_CST))
		return;
	flavor->poll.head.func = go_on;
	quiesce_enqueue(&flavor->workers.standard, &flavor->poll.head);
}

/*
 * In the worker, after a grace period. Whoever set wanted before we clear queued is seen here;
 * whoever sets it after finds queued clear.
 */
static void go_on(struct rcu_head *head)
{
	struct poll_state *poll = caa_container_of(head, struct poll_state, head);
	struct flavor *flavor = caa_container_of(poll, struct flavor, poll);
	unsigned long wanted;

	__atomic_store_n(&poll->queued, false, __ATOMIC_SEQ_CST);
	pthread_mutex_lock(&flavor->grace.lock);
	wanted = poll->wanted;
	pthread_mutex_unlock(&flavor->grace.lock);
	if (!over(flavor, wanted))
		queue_once(flavor);
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
	pthread_mutex_unlock(&flavor->grace.lock);
	queue_once(flavor);
	press(flavor);
	return state;
}

bool quiesce_poll(struct flavor *flavor, struct urcu_gp_poll_state state)
{
	if (over(flavor, state.grace_period_id))
		return true;
	if (!(quiesce_worker_state(&flavor->workers.workers[0]) & WORKER_THREAD))
		press(flavor);
	return false;
}
