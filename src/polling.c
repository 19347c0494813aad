/* SPDX-License-Identifier: MIT */
#include "delay.h"
#include "gp.h"

/* Have the worker begin now, not when it has lingered; and in a fork's child, begin at all. */
static void press(struct flavor *flavor)
{
	quiesce_worker_urge(&flavor->workers.standard.own);
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

bool quiesce_poll(struct flavor *flavor, struct urcu_gp_poll_state state)
{
	if (quiesce_gp_over(&flavor->grace, state.grace_period_id))
		return true;
	if (!(quiesce_worker_state(&flavor->workers.standard.own) & WORKER_THREAD))
		press(flavor);
	return false;
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
