/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include <urcu/call-rcu.h>
#include <urcu/urcu-poll.h>

struct flavor;

/*
 * Grace periods that somebody asked for without waiting. A callback on the standard worker makes
 * the worker go through them: it queues itself again as long as wanted is ahead.
 */
struct poll_state {
	struct rcu_head head;
	bool queued;			/* head is; set atomically */
	unsigned long wanted;		/* the youngest asked for; under gp.lock */
};

struct urcu_gp_poll_state quiesce_start_poll(struct flavor *flavor);
bool quiesce_poll(struct flavor *flavor, struct urcu_gp_poll_state state);
