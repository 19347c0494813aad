/* SPDX-License-Identifier: MIT */
/*
 * What a grace period takes: by who is registered, what they do, and how many ask at once. With a second
 * argument, without what takes more than two threads that run.
 */
#include "bench.h"

#ifdef BENCH_RCU
#if __has_include(<urcu/urcu-poll.h>)
#include <urcu/urcu-poll.h>
#endif
#endif

static struct bench_group group;

/* ---- Readers ---- */

static void idle(struct bench_group *group, unsigned long number)
{
	(void)number;
	bench_idle(group);
}

/* What a section of the reader lasts, in nanoseconds; how many have begun, atomically. */
static double section;
static unsigned long begun __attribute__((aligned(128)));

static void read_on(struct bench_group *group, unsigned long number)
{
	bench_bind((int)number + 1);
	while (!bench_stopped(group)) {
		rcu_read_lock();
		__atomic_store_n(&begun, begun + 1, __ATOMIC_RELAXED);
		if (section > 0)
			bench_spin_until(bench_now() + section);
		rcu_read_unlock();
		bench_quiescent();
		group->done[0] = 1;
	}
}

static int by_size(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return (difference > 0) - (difference < 0);
}

/*
 * The median of calls: the mean is that of the few in which the reader lost its CPU, and lasted for milliseconds in a
 * section, or outside of one. And how many calls waited for more than one section.
 */
static void wait_for_sections(const char *name)
{
	static double times[1 << 16];
	double before, began = bench_now();
	size_t count = 0, longer = 0;

	do {
		unsigned long first = __atomic_load_n(&begun, __ATOMIC_RELAXED);

		before = bench_now();
		synchronize_rcu();
		times[count++] = bench_now() - before;
		longer += __atomic_load_n(&begun, __ATOMIC_RELAXED) - first > 1;
	} while (count < 4 || (before - began < 2 * bench_length && count < sizeof(times) / sizeof(*times)));
	qsort(times, count, sizeof(*times), by_size);
	bench_print("synchronize_rcu", name, times[count / 2], "ns");
	bench_print("calls that waited for several", name, 100 * (double)longer / (double)count, "%");
}

/* The caller is on the first CPU, the reader on the second. */
static void beside_reader(const char *name, double length)
{
	double cpu, time;

	section = length;
	bench_start_group(&group, 1, read_on);
	bench_await_group(&group);
	cpu = -bench_clock(CLOCK_THREAD_CPUTIME_ID);
	time = -bench_now();
	if (length > 0)
		wait_for_sections(name);
	else
		BENCH_WAIT("synchronize_rcu", name, synchronize_rcu());
	cpu += bench_clock(CLOCK_THREAD_CPUTIME_ID);
	time += bench_now();
	bench_stop_group(&group);
	if (length > 0)
		bench_print("processor used by the wait", name, 100 * cpu / time, "%");
}

static void beside_readers(unsigned long threads)
{
	section = 0;
	bench_start_group(&group, threads, read_on);
	bench_await_group(&group);
	BENCH_WAIT("synchronize_rcu", bench_of(threads, "busy reader"), synchronize_rcu());
	bench_stop_group(&group);
}

static void beside_idle(unsigned long threads)
{
	bench_start_group(&group, threads, idle);
	bench_await_idle(&group);
	BENCH_WAIT("synchronize_rcu", bench_of(threads, "idle thread"), synchronize_rcu());
	bench_stop_group(&group);
}

/* ---- Several callers at once ---- */

/* Not in the way of the reader, if there is one. */
static void synchronize_on(struct bench_group *group, unsigned long number)
{
	if (section > 0)
		bench_bind(0);
	while (!bench_stopped(group)) {
		synchronize_rcu();
		group->done[number]++;
	}
}

/* The number of the last grace period, where the script knows the word that holds it. */
static double grace_periods(void)
{
#ifdef BENCH_GP
	return (double)(__atomic_load_n(&BENCH_GP.ctr, __ATOMIC_RELAXED) >> 32);
#else
	return 0;
#endif
}

/*
 * What they do in a nanosecond: the median of so many watches. In one of 36 ms it is the scheduler's turns that count, who
 * shares a CPU with whom; and the mean of many is that of the few in which a reader lost its CPU outside of a section.
 */
#define WATCHES 11

static double rate_of(const struct bench_group *group)
{
	double rates[WATCHES], calls;

	for (int i = 0; i < WATCHES; i++) {
		double time = bench_watch_group(group, &calls);

		rates[i] = calls / time;
	}
	qsort(rates, WATCHES, sizeof(*rates), by_size);
	return rates[WATCHES / 2];
}

/* Callers and, if section is not 0, a reader: else a grace period is too short to share. */
static void at_once(const char *name, unsigned long threads)
{
	static struct bench_group reader;
	double rate, calls, shared;
	char callers[64];

	snprintf(callers, sizeof(callers), "%s%s", bench_of(threads, "caller"), name);
	if (section > 0) {
		bench_start_group(&reader, 1, read_on);
		bench_await_group(&reader);
	}
	bench_start_group(&group, threads, synchronize_on);
	bench_sleep(bench_length);
	shared = -grace_periods();
	calls = -bench_progress(&group);
	rate = rate_of(&group);
	calls += bench_progress(&group);
	shared += grace_periods();
	bench_stop_group(&group);
	if (section > 0)
		bench_stop_group(&reader);
	bench_print("synchronize_rcu of all", callers, rate * 1e6, "k/s");
	if (shared > 0)
		bench_print("calls a grace period", callers, calls / shared, "");
}

/* ---- Asking instead of waiting ---- */

#if defined(BENCH_RCU) && __has_include(<urcu/urcu-poll.h>)
static void poll_once(void)
{
	struct urcu_gp_poll_state state = start_poll_synchronize_rcu();

	bench_offline();
	while (!poll_state_synchronize_rcu(state))
		sched_yield();
	bench_online();
}

static void polls(void)
{
	BENCH_WAIT("start poll, until it is over", "nobody else", poll_once());
	bench_start_group(&group, 1000, idle);
	bench_await_idle(&group);
	BENCH_WAIT("start poll, until it is over", "1000 idle threads", poll_once());
	bench_stop_group(&group);
	section = 1e6;
	bench_start_group(&group, 1, read_on);
	bench_await_group(&group);
	BENCH_WAIT("start poll, until it is over", "sections of 1 ms", poll_once());
	bench_stop_group(&group);
}
#else
static void polls(void)
{
}
#endif

int main(int argc, char **argv)
{
	bench_start(argc, argv);
	bench_bind(0);
	bench_register();
	BENCH_COST("synchronize_rcu", "nobody else", synchronize_rcu());
	beside_idle(10);
	beside_idle(100);
	beside_idle(1000);
	if (bench_long)
		beside_idle(10000);
	beside_reader("sections of no length", 0);
#ifndef BENCH_RWLOCK
	if (argc <= 2) {
		beside_readers(2);
		beside_readers(8);
	}
#endif
	beside_reader("sections of 1 us", 1e3);
	beside_reader("sections of 50 us", 50e3);
	beside_reader("sections of 1 ms", 1e6);
	beside_reader("sections of 10 ms", 10e6);
	polls();
	for (unsigned long threads = 2; threads <= (argc > 2 ? 2 : 64); threads *= bench_long ? 2 : 4) {
		section = 0;
		at_once("", threads);
		section = 1e6;
		if (argc <= 2)
			at_once(", a reader of 1 ms", threads);
	}
	rcu_unregister_thread();
	return 0;
}
