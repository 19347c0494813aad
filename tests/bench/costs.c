/* SPDX-License-Identifier: MIT */
/*
 * What a fork through the hooks and an rcu_barrier cost, beside their floors, in one run and
 * interleaved. Prints a line for each: name, median, 10th and 90th percentile in microseconds.
 * Takes the rounds as argument. COSTS_BP: flavor bp; RCU_MB: mb; else memb.
 */
#ifdef COSTS_BP
#include <urcu-bp.h>
#else
#include <urcu.h>
#endif
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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
	while (count--)
		call_rcu(malloc(sizeof(struct rcu_head)), release);
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
static void bare_fork(struct series *pause, struct series *whole)
{
	double began = now();
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	note(pause, began);
	reap(child);
	note(whole, began);
}

static void hooked_fork(struct series *pause, struct series *whole)
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

/* ---- The floor of a wait: two threads that wake each other, there and back ---- */

static int ping, pong;

static void send(int *word)
{
	__atomic_store_n(word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void receive(int *word)
{
	while (!__atomic_exchange_n(word, 0, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void *echo(void *arg)
{
	for (int i = 0; i < rounds; i++) {
		receive(&ping);
		send(&pong);
	}
	return arg;
}

static void round_trip(struct series *series)
{
	double began = now();

	send(&ping);
	receive(&pong);
	note(series, began);
}

static void idle_barrier(struct series *series)
{
	double began = now();

	rcu_barrier();
	note(series, began);
}

static void call_and_barrier(struct series *series)
{
	double began = now();

	queue(1);
	rcu_barrier();
	note(series, began);
}

static void measure(void)
{
	struct series all[] = {
		{ .name = "bare fork, pause" }, { .name = "bare fork, whole" },
		{ .name = "hooks, parked worker, pause" }, { .name = "hooks, parked worker, whole" },
		{ .name = "hooks, 1000 callbacks queued, pause" },
		{ .name = "hooks, 1000 callbacks queued, whole" },
		{ .name = "futex round trip" }, { .name = "rcu_barrier, nothing queued" },
		{ .name = "call_rcu + rcu_barrier" },
	};
	pthread_t echoes;

	queue(1);
	rcu_barrier();
	pthread_create(&echoes, NULL, echo, NULL);
	for (int i = 0; i < rounds; i++) {
		bare_fork(&all[0], &all[1]);
		hooked_fork(&all[2], &all[3]);
		queue(1000);
		hooked_fork(&all[4], &all[5]);
		rcu_barrier();
		round_trip(&all[6]);
		idle_barrier(&all[7]);
		call_and_barrier(&all[8]);
	}
	pthread_join(echoes, NULL);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		print(&all[i]);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		rounds = atoi(argv[1]);
	if (rounds < 10)
		rounds = 10;
	rcu_register_thread();
	measure();
	rcu_unregister_thread();
	return 0;
}
