/* SPDX-License-Identifier: MIT */
#ifndef QUIESCE_FAULT_H
#define QUIESCE_FAULT_H

#include "../fork/fork-harness.h"

/*
 * Calls into the C library that are made to fail. test-fault runs each scenario of fault-cases.c as
 * a process of its own, from exec to exit: once to count what the library calls, then once for each
 * call, which fails. Only calls from liburcu-*.so count, and only they fail.
 */

enum fault_kind {
	FAULT_MEMORY,		/* malloc, calloc, realloc, posix_memalign, aligned_alloc */
	FAULT_MAP,		/* mmap */
	FAULT_PROTECT,		/* mprotect */
	FAULT_UNMAP,		/* munmap */
	FAULT_THREAD,		/* pthread_create */
	FAULT_KEY,		/* pthread_key_create, pthread_setspecific */
	FAULT_ATFORK,		/* pthread_atfork */
	FAULT_WAIT,		/* FUTEX_WAIT_BITSET */
	FAULT_WAKE,		/* FUTEX_WAKE, but not of readers */
	FAULT_MEMBARRIER,	/* each command of membarrier */
	FAULT_AFFINITY,		/* sched_setaffinity, pthread_setaffinity_np */
	FAULT_CPUS,		/* sysconf(_SC_NPROCESSORS_CONF) */
	FAULT_HELP,		/* sched_getaffinity, sched_getcpu, pthread_setname_np, madvise, files */
	FAULT_KINDS,
	/* Plans only. */
	FAULT_FUTEX,		/* both of them */
	FAULT_BARRIERS,		/* membarrier, and the move to every CPU that takes its place */
	FAULT_OLDER_MEMBARRIER,	/* knows no MEMBARRIER_CMD_PRIVATE_EXPEDITED */
};

#define MARKS 600

/* Shared by a scenario and the test that started it. */
struct fault {
	/* Set by the test: calls first to last of this kind fail with error. */
	enum fault_kind kind;
	unsigned long first, last;
	int error;
	long cpus;			/* so many the library sees; 0: all there are */
	/* Set by the scenario, atomically. */
	unsigned long calls[FAULT_KINDS];
	unsigned long failed;
	long allocated, mapped;		/* that the library has not given back; bytes are mapped */
	int marks[MARKS];		/* runs of callbacks that the exit has to see to */
	struct shared shared;
};

/* The scenario's process. NULL in the test itself. */
extern struct fault *fault;

#define SCENARIO_OPTION "--scenario"

/* The names of all scenarios, NULL at the end. */
extern const char *const fault_scenarios[];

/* Run one; the return value is the status of the program. */
int run_scenario(const char *name);

#endif
