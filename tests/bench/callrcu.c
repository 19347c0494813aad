/* SPDX-License-Identifier: MIT */
/* What callbacks cost: their producer, their memory, their delay, and who waits for them. */
#include <malloc.h>

#include "bench.h"

static struct bench_group group;

struct item {
	struct rcu_head head;
	double queued;
};

static void release(struct rcu_head *head)
{
	free(head);
}

static void nothing(struct rcu_head *head)
{
	(void)head;
}

/* rcu_barrier for an online qsbr thread too. */
static void barrier(void)
{
	bench_offline();
	rcu_barrier();
	bench_online();
}

/* ---- What the caller pays, in time of its own ---- */

#define CALLS 20000

static void call_on(struct bench_group *group, unsigned long number)
{
	struct rcu_head *heads = calloc(CALLS, sizeof(*heads));
	double time;

	memset(heads, 1, CALLS * sizeof(*heads));
	time = -bench_clock(CLOCK_THREAD_CPUTIME_ID);
	for (int i = 0; i < CALLS; i++) {
		call_rcu(&heads[i], nothing);
		if (i % 100 == 0)
			bench_quiescent();
	}
	time += bench_clock(CLOCK_THREAD_CPUTIME_ID);
	group->done[number] = (unsigned long)time;
	barrier();
	free(heads);
}

static void call_cost(unsigned long producers)
{
	double sum;

	bench_start_group(&group, producers, call_on);
	sum = (double)bench_stop_group(&group);
	bench_print("call_rcu, the caller's time", bench_of(producers, "producer"),
		    sum / (double)producers / CALLS, "ns");
}

/* ---- A flood ---- */

/* Forget how much memory was used at most until now. */
static void watch_memory(void)
{
	FILE *file = fopen("/proc/self/clear_refs", "w");

	if (file) {
		fputs("5", file);
		fclose(file);
	}
}

/* A line of /proc/self/status, in MB. */
static double memory(const char *field)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[128];
	double kilobytes = 0;

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, field, strlen(field)) == 0)
			kilobytes = strtod(line + strlen(field), NULL);
	if (file)
		fclose(file);
	return kilobytes / 1024;
}

static void flood_on(struct bench_group *group, unsigned long number)
{
	while (!bench_stopped(group)) {
		for (int i = 0; i < 100; i++) {
			struct item *item = malloc(sizeof(*item));

			if (!item)
				abort();
			call_rcu(&item->head, release);
		}
		group->done[number] += 100;
		bench_quiescent();
	}
}

static void read_slowly(struct bench_group *group, unsigned long number)
{
	(void)number;
	while (!bench_stopped(group)) {
		rcu_read_lock();
		bench_nap(100e6);
		rcu_read_unlock();
		bench_quiescent();
	}
}

/* The producers' rate counts until all has run. */
static void flood(const char *name, unsigned long producers, double length)
{
	double before, time, drain, calls;

	malloc_trim(0);
	before = memory("VmRSS:");
	watch_memory();
	time = -bench_now();
	bench_start_group(&group, producers, flood_on);
	bench_sleep(length);
	calls = (double)bench_stop_group(&group);
	drain = -bench_now();
	barrier();
	drain += bench_now();
	time += bench_now();
	bench_print("malloc + call_rcu(free)", name, calls / time * 1e3, "M/s");
	bench_print("memory at most", name, memory("VmHWM:") - before, "MB");
	bench_print("until all has run", name, drain / 1e6, "ms");
}

static void floods(void)
{
	double length = bench_long ? 5e9 : 0.5e9;
	static struct bench_group reader;

	flood("1 producer", 1, length);
	flood("2 producers", 2, length);
	bench_start_group(&reader, 1, read_slowly);
	flood("1 producer, a reader of 100 ms", 1, length);
	bench_stop_group(&reader);
	if (create_all_cpu_call_rcu_data(0) != 0)
		return;
	flood("1 producer, workers per CPU", 1, length);
	flood("2 producers, workers per CPU", 2, length);
	bench_offline();
	free_all_cpu_call_rcu_data();
	bench_online();
}

/* ---- A trickle ---- */

static double delays[10000];
static unsigned long delay_count;

static void note_delay(struct rcu_head *head)
{
	struct item *item = (struct item *)head;

	delays[delay_count++] = bench_now() - item->queued;
	free(item);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Count calls, so many nanoseconds apart: how late each runs, and what they cost all together. */
static void trickle(const char *name, unsigned long count, double apart)
{
	double cpu = -bench_clock(CLOCK_PROCESS_CPUTIME_ID), time = -bench_now();

	delay_count = 0;
	for (unsigned long i = 0; i < count; i++) {
		struct item *item = malloc(sizeof(*item));

		item->queued = bench_now();
		call_rcu(&item->head, note_delay);
		bench_sleep(apart);
	}
	cpu += bench_clock(CLOCK_PROCESS_CPUTIME_ID);
	time += bench_now();
	barrier();
	qsort(delays, delay_count, sizeof(*delays), compare);
	bench_print("from call to run, median", name, delays[delay_count / 2] / 1e3, "us");
	bench_print("from call to run, 99.9%", name, delays[delay_count * 999 / 1000] / 1e3, "us");
	bench_print("processor time a second", name, cpu / time * 1e3, "ms");
}

/* ---- Those who wait ---- */

static void call_and_wait(void)
{
	call_rcu(malloc(sizeof(struct rcu_head)), release);
	barrier();
}

int main(int argc, char **argv)
{
	bench_start(argc, argv);
	bench_register();
	call_and_wait();
	BENCH_WAIT("rcu_barrier", "nothing queued", barrier());
	BENCH_WAIT("call_rcu + rcu_barrier", "nobody else", call_and_wait());
	call_cost(1);
	call_cost(2);
	call_cost(4);
	call_cost(16);
	call_cost(64);
	trickle("20 calls a second", bench_long ? 200 : 20, 50e6);
	trickle("100 calls a second", bench_long ? 1000 : 50, 10e6);
	trickle("1000 calls a second", bench_long ? 5000 : 500, 1e6);
	floods();
	rcu_unregister_thread();
	return 0;
}
