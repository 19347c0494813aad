/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * READ FIRST. What a flavor is, and the grace-period engine that serves them all.
 *
 * A flavor is its struct flavor: data that says where its readers look, what orders them and who
 * wakes whom, plus all the state of its registry, grace periods, workers and fork. Every function
 * of the engine and of the modules above it takes one; no other state is kept, so that one program
 * may hold all flavors, linked statically too.
 *
 * Each library holds one flavor-F.c (descriptor, exported data, exported one-line functions from
 * flavor-exports.h) and the same engine:
 *
 *	registry.c	who the readers are
 *	gp.c		grace periods
 *	queue.c		callbacks on their way in	worker.c	what is done with them
 *	thread.c	the threads that do it, and their pause and stop
 *	call-rcu.c	the call_rcu interface		barrier.c	rcu_barrier
 *	defer.c		defer_rcu			polling.c	grace periods asked about
 *	ended.c		threads that forgot to unregister
 *	fork.c		fork hooks			exit.c		the end of the process
 *	wait.c, membarrier.c, cpu.c, report.c	what is asked of the system
 *
 * Locks, outermost first. None but fork.lock is held while waiting for a reader or a callback, and
 * none at all while malloc or free is called, so that fork hooks may meet any allocator in any
 * state.
 *
 *	fork.lock	from before_fork to after_fork; one forking thread at a time
 *	defer.turn	one rcu_defer_barrier at a time
 *	workers.lock	the list of workers, the per-CPU table; taken by before_fork, so that the
 *			child finds both whole
 *	registry.lock	the readers
 *	arena.lock	of bp: the memory of its readers
 *
 * The child forgets registry.lock and builds anew what it guards.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <urcu/static/urcu-common.h>

#include "defer.h"
#include "polling.h"
#include "process.h"
#include "registry.h"
#include "worker.h"

struct rcu_flavor_struct;
struct urcu_atfork;

/* Grace periods of a flavor. Fields are written atomically, but for what is the leader's own. */
struct gp_state {
	/*
	 * Twice the number of grace periods that are over, plus one while the next is under way. Who
	 * makes it odd leads that one, and makes it even again.
	 */
	unsigned long sequence;
	/*
	 * Those who wait for it to reach t sleep on turn[t / 2 % 2]. Changes when it has, and when
	 * somebody has to lead it there.
	 */
	int32_t turn[2];
	unsigned int sleepers[2];
	/* The leader's. How many times more to spin for a short while only; how many the next time. */
	unsigned int short_spins, caution;
	bool told_below_zero;		/* the leader's: that a thread unlocked once too often */
};

/* Fork hooks of a flavor. Written by the thread that holds lock; owner is read by anybody. */
struct fork_state {
	pthread_mutex_t lock;
	const void *owner;		/* quiesce_self() of the thread between the hooks, or NULL */
	unsigned int depth;		/* how many hooks of either kind it is in */
	unsigned int readers;		/* threads in a section that wait in before_fork; atomically */
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
};

/* A thread's own, for one flavor. Written by the thread alone. */
struct thread_state {
	struct call_rcu_data *worker;	/* set_thread_call_rcu_data; NULL: none */
	struct defer_queue *defer;	/* rcu_defer_register_thread; NULL: none */
	struct defer_visit *visits;	/* queues that it waits for or runs, the innermost first */
	int destructors;		/* how often ended.c was called as it ends */
};

struct flavor {
	const char *name;		/* as in liburcu-<name> */
	const struct rcu_flavor_struct *api;	/* the exported functions, as a user would call them */
	struct urcu_gp *gp;		/* the exported word; a program may hold the copy in use */
	/*
	 * The exported word that tells readers to rely on membarrier; NULL if they never do. Written
	 * by init, once: a reader may be about to enter by the rule in force.
	 */
	int *has_membarrier;
	bool readers_wake;		/* unlock wakes a leader that sleeps on gp.futex */
	/*
	 * qsbr: readers mark no sections but announce quiescent states; between going online and
	 * offline they count as in one. What they announce is fenced, and they wake the leader only
	 * if asked to, at the next announcement.
	 */
	bool announces;
	void (*ask_for_wake)(struct reader *reader);
	int passes;			/* of a grace period: 1, or 2 where the number is short */
	/* The calling thread's reader, NULL if it is not registered. */
	struct reader *(*self)(void);
	/* What the calling thread keeps of its own. */
	struct thread_state *(*thread)(void);
	/* Register a thread that does so by itself (bp); NULL in the other flavors. */
	void (*attend)(void);
	/* In a fork's child, before the registry is reset: bp takes its slots back. May be NULL. */
	void (*child)(void);
	/* quiesce_exit of this flavor. */
	void (*at_exit)(void);

	bool ready;			/* init has begun; atomically */
	bool membarrier_granted;	/* to readers that rely on it; written by init */
	bool has_thread_end;		/* set by init, cleared at exit; atomically */
	pthread_key_t thread_end;	/* of ended.c */
	int32_t process;		/* that readers and workers are of (process.h); set atomically */
	struct heir heir;
	/*
	 * In a child that was forked without the hooks, until it has a worker's thread of its own: what
	 * is queued is its parent's. Written by take_over, and by who makes the thread.
	 */
	bool inherited;
	/* What comes above is read by every call_rcu: what is written has cache lines of its own. */
	struct registry registry __attribute__((aligned(QUIESCE_APART)));
	struct gp_state grace __attribute__((aligned(QUIESCE_APART)));
	struct worker_state workers;
	struct fork_state fork;
	struct defer_state defer;
	struct poll_state poll;
};

/*
 * The number a grace-period word starts with. Debug builds start just before the wrap, so that
 * every test crosses it.
 */
#ifdef QUIESCE_DEBUG
#define GP_FIRST	(0UL - 8 * URCU_GP_STEP + URCU_GP_COUNT)
#else
#define GP_FIRST	URCU_GP_COUNT
#endif

/* A short number may come around while a reader sleeps between reading and storing it. */
#define GP_PASSES	(sizeof(unsigned long) >= 8 ? 1 : 2)

/* Initial values of what every descriptor holds alike. */
#define FLAVOR_STATE_INIT(f)						\
	.passes = GP_PASSES,						\
	.registry = REGISTRY_INIT((f).registry),			\
	.workers = WORKER_STATE_INIT(f),				\
	.fork = { .lock = PTHREAD_MUTEX_INITIALIZER },			\
	.defer = DEFER_STATE_INIT

/* The constructor's part: find out about membarrier. Done once, however often it is called. */
void quiesce_init(struct flavor *flavor);

/* rcu_register_thread and rcu_unregister_thread for a reader that the caller owns. */
void quiesce_register(struct flavor *flavor, struct reader *reader);
void quiesce_unregister(struct flavor *flavor, struct reader *reader);

/* Be told of forks. */
void quiesce_watch_forks(struct flavor *flavor);

/* Be told of threads that end registered: from init on; the calling thread; not after exit. */
void quiesce_watch_ends(struct flavor *flavor);
void quiesce_watch_thread(struct flavor *flavor);
void quiesce_ignore_ends(struct flavor *flavor);

/* ...of the calling thread, which is between the fork hooks, too. Allocates nothing. */
void quiesce_watch_fork(struct flavor *flavor);

/*
 * glibc has room for the values of this many keys in each thread, and allocates for more; other C
 * libraries have room for all.
 */
#ifdef __GLIBC__
#define KEYS_WITH_ROOM 32
#else
#define KEYS_WITH_ROOM PTHREAD_KEYS_MAX
#endif

/* synchronize_rcu. */
void quiesce_synchronize(struct flavor *flavor);

/*
 * A ticket: what the sequence will be when a grace period is over that began after this call. Even,
 * and valid until the sequence has come half around. The caller's stores before it come before that
 * grace period.
 */
unsigned long quiesce_gp_ticket(const struct gp_state *grace);

/* Whether that grace period is over. Acquire: after the sections that it waited for. */
bool quiesce_gp_over(const struct gp_state *grace, unsigned long ticket);

/* In a fork's child, after the registry was reset: no grace period is under way. */
void quiesce_gp_child(struct flavor *flavor);

/*
 * Whether the state is this process's own. In a child that was forked without the hooks it is not:
 * locks may be held, and threads named, that are not there.
 */
bool quiesce_is_ours(const struct flavor *flavor);

/*
 * Whether the calling thread is in a section of this flavor. Never in qsbr, which cannot tell. Reports,
 * and mends, a count of more unlocks than locks.
 */
bool quiesce_in_section(const struct flavor *flavor);

/*
 * An online qsbr thread that waits for others holds up grace periods they may wait for: it goes
 * offline meanwhile. Returns what to give to resume; does nothing in the other flavors.
 */
bool quiesce_suspend(const struct flavor *flavor);
void quiesce_resume(const struct flavor *flavor, bool suspended);

/* A token that is the calling thread's alone and stays its own in a fork's child. */
const void *quiesce_self(void);
