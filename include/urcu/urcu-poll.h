/* SPDX-License-Identifier: MIT */
/* Grace periods that are asked about instead of waited for. */
#ifndef URCU_URCU_POLL_H
#define URCU_URCU_POLL_H

#include <stdbool.h>

#include <urcu/compiler.h>

/* Names a grace period. Only the functions below look inside. */
struct urcu_gp_poll_state {
	unsigned long grace_period_id;
};

#endif

#ifdef _URCU_DECLARE
_URCU_EXTERN_C_BEGIN

/*
 * Start a grace period, or name one that has yet to start, and return its name. It makes progress
 * by itself. Never blocks; may start the default worker's thread. May be called in a section, and
 * from a callback.
 */
extern struct urcu_gp_poll_state start_poll_synchronize_rcu(void);

/*
 * Whether the grace period is over. If true, the guarantees of synchronize_rcu hold as if it had
 * been called at start_poll_synchronize_rcu and returned now. Never blocks.
 */
extern bool poll_state_synchronize_rcu(struct urcu_gp_poll_state state);

_URCU_EXTERN_C_END

#endif /* _URCU_DECLARE */
