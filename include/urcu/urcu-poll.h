/* SPDX-License-Identifier: MIT */
/* Grace periods that are asked about instead of waited for. */
#ifndef URCU_URCU_POLL_H
#define URCU_URCU_POLL_H

#include <stdbool.h>

#include <urcu/compiler.h>

/*
 * Names a grace period. Only the functions below look inside. It is good in the process that got it and in
 * its fork's children, for this flavor, until half of all numbers have passed: 2^62 grace periods (2^30
 * where long has 32 bits). Then it may seem not to be over. It needs no release.
 */
struct urcu_gp_poll_state {
	unsigned long grace_period_id;
};

#endif

#ifdef _URCU_DECLARE
_URCU_EXTERN_C_BEGIN

/*
 * Name a grace period that has yet to start, and return its name. The standard worker leads it, unless
 * somebody else does: after the callbacks that it runs, and after a fork that is under way. Never blocks;
 * may start the standard worker's thread (a failure is reported once), or wake it. May be called in a
 * section, in a callback, between the fork hooks, after a fork and after exit. Not async-signal-safe. Keeps
 * errno.
 */
extern struct urcu_gp_poll_state start_poll_synchronize_rcu(void);

/*
 * Whether the grace period is over. If true, the guarantees of synchronize_rcu hold as if it had
 * been called at start_poll_synchronize_rcu and returned now.
 *
 * Never blocks as long as the standard worker has a thread. Where none can be made, and after exit, it calls
 * synchronize_rcu in place of that thread and returns true (in qsbr that is a quiescent state); in a section
 * and between the fork hooks it returns false. May be called where start_poll_synchronize_rcu may.
 */
extern bool poll_state_synchronize_rcu(struct urcu_gp_poll_state state);

_URCU_EXTERN_C_END

#endif /* _URCU_DECLARE */
