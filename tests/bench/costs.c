/* SPDX-License-Identifier: MIT */
/*
 * What a fork through the hooks and an rcu_barrier cost, beside their floors, in one run and
 * interleaved. Prints a line for each: name, median, 10th and 90th percentile in microseconds.
 * Takes the rounds as argument.
 */
#include "costs.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>

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
	offline();
	measure();
	rcu_unregister_thread();
	return 0;
}
