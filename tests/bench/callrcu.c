/* SPDX-License-Identifier: MIT */
/* What callbacks cost: their producer, their memory, their delay, and who waits for them. */
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
	bench_barrier();
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

/* ---- A trickle ---- */

#ifdef BENCH_RCU
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
	bench_barrier();
	qsort(delays, delay_count, sizeof(*delays), compare);
	bench_print("from call to run, median", name, delays[delay_count / 2] / 1e3, "us");
	bench_print("from call to run, 99.9%", name, delays[delay_count * 999 / 1000] / 1e3, "us");
	bench_print("processor time a second", name, cpu / time * 1e3, "ms");
}
#endif

/* ---- Those who wait ---- */

static void call_and_wait(void)
{
	call_rcu(malloc(sizeof(struct rcu_head)), release);
	bench_barrier();
}

/* How often threads go to sleep for one: the caller until its callback has run, the worker after it. */
static void count_sleeps(void)
{
	double sleeps = -bench_switches(RUSAGE_SELF);

	for (int i = 0; i < 100; i++)
		call_and_wait();
	sleeps += bench_switches(RUSAGE_SELF);
	bench_print("sleeps of call_rcu + rcu_barrier", "nobody else", sleeps / 100, "");
}

/* Many callbacks at once, and how long it takes until all have run: of each. */
static void backlog(unsigned long callbacks)
{
	struct rcu_head *heads = malloc(callbacks * sizeof(*heads));
	double time;

	memset(heads, 1, callbacks * sizeof(*heads));
	time = -bench_now();
	for (unsigned long i = 0; i < callbacks; i++)
		call_rcu(&heads[i], nothing);
	bench_barrier();
	time += bench_now();
	bench_print("calls until all have run, each", bench_of(callbacks, "callback"),
		    time / (double)callbacks, "ns");
	free(heads);
}

#ifdef BENCH_RCU
/* What a worker burns that has a callback, while a reader holds its section. */
static double section;

static void read_once(struct bench_group *group, unsigned long number)
{
	(void)number;
	rcu_read_lock();
	group->done[0] = 1;
	bench_nap(section);
	rcu_read_unlock();
}

static void waiting_worker(void)
{
	double cpu, time;

	section = 10 * bench_length;
	bench_start_group(&group, 1, read_once);
	bench_await_group(&group);
	cpu = -bench_clock(CLOCK_PROCESS_CPUTIME_ID);
	time = -bench_now();
	call_rcu(malloc(sizeof(struct rcu_head)), release);
	bench_barrier();
	cpu += bench_clock(CLOCK_PROCESS_CPUTIME_ID);
	time += bench_now();
	bench_stop_group(&group);
	bench_print("processor used by call_rcu + rcu_barrier", "a long section",
		    100 * cpu / time, "%");
}
#endif

int main(int argc, char **argv)
{
	bench_start(argc, argv);
	bench_register();
	call_and_wait();
	BENCH_WAIT("rcu_barrier", "nothing queued", bench_barrier());
	BENCH_WAIT("call_rcu + rcu_barrier", "nobody else", call_and_wait());
	count_sleeps();
	for (unsigned long producers = 1; producers <= 64; producers *= 2)
		call_cost(producers);
	for (unsigned long callbacks = 1; callbacks <= 1000000; callbacks *= 10)
		backlog(callbacks);
#ifdef BENCH_RCU
	waiting_worker();
	trickle("20 calls a second", bench_long ? 40 : 20, 50e6);
	trickle("100 calls a second", bench_long ? 300 : 50, 10e6);
	trickle("1000 calls a second", bench_long ? 1000 : 500, 1e6);
#endif
	rcu_unregister_thread();
	return 0;
}
