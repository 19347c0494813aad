/* SPDX-License-Identifier: MIT */
#include "callbacks/workers.h"
#include "system/delay.h"

/* Have the worker begin now, not when it has lingered; and in a fork's child, begin at all. */
static int press(struct flavor *flavor)
{
	return quiesce_worker_urge(&flavor->workers.standard.own);
}

/* A ticket is even: with its lowest bit set it is never 0. */
static void want(struct poll_state *poll, unsigned long wanted)
{
	unsigned long seen = __atomic_load_n(&poll->wanted, __ATOMIC_RELAXED);

	while ((!seen || (long)(wanted - seen) > 0) &&
	       !__atomic_compare_exchange_n(&poll->wanted, &seen, wanted, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED))
		continue;
}

struct urcu_gp_poll_state quiesce_start_poll(struct flavor *flavor)
{
	struct urcu_gp_poll_state state = { .grace_period_id = quiesce_gp_ticket(&flavor->grace) };

	quiesce_delay();
	want(&flavor->poll, state.grace_period_id | 1);
	quiesce_delay();
	press(flavor);
	return state;
}

/* Where there is no thread, and none can be had, who asks leads it himself, if he may wait. */
bool quiesce_poll(struct flavor *flavor, struct urcu_gp_poll_state state)
{
	if (quiesce_gp_over(&flavor->grace, state.grace_period_id))
		return true;
	if ((quiesce_worker_state(&flavor->workers.standard.own) & WORKER_THREAD) ||
	    press(flavor) == 0 || quiesce_in_section(flavor) || quiesce_between_hooks(flavor))
		return false;
	quiesce_synchronize(flavor);
	return true;
}

bool quiesce_poll_pending(struct flavor *flavor)
{
	unsigned long wanted = __atomic_load_n(&flavor->poll.wanted, __ATOMIC_SEQ_CST);

	while (wanted && quiesce_gp_over(&flavor->grace, wanted & ~1UL))
		if (__atomic_compare_exchange_n(&flavor->poll.wanted, &wanted, 0, false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return false;
	return wanted != 0;
}
