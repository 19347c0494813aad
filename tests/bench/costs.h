/* SPDX-License-Identifier: MIT */
#ifndef COSTS_H
#define COSTS_H

/*
 * What the three programs have in common. COSTS_BP: flavor bp; COSTS_QSBR: qsbr, offline outside
 * sections; RCU_MB: mb; else memb.
 */
#ifdef COSTS_BP
#include <urcu-bp.h>
#elif defined(COSTS_QSBR)
#include <urcu-qsbr.h>
#else
#include <urcu.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef COSTS_QSBR
#define offline()	rcu_thread_offline()
#define online()	rcu_thread_online()
#else
#define offline()	((void)0)
#define online()	((void)0)
#endif

struct series {
	const char *name;
	double *values;
	int count;
};

static int rounds = 200;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void note(struct series *series, double began)
{
	if (!series->values)
		series->values = calloc((size_t)rounds, sizeof(double));
	series->values[series->count++] = now() - began;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(struct series *series)
{
	int n = series->count;

	qsort(series->values, (size_t)n, sizeof(double), compare);
	printf("%s\t%.2f\t%.2f\t%.2f\n", series->name, series->values[n / 2],
	       series->values[n / 10], series->values[n - 1 - n / 10]);
	free(series->values);
}

static void release(struct rcu_head *head)
{
	free(head);
}

static void queue(int count)
{
	online();
	while (count--)
		call_rcu(malloc(sizeof(struct rcu_head)), release);
	offline();
}

static void reap(pid_t child)
{
	int status;

	if (child < 0 || waitpid(child, &status, 0) != child || status) {
		fprintf(stderr, "costs: a child failed\n");
		exit(1);
	}
}

/* The pause alone, until the parent may go on; then the whole, until the child has ended. */
static __attribute__((unused)) void bare_fork(struct series *pause, struct series *whole)
{
	double began = now();
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	note(pause, began);
	reap(child);
	note(whole, began);
}

static __attribute__((unused)) void hooked_fork(struct series *pause, struct series *whole)
{
	double began = now();
	pid_t child;

	call_rcu_before_fork();
	child = fork();
	if (child == 0) {
		call_rcu_after_fork_child();
		_exit(0);
	}
	call_rcu_after_fork_parent();
	note(pause, began);
	reap(child);
	note(whole, began);
}

#endif
