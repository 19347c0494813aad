/* SPDX-License-Identifier: MIT */
/*
 * What a section costs: one thread, nested, and several threads at once. With a second
 * argument, without the last.
 */
#include "bench.h"

/* Sections between two looks at whether to stop, or two quiescent states. */
#define STRIDE 10000

static struct bench_group group;

static void section(void)
{
	rcu_read_lock();
	rcu_read_unlock();
}

static void read_on(struct bench_group *group, unsigned long number)
{
	while (!bench_stopped(group)) {
		for (int i = 0; i < STRIDE; i++) {
			section();
			__asm__ __volatile__("" ::: "memory");
		}
		bench_quiescent();
		group->done[number] += STRIDE;
	}
}

static void together(unsigned long threads)
{
	double time, done;

	bench_start_group(&group, threads, read_on);
	bench_sleep(bench_length);
	time = bench_watch_group(&group, &done);
	bench_stop_group(&group);
	bench_print("sections of all", bench_of(threads, "thread"), done / time * 1e3, "M/s");
}

int main(int argc, char **argv)
{
	bench_start(argc, argv);
	bench_register();
	BENCH_COST("lock + unlock", "outermost", section());
	rcu_read_lock();
	BENCH_COST("lock + unlock", "nested", section());
	rcu_read_unlock();
	if (argc > 2)
		return 0;
	/* The main thread sleeps meanwhile, so that the last thread has its CPU. */
	for (unsigned long threads = 1; threads <= 4; threads++)
		together(threads);
	together(16);
	together(64);
	rcu_unregister_thread();
	return 0;
}
