/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include <urcu/urcu-poll.h>

struct flavor;

/*
 * Grace periods that somebody asked for without waiting. The standard worker goes through them. It
 * is data and no callback, so that a fork's child finds it whole.
 */
struct poll_state {
	unsigned long wanted;		/* the youngest ticket plus one; 0: none. Atomically */
};

struct urcu_gp_poll_state quiesce_start_poll(struct flavor *flavor);
bool quiesce_poll(struct flavor *flavor, struct urcu_gp_poll_state state);

/* For the worker: whether somebody wants a grace period. */
bool quiesce_poll_pending(struct flavor *flavor);
