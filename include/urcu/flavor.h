/* SPDX-License-Identifier: MIT */
/* A flavor as a table of its functions, for code that takes any flavor (cds_lfht). */
#ifndef URCU_FLAVOR_H
#define URCU_FLAVOR_H

#include <stdbool.h>

#include <urcu/compiler.h>

struct rcu_head;
struct urcu_gp_poll_state;

/* A module's own part of the fork hooks; each is called with priv. */
struct urcu_atfork {
	void (*before_fork)(void *priv);
	void (*after_fork_parent)(void *priv);
	void (*after_fork_child)(void *priv);
	void *priv;
};

struct rcu_flavor_struct {
	void (*read_lock)(void);
	void (*read_unlock)(void);
	int (*read_ongoing)(void);
	void (*read_quiescent_state)(void);
	void (*update_call_rcu)(struct rcu_head *head, void (*func)(struct rcu_head *head));
	void (*update_synchronize_rcu)(void);
	void (*update_defer_rcu)(void (*func)(void *p), void *p);
	void (*thread_offline)(void);
	void (*thread_online)(void);
	void (*register_thread)(void);
	void (*unregister_thread)(void);
	void (*barrier)(void);
	void (*register_rculfhash_atfork)(struct urcu_atfork *atfork);
	void (*unregister_rculfhash_atfork)(struct urcu_atfork *atfork);
	struct urcu_gp_poll_state (*update_start_poll_synchronize_rcu)(void);
	bool (*update_poll_state_synchronize_rcu)(struct urcu_gp_poll_state state);
};

/* Definition of the table x, of the flavor whose unprefixed names are in force. */
#define DEFINE_RCU_FLAVOR(x)						\
	const struct rcu_flavor_struct x = {				\
		rcu_read_lock, rcu_read_unlock, rcu_read_ongoing, rcu_quiescent_state, \
		call_rcu, synchronize_rcu, defer_rcu,			\
		rcu_thread_offline, rcu_thread_online,			\
		rcu_register_thread, rcu_unregister_thread, rcu_barrier, \
		urcu_register_rculfhash_atfork, urcu_unregister_rculfhash_atfork, \
		start_poll_synchronize_rcu, poll_state_synchronize_rcu,	\
	}

#endif

#ifdef _URCU_DECLARE
_URCU_EXTERN_C_BEGIN

/* The table of the flavor whose names are in force. */
extern const struct rcu_flavor_struct rcu_flavor;

/*
 * Have the flavor's fork hooks call one module's hooks as well (our hash table needs none): before_fork
 * first of all, after_fork_parent and after_fork_child last. One set is kept, and each registration
 * needs one unregistration with the same argument. Anywhere but in signal handlers; while another thread is
 * between its fork hooks they wait for it. Between the calling thread's own they count from the next fork on: what
 * before_fork was called of has its other hooks called, too. Keep errno.
 */
extern void urcu_register_rculfhash_atfork(struct urcu_atfork *atfork);
extern void urcu_unregister_rculfhash_atfork(struct urcu_atfork *atfork);

_URCU_EXTERN_C_END

#endif /* _URCU_DECLARE */
