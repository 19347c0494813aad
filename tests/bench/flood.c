/* SPDX-License-Identifier: MIT */
/*
 * Floods: threads that do nothing but malloc and call_rcu(free), for so many seconds (second argument). How many
 * callbacks run, how much memory they take until then, and how late they are. The same with urcu_free_rcu; with a
 * limit of what waits: budget.c.
 */
#include "flood.h"

static struct bench_group group;

struct item {
	struct rcu_head head;
	double queued;		/* when; 0: not watched */
};

static void release(struct rcu_head *head)
{
	struct item *item = (struct item *)head;

	if (item->queued > 0)
		note_delay(bench_now() - item->queued);
	free(item);
}

/* ---- A flood ---- */

static double pace;		/* so many calls a ns of each producer, at most; 0: as many as it can */

static void keep_pace(const struct bench_group *group, double began, unsigned long done)
{
	while (pace > 0 && (double)done > (bench_now() - began) * pace && !bench_stopped(group))
		continue;
}

static void flood_on(struct bench_group *group, unsigned long number)
{
	double began = bench_now();

	while (!bench_stopped(group)) {
		double now = bench_now();

		for (int i = 0; i < 8 * WATCHED_ONE_IN; i++) {
			struct item *item = malloc(sizeof(*item));

			if (!item)
				abort();
			item->queued = i % WATCHED_ONE_IN == 0 ? now : 0;
			call_rcu(&item->head, release);
		}
		group->done[number] += 8 * WATCHED_ONE_IN;
		bench_poll();
		bench_quiescent();
		keep_pace(group, began, group->done[number]);
	}
#ifdef BENCH_CK
	bench_barrier();
#endif
}

/* The producers' rate counts until all has run. */
static void flood(const char *name, unsigned long producers, double length)
{
	double before, time, drain, calls;

	before = memory("VmRSS:");
	watch_memory();
	time = -bench_now();
	bench_start_group(&group, producers, flood_on);
	bench_sleep(length);
	drain = -bench_now();
	calls = (double)bench_stop_group(&group);
	bench_barrier();
	drain += bench_now();
	time += bench_now();
	bench_print("malloc + call_rcu(free)", name, calls / time * 1e3, "M/s");
	bench_print("memory at most", name, memory("VmHWM:") - before, "MB");
	bench_print("until all has run", name, drain / 1e6, "ms");
	if (pace > 0)
		return;
	bench_print("callbacks run", name, calls / 1e6, "M");
	bench_print("from call to run, median", name, delay_of(0.5), "ns");
	bench_print("from call to run, 99.9%", name, delay_of(0.999), "ns");
}

#ifndef BENCH_RWLOCK
static void flood_beside_reader(unsigned long producers, double length)
{
	static struct bench_group reader;
	char name[80];

	snprintf(name, sizeof(name), "%s, a reader of 100 ms", bench_of(producers, "producer"));
	bench_start_group(&reader, 1, read_slowly);
	bench_await_group(&reader);
	flood(name, producers, length);
	bench_stop_group(&reader);
}
#endif

/* ---- The same with free_rcu, where there is one ---- */

#ifdef URCU_HAVE_FREE_RCU
/* In qsbr who is online does not wait for a limit. */
static void free_on(struct bench_group *group, unsigned long number)
{
	bench_offline();
	while (!bench_stopped(group)) {
		for (int i = 0; i < 128; i++) {
			void *item = malloc(sizeof(struct item));

			if (!item)
				abort();
			urcu_free_rcu(item);
		}
		group->done[number] += 128;
		bench_poll();
	}
	bench_online();
}

static void flood_free(unsigned long producers, double length)
{
	double before = memory("VmRSS:"), time, calls;
	const char *name = bench_of(producers, "producer");

	watch_memory();
	time = -bench_now();
	bench_start_group(&group, producers, free_on);
	bench_sleep(length);
	calls = (double)bench_stop_group(&group);
	bench_barrier();
	time += bench_now();
	bench_print("malloc + free_rcu", name, calls / time * 1e3, "M/s");
	bench_print("memory at most, free_rcu", name, memory("VmHWM:") - before, "MB");
}

static void free_by_one(double length)
{
	flood_free(1, length < 2e9 ? length : 2e9);
}

static void free_by_two(double length)
{
	flood_free(2, length);
}
#endif

#ifdef BENCH_RCU
static void flood_per_cpu(unsigned long producers, double length)
{
	char name[80];

	snprintf(name, sizeof(name), "%s, workers per CPU", bench_of(producers, "producer"));
	flood(name, producers, length);
}
#endif

/* ---- One after the other ---- */

static unsigned long cpus;

static void one_producer(double length)
{
	flood("1 producer", 1, length < 2e9 ? length : 2e9);
}

static void two_producers(double length)
{
	flood("2 producers", 2, length);
}

/* What is in the same time is as much on every side: how much of it waits is to be compared. */
static void in_step(unsigned long producers, unsigned int millions, double length)
{
	char name[80];

	snprintf(name, sizeof(name), "%s, %u M/s each", bench_of(producers, "producer"), millions);
	pace = millions * 1e-3;
	flood(name, producers, length);
}

static void one_slowly(double length)
{
	in_step(1, 1, length);
}

static void one_in_step(double length)
{
	in_step(1, 3, length);
}

static void one_fast(double length)
{
	in_step(1, 5, length);
}

static void two_in_step(double length)
{
	in_step(2, 3, length);
}

static void two_fast(double length)
{
	in_step(2, 5, length);
}

static void every_cpu(double length)
{
	if (cpus > 2)
		flood(bench_of(cpus, "producer"), cpus, length);
}

#ifndef BENCH_RWLOCK
static void slow_reader(double length)
{
	flood_beside_reader(cpus, length);
}
#endif

#ifdef BENCH_RCU
static void one_per_cpu(double length)
{
	if (create_all_cpu_call_rcu_data(0) == 0)
		flood_per_cpu(1, length < 2e9 ? length : 2e9);
}

static void all_per_cpu(double length)
{
	if (create_all_cpu_call_rcu_data(0) == 0)
		flood_per_cpu(cpus, length);
}
#endif

static void (*const floods[])(double length) = {
	one_producer, two_producers, one_slowly, one_in_step, one_fast, two_in_step, two_fast, every_cpu,
#ifndef BENCH_RWLOCK
	slow_reader,
#endif
#ifdef BENCH_RCU
	one_per_cpu, all_per_cpu,
#endif
#ifdef URCU_HAVE_FREE_RCU
	free_by_one, free_by_two,
#endif
};

int main(int argc, char **argv)
{
	bench_start(argc, argv);
	if (argc < 3) {
		fprintf(stderr, "usage: flood short|long SECONDS\n");
		return 2;
	}
	if (argc < 4)
		return in_processes(argv, sizeof(floods) / sizeof(floods[0]));
	cpus = (unsigned long)CPU_COUNT(&bench_cpus);
	bench_register();
	floods[strtoul(argv[3], NULL, 0)](strtod(argv[2], NULL) * 1e9);
	rcu_unregister_thread();
	return 0;
}
