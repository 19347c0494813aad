/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What befalls a process as a whole: fork and exit. An engine is a domain and the workers of its
 * callbacks; both ends are of all of it at once. Here nothing is known of flavors: what one does
 * besides (bp) it is asked for by the functions it gave.
 *
 *	fork.c	the hooks, and children that were made without
 *	exit.c	the end of the process, of the library in it, or of RCU for a while
 *
 * Locks, outermost first. None but fork.lock is held while waiting for a reader or a callback, and
 * none that the hooks take while malloc or free is called, so that fork hooks may meet any allocator in
 * any state.
 *
 *	fork.lock	from before_fork to after_fork; one forking thread at a time
 *	defer.turn	one rcu_defer_barrier at a time
 *	workers.lock	the list of workers, the per-CPU table; taken by before_fork, so that the
 *			child finds both whole
 *	stash.turn	who frees what a thread gave to free_rcu; its release function may take what it likes
 *	stashes.lock	who gives to the stash that threads share; malloc is called with it
 *	registry.lock	the readers
 *	arena.lock	of bp: the memory of its readers
 *
 * The child forgets registry.lock and builds anew what it guards. It forgets stash.turn and stashes.lock as
 * well, as they are dead threads', and goes on with what they guard, which is whole at any point.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "callbacks/callbacks.h"
#include "grace/grace.h"
#include "system/system.h"

struct urcu_atfork;

/* Fork hooks of an engine. Written by the thread that holds lock; owner is read by anybody. */
struct fork_state {
	int32_t lock;			/* quiesce_forker_lock */
	const void *owner;		/* quiesce_self() of the thread between the hooks, or NULL */
	unsigned int depth;		/* how many hooks of either kind it is in */
	unsigned int readers;		/* threads in a section that wait in before_fork; atomically */
	unsigned long forks;		/* how often a thread came to own the hooks; read by anybody */
	/*
	 * A bit for each hook it is in, the innermost lowest. They keep nested hooks apart from a
	 * fork in the child between two of its hooks.
	 */
	unsigned long pauses;		/* call_rcu hooks: this one paused; workers.lock is held */
	unsigned long restarts;		/* all hooks: the child has built its registry since */
	/* Another liburcu-cds's; ours needs none. */
	struct urcu_atfork *called_hooks;	/* between our hooks */
	struct urcu_atfork *table_hooks;	/* under workers.lock */
	unsigned int table_users;		/* under workers.lock */
	/*
	 * Whether the hooks are in pthread_atfork: ATFORK_NO, ATFORK_YES, or the number of the process
	 * one of whose threads is at it. Set atomically; the futex of those who wait for that thread.
	 */
	int32_t atfork;
	/* quiesce_generation() of a child that the thread between the hooks is in. Set atomically, by that thread. */
	int32_t hooked;
};

struct engine {
	struct domain domain;
	struct workers workers;
	struct fork_state fork;
	void (*child)(void);		/* in a fork's child, after the registry was reset; may be NULL */
	void (*at_exit)(void);		/* quiesce_exit of this engine */
	/* The calling thread is between the hooks: see to its end. Allocates nothing; may be NULL. */
	void (*watch)(void);
	int32_t generation;		/* that readers and workers are of (system.h); set atomically */
	struct heir heir;
	bool exit_awaited;		/* at_exit is registered, and was not called; set atomically */
};

static inline struct engine *quiesce_engine_of(struct workers *all)
{
	return caa_container_of(all, struct engine, workers);
}

/* ---- Fork: fork.c ---- */

/* Be told of forks that are made without the hooks. */
void quiesce_fork_watch(struct engine *engine);

/* The hooks of urcu/call-rcu.h, and bp's own three, which leave the workers alone. */
void quiesce_fork_before(struct engine *engine);
void quiesce_fork_parent(struct engine *engine);
void quiesce_fork_child(struct engine *engine);
void quiesce_fork_registry_before(struct engine *engine);
void quiesce_fork_registry_parent(struct engine *engine);
void quiesce_fork_registry_child(struct engine *engine);

void quiesce_fork_set_table(struct engine *engine, struct urcu_atfork *hooks);
void quiesce_fork_unset_table(struct engine *engine, struct urcu_atfork *hooks);

/* Whether the calling thread is between call_rcu_before_fork and its companion. */
bool quiesce_fork_is_between(const struct engine *engine);

/*
 * Whether the workers stand still until the calling thread's next hook. In the child that is over with
 * the first hook that sees to them, and others may follow.
 */
bool quiesce_fork_holds_workers(const struct engine *engine);

/*
 * The calling thread is between the hooks and will call none any more, for it does what "how" says: do
 * what the hooks that it forgot would, with a report.
 */
void quiesce_fork_forgotten(struct engine *engine, const char *how);

/* The workers' calls->after_batch. */
void quiesce_fork_after_batch(struct workers *all);

/*
 * Whether the state is this process's own. In a child that was forked without the hooks it is not:
 * locks may be held, and threads named, that are not there.
 */
bool quiesce_fork_is_ours(const struct engine *engine);

/* The workers' calls->claim. */
bool quiesce_fork_claim(struct workers *all);

/* ---- The hooks through pthread_atfork: atfork.c ---- */

/* Install them, if they are not. Returns 0 or an error number. */
int quiesce_fork_atfork(struct engine *engine, void (*prepare)(void), void (*parent)(void),
		void (*child)(void));

/* ---- Exit: exit.c ---- */

/* The workers' calls->first: have at_exit called, in front of what was registered before. */
void quiesce_exit_await(struct workers *all);

/*
 * Run what is queued, then let no callback run any more that nobody waits for, and stop the threads,
 * within the time limit.
 */
void quiesce_exit(struct engine *engine);

/* rcu_exit: the same, and then everything may go on. */
void quiesce_exit_rest(struct engine *engine);

/*
 * The library's end: quiesce_exit if it was not called, and memory is given back. False: this process
 * is not the one that the threads and locks are of, or the calling thread interrupted itself in the
 * middle of something; the caller leaves everything as it is.
 */
bool quiesce_exit_end(struct engine *engine);
