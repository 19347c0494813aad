/* SPDX-License-Identifier: MIT */
/*
 * How long a fork through the hooks stops the program, beside a bare fork in the same state with
 * the same memory, in turns. fork-costs ROUNDS SCENARIO; prints lines as costs.c does, and the
 * ratio of the medians.
 *
 *	parked		the worker has nothing to do
 *	busy		it is in a batch of short callbacks, and more are queued all the time
 *	backlog		a million callbacks are queued, or are being run
 *	reader		a grace period waits for a reader who stays in its section for a second
 */
#include "costs.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define BACKLOG		1000000
#define BURST		5000

static void prepare_parked(void)
{
	queue(1);
	rcu_barrier();
}

static void prepare_busy(void)
{
	queue(BURST);
}

static void prepare_backlog(void)
{
	queue(BACKLOG);
}

static pthread_barrier_t inside;

static void *read_for_a_second(void *arg)
{
	const struct timespec second = { .tv_sec = 1 };

	rcu_register_thread();
	rcu_read_lock();
	pthread_barrier_wait(&inside);
	nanosleep(&second, NULL);
	rcu_read_unlock();
	rcu_unregister_thread();
	return arg;
}

static pthread_t reader;

static void prepare_reader(void)
{
	const struct timespec until_it_waits = { .tv_nsec = 20000000 };

	pthread_barrier_init(&inside, NULL, 2);
	pthread_create(&reader, NULL, read_for_a_second, NULL);
	pthread_barrier_wait(&inside);
	queue(1);
	nanosleep(&until_it_waits, NULL);
}

static void end_reader(void)
{
	pthread_join(reader, NULL);
	rcu_barrier();
}

static void end_others(void)
{
	rcu_barrier();
}

static const struct scenario {
	const char *name;
	void (*prepare)(void), (*end)(void);
	int rounds;		/* at most */
} scenarios[] = {
	{ "parked", prepare_parked, end_others, 1000 },
	{ "busy", prepare_busy, end_others, 200 },
	{ "backlog", prepare_backlog, end_others, 15 },
	{ "reader", prepare_reader, end_reader, 5 },
};

static double median(const struct series *series)
{
	return series->values[series->count / 2];
}

static void measure(const struct scenario *scenario)
{
	char names[2][64];
	struct series bare = { names[0] }, hooked = { names[1] }, whole = { NULL };
	double ratio;

	snprintf(names[0], sizeof(names[0]), "fork, %s, bare", scenario->name);
	snprintf(names[1], sizeof(names[1]), "fork, %s, through the hooks", scenario->name);
	for (int i = 0; i < rounds; i++) {
		scenario->prepare();
		bare_fork(&bare, &whole);
		whole.count = 0;
		scenario->end();
		scenario->prepare();
		hooked_fork(&hooked, &whole);
		whole.count = 0;
		scenario->end();
	}
	qsort(bare.values, (size_t)rounds, sizeof(double), compare);
	qsort(hooked.values, (size_t)rounds, sizeof(double), compare);
	ratio = median(&hooked) / median(&bare);
	print(&bare);
	print(&hooked);
	printf("fork, %s, hooks / bare\t%.2f\n", scenario->name, ratio);
	free(whole.values);
}

int main(int argc, char **argv)
{
	const struct scenario *scenario = scenarios;

	if (argc < 3)
		return 2;
	while (strcmp(scenario->name, argv[2]) != 0)
		if (++scenario == scenarios + sizeof(scenarios) / sizeof(scenarios[0]))
			return 2;
	rounds = atoi(argv[1]);
	if (rounds > scenario->rounds)
		rounds = scenario->rounds;
	rcu_register_thread();
	offline();
	measure(scenario);
	rcu_unregister_thread();
	return 0;
}
