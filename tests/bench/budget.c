/* SPDX-License-Identifier: MIT */
/*
 * Two threads that do nothing but malloc and urcu_free_rcu for so many seconds (second argument), beside a reader with
 * sections of 1, 10 and 100 ms, without a limit of what waits and with three. How many are freed, how much memory they
 * take until then, how long it goes on afterwards, and what a call takes a producer.
 */
#include "flood.h"

#ifdef URCU_HAVE_FREE_RCU
static const unsigned int sections[] = { 1, 10, 100 };		/* ms */
static const size_t limits[] = { 0, 8, 32, 128 };		/* MB */

#define SECTIONS	(sizeof(sections) / sizeof(sections[0]))
#define LIMITS		(sizeof(limits) / sizeof(limits[0]))

/* In qsbr who is online does not wait for a limit. */
static void give_on(struct bench_group *group, unsigned long number)
{
	bench_offline();
	while (!bench_stopped(group)) {
		for (int i = 0; i < 128; i++) {
			void *item = malloc(24);
			double began;

			if (!item)
				abort();
			if (i % WATCHED_ONE_IN) {
				urcu_free_rcu(item);
				continue;
			}
			began = bench_now();
			urcu_free_rcu(item);
			note_delay(bench_now() - began);
		}
		group->done[number] += 128;
	}
	bench_online();
}

static void flood(double length, unsigned int section, size_t limit)
{
	static struct bench_group producers, reader;
	double before, time, drain, calls;
	char name[100], bound[40] = "no limit";

	if (limit)
		snprintf(bound, sizeof(bound), "at most %zu MB", limit);
	snprintf(name, sizeof(name), "sections of %u ms, %s", section, bound);
	urcu_set_backlog_limit(limit << 20, 0);
	slow_section = section * 1e6;
	bench_start_group(&reader, 1, read_slowly);
	bench_await_group(&reader);
	before = memory("VmRSS:");
	watch_memory();
	time = -bench_now();
	bench_start_group(&producers, 2, give_on);
	bench_sleep(length);
	drain = -bench_now();
	calls = (double)bench_stop_group(&producers);
	bench_barrier();
	drain += bench_now();
	time += bench_now();
	bench_stop_group(&reader);
	bench_print("malloc + free_rcu, two producers", name, calls / time * 1e3, "M/s");
	bench_print("memory at most", name, memory("VmHWM:") - before, "MB");
	bench_print("until all is freed", name, drain, "ns");
	bench_print("a call, 99.9%", name, delay_of(0.999), "ns");
}

int main(int argc, char **argv)
{
	unsigned long row;

	bench_start(argc, argv);
	if (argc < 3) {
		fprintf(stderr, "usage: budget short|long SECONDS\n");
		return 2;
	}
	if (argc < 4)
		return in_processes(argv, SECTIONS * LIMITS);
	row = strtoul(argv[3], NULL, 0);
	bench_register();
	flood(strtod(argv[2], NULL) * 1e9, sections[row / LIMITS], limits[row % LIMITS]);
	rcu_unregister_thread();
	return 0;
}
#else
int main(void)
{
	return 0;
}
#endif
