/* SPDX-License-Identifier: MIT */
#ifndef QUIESCE_EXIT_CASES_H
#define QUIESCE_EXIT_CASES_H

/*
 * Programs that end with something left to do. test-exit runs each as a process of its own, from
 * exec to exit, and looks at what its callbacks left in shared memory; leaks.sh looks for leaks.
 */

#define MARKS 4096

/* Shared by a program and the test that started it; each mark counts runs of one callback. */
struct results {
	int marks[MARKS];
	int chained;			/* how far a chain of callbacks came */
	int requeued;			/* how often a callback ran that queues itself again */
	int operations;			/* of threads that go on during the exit */
	int late_operations;		/* those after the library's part of the exit */
};

/* Do what the case of that name does; the return value is the program's status. */
int run_exit_case(const char *name);

#endif
