/* SPDX-License-Identifier: MIT */
#ifndef QUIESCE_FORK_STORM_CASES_H
#define QUIESCE_FORK_STORM_CASES_H

/*
 * The load that test-fork-storm.c forks in. fork-storm-cases.c is compiled for a flavor and adds
 * itself to the list below; a program may have several, compiled for several flavors.
 */

#include <stdbool.h>
#include <sys/types.h>

struct shared;

struct storm_load {
	const char *flavor;
	void (*attach)(struct shared *shared, pid_t test_pid);
	void (*start)(void);
	/* All threads have ended, and everything has run once. */
	void (*stop)(void);
	/* A forking thread, of that number, registers and unregisters. */
	void (*enter)(int forker);
	void (*leave)(void);
	void (*begin_section)(void);
	void (*end_section)(void);
	void (*before_fork)(void);
	void (*after_fork_parent)(void);
	void (*after_fork_child)(void);
	/* In a child: queue something; use everything, and see that all has run once. */
	void (*queue_some)(void);
	void (*use)(bool by_barrier);
	struct storm_load *next;
};

#define FORKERS 3

extern struct storm_load *storm_loads;

/* Where this process is; a literal. Several children go through their stages at a time. */
extern const char *storm_stage;

#define STAGE(text) __atomic_store_n(&storm_stage, text, __ATOMIC_RELAXED)

#endif
