/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the benchmarks share: the side that is measured, the clock, and what they print. A program
 * is one source for all sides; bench.sh compiles it against each and gives them turns. It prints a
 * line for each figure, of four fields with tabs between:
 *
 *	what	parameter	value	unit
 *
 * and takes one argument, "short" or "long".
 */

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* ---- The side: rcu_read_lock and its kin are whoever's that is measured ---- */

#if defined(BENCH_CK)
#include <ck_epoch.h>
static ck_epoch_t epoch;
static __thread ck_epoch_record_t *own_record;

static inline void rcu_register_thread(void)
{
	if (posix_memalign((void **)&own_record, 64, sizeof(*own_record)) != 0)
		abort();
	ck_epoch_register(&epoch, own_record, NULL);
}

#define rcu_unregister_thread()	ck_epoch_unregister(own_record)
#define rcu_read_lock()		ck_epoch_begin(own_record, NULL)
#define rcu_read_unlock()	ck_epoch_end(own_record, NULL)
#define synchronize_rcu()	ck_epoch_synchronize(own_record)
#define rcu_head		ck_epoch_entry
#define call_rcu(head, func)	ck_epoch_call(own_record, head, func)
#define rcu_barrier()		ck_epoch_barrier(own_record)
#define bench_init()		ck_epoch_init(&epoch)
#elif defined(BENCH_DPDK)
/* Of the Data Plane Development Kit: what its threads announce, as in qsbr. No callbacks. */
#define ALLOW_EXPERIMENTAL_API
#include <rte_rcu_qsbr.h>
#define DPDK_THREADS		1024
static struct rte_rcu_qsbr *variable;
static bool numbers[DPDK_THREADS];	/* in use; atomically */
static __thread unsigned int own_number;

static inline void rcu_register_thread(void)
{
	while (__atomic_exchange_n(&numbers[own_number], true, __ATOMIC_ACQUIRE))
		own_number = (own_number + 1) % DPDK_THREADS;
	if (rte_rcu_qsbr_thread_register(variable, own_number) != 0)
		abort();
	rte_rcu_qsbr_thread_online(variable, own_number);
}

static inline void rcu_unregister_thread(void)
{
	rte_rcu_qsbr_thread_offline(variable, own_number);
	rte_rcu_qsbr_thread_unregister(variable, own_number);
	__atomic_store_n(&numbers[own_number], false, __ATOMIC_RELEASE);
}

static inline void bench_init(void)
{
	if (posix_memalign((void **)&variable, 64, rte_rcu_qsbr_get_memsize(DPDK_THREADS)) != 0 ||
	    rte_rcu_qsbr_init(variable, DPDK_THREADS) != 0)
		abort();
}

#define rcu_read_lock()		((void)0)
#define rcu_read_unlock()	((void)0)
#define synchronize_rcu()	rte_rcu_qsbr_synchronize(variable, own_number)
#define rcu_barrier()		((void)0)
#elif defined(BENCH_RWLOCK)
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
#define rcu_register_thread()	((void)0)
#define rcu_unregister_thread()	((void)0)
#define rcu_read_lock()		pthread_rwlock_rdlock(&rwlock)
#define rcu_read_unlock()	pthread_rwlock_unlock(&rwlock)
#define synchronize_rcu()	(pthread_rwlock_wrlock(&rwlock), pthread_rwlock_unlock(&rwlock))
#define bench_init()		((void)0)

struct rcu_head {
	struct rcu_head *next;
	void (*func)(struct rcu_head *head);
};

#define call_rcu(head, func)	(synchronize_rcu(), (func)(head))
#define rcu_barrier()		((void)0)
#else
#if defined(BENCH_QSBR)
#include <urcu-qsbr.h>
#elif defined(BENCH_BP)
#include <urcu-bp.h>
#else
#include <urcu.h>
#endif
#define BENCH_RCU
#define bench_init()		((void)0)
#endif

/* What only qsbr's threads have to say. */
#ifdef BENCH_QSBR
#define bench_quiescent()	rcu_quiescent_state()
#define bench_offline()		rcu_thread_offline()
#define bench_online()		rcu_thread_online()
#elif defined(BENCH_DPDK)
#define bench_quiescent()	rte_rcu_qsbr_quiescent(variable, own_number)
#define bench_offline()		rte_rcu_qsbr_thread_offline(variable, own_number)
#define bench_online()		rte_rcu_qsbr_thread_online(variable, own_number)
#else
#define bench_quiescent()	((void)0)
#define bench_offline()		((void)0)
#define bench_online()		((void)0)
#endif

/* Concurrency Kit has no workers: who calls looks now and then whether callbacks may run. */
#ifdef BENCH_CK
#define bench_poll()		ck_epoch_poll(own_record)
#else
#define bench_poll()		((void)0)
#endif

/* rcu_barrier for an online qsbr thread too. */
static inline void bench_barrier(void)
{
	bench_offline();
	rcu_barrier();
	bench_online();
}

/* Registered in every flavor: bp's threads register themselves, at their first section. */
static inline void bench_register(void)
{
	rcu_register_thread();
	rcu_read_lock();
	rcu_read_unlock();
}

/* ---- Clocks, in nanoseconds ---- */

static inline double bench_clock(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static inline double bench_now(void)
{
	return bench_clock(CLOCK_MONOTONIC);
}

/* Keep the processor busy until then. */
static inline void bench_spin_until(double then)
{
	while (bench_now() < then)
		continue;
}

/* Sleep, in a section if the caller is in one. */
static inline void bench_nap(double length)
{
	struct timespec time = { (time_t)(length / 1e9), (long)length % 1000000000L };

	nanosleep(&time, NULL);
}

/* How often threads have gone to sleep by themselves: RUSAGE_SELF, or RUSAGE_THREAD. */
static inline double bench_switches(int who)
{
	struct rusage usage;

	getrusage(who, &usage);
	return (double)usage.ru_nvcsw;
}

/* Leave the processor to those who are measured. */
static inline void bench_sleep(double length)
{
	bench_offline();
	bench_nap(length);
	bench_online();
}

/* ---- Length, and what is printed ---- */

static bool bench_long;
static double bench_length = 12e6;	/* at least so long is each figure measured */

static cpu_set_t bench_cpus;	/* that the process may use */

static inline void bench_start(int argc, char **argv)
{
	sched_getaffinity(0, sizeof(bench_cpus), &bench_cpus);
	bench_long = argc > 1 && strcmp(argv[1], "long") == 0;
	if (bench_long)
		bench_length *= 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	bench_init();
}

static inline void bench_print(const char *what, const char *parameter, double value,
		const char *unit)
{
	printf("%s\t%s\t%.4g\t%s\n", what, parameter, value, unit);
}

/* A parameter made of a number and its noun. */
static inline const char *bench_of(unsigned long number, const char *noun)
{
	static char text[64];

	snprintf(text, sizeof(text), "%lu %s%s", number, noun, number == 1 ? "" : "s");
	return text;
}

/*
 * Print what a statement costs. It is done twice as often each time, until that takes long enough;
 * what came before was the warm-up.
 */
#define BENCH_COST(what, parameter, statement) do {					\
	double bench_time = 0;								\
	unsigned long bench_count = 1;							\
	while (bench_time < bench_length) {						\
		bench_count *= 2;							\
		bench_time = -bench_now();						\
		for (unsigned long bench_i = 0; bench_i < bench_count; bench_i++) {	\
			statement;							\
			__asm__ __volatile__("" ::: "memory");				\
		}									\
		bench_time += bench_now();						\
	}										\
	bench_print(what, parameter, bench_time / (double)bench_count, "ns");		\
} while (0)

/*
 * The same for what waits for others, and may take a microsecond now and a millisecond then: the
 * mean of what is done in a certain time, after a first. The clock costs some 50 ns of it.
 */
#define BENCH_WAIT(what, parameter, statement) do {					\
	double bench_began, bench_time;							\
	unsigned long bench_count = 0;							\
	statement;									\
	bench_began = bench_now();							\
	do {										\
		statement;								\
		bench_time = bench_now() - bench_began;					\
	} while (++bench_count < 4 || bench_time < 2 * bench_length);			\
	bench_print(what, parameter, bench_time / (double)bench_count, "ns");		\
} while (0)

/* ---- Threads ---- */

/* Bind the calling thread to the n-th CPU that the process may use, modulo their number. */
static inline void bench_bind(int n)
{
	cpu_set_t one;
	int cpu = -1;

	n %= CPU_COUNT(&bench_cpus);
	do
		n -= CPU_ISSET(++cpu, &bench_cpus) ? 1 : 0;
	while (n >= 0);
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}

/* A group of threads that run one function, each with its own number, until they are stopped. */
#define BENCH_THREADS_MAX 10000

struct bench_group {
	void (*run)(struct bench_group *group, unsigned long number);
	unsigned long count;
	unsigned long done[64];		/* what the first of them have counted, when they end */
	pthread_barrier_t begin;	/* all, and who started them */
	bool stop;			/* atomically */
	pthread_mutex_t gate;		/* held by who started them, until they are stopped */
	pthread_t threads[BENCH_THREADS_MAX];
	unsigned long next;		/* number; atomically */
	unsigned long idle;		/* how many have nothing to do; atomically */
};

static inline bool bench_stopped(const struct bench_group *group)
{
	return __atomic_load_n(&group->stop, __ATOMIC_RELAXED);
}

/* For threads that have nothing to do: sleep until the group is stopped. */
static inline void bench_idle(struct bench_group *group)
{
	bench_offline();
	__atomic_fetch_add(&group->idle, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&group->gate);
	pthread_mutex_unlock(&group->gate);
	bench_online();
}

static void *bench_thread(void *arg)
{
	struct bench_group *group = arg;
	unsigned long number = __atomic_fetch_add(&group->next, 1, __ATOMIC_RELAXED);

	bench_register();
	bench_offline();
	pthread_barrier_wait(&group->begin);
	bench_online();
	group->run(group, number);
	rcu_unregister_thread();
	return NULL;
}

/* Start count threads, on any CPU; returns when all are registered. */
static inline void bench_start_group(struct bench_group *group, unsigned long count,
		void (*run)(struct bench_group *group, unsigned long number))
{
	pthread_attr_t small;
	unsigned long i;

	memset(group, 0, sizeof(*group));
	group->run = run;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 << 10);
	pthread_attr_setaffinity_np(&small, sizeof(bench_cpus), &bench_cpus);
	pthread_barrier_init(&group->begin, NULL, (unsigned int)count + 1);
	pthread_mutex_init(&group->gate, NULL);
	pthread_mutex_lock(&group->gate);
	for (i = 0; i < count; i++)
		if (pthread_create(&group->threads[i], &small, bench_thread, group) != 0) {
			fprintf(stderr, "bench: no more than %lu threads\n", i);
			exit(1);
		}
	group->count = count;
	bench_offline();
	pthread_barrier_wait(&group->begin);
	bench_online();
}

/*
 * Wait until all of them sleep. A thousand take a while to come to that, on all CPUs, and who measures beside them would
 * measure what interrupts these cost.
 */
static inline void bench_await_idle(const struct bench_group *group)
{
	bench_offline();
	while (__atomic_load_n(&group->idle, __ATOMIC_RELAXED) != group->count)
		bench_nap(1e6);
	bench_nap(bench_length);
	bench_online();
}

/* Wait until the first of them has counted something. */
static inline void bench_await_group(const struct bench_group *group)
{
	bench_offline();
	while (!__atomic_load_n(&group->done[0], __ATOMIC_RELAXED))
		sched_yield();
	bench_online();
}

/* What they have done until now. */
static inline double bench_progress(const struct bench_group *group)
{
	unsigned long sum = 0;

	for (int i = 0; i < 64; i++)
		sum += __atomic_load_n(&group->done[i], __ATOMIC_RELAXED);
	return (double)sum;
}

/*
 * Let them run for a while; returns how long, and what they have done meanwhile. What they do before
 * and after does not count: among many threads it takes the caller a while to run again.
 */
static inline double bench_watch_group(const struct bench_group *group, double *done)
{
	double time;

	time = -bench_now();
	*done = -bench_progress(group);
	bench_sleep(3 * bench_length);
	*done += bench_progress(group);
	return time + bench_now();
}

/* Stop them; returns the sum of what they have done. */
static inline unsigned long bench_stop_group(struct bench_group *group)
{
	unsigned long sum = 0;

	__atomic_store_n(&group->stop, true, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&group->gate);
	bench_offline();
	for (unsigned long i = 0; i < group->count; i++)
		pthread_join(group->threads[i], NULL);
	bench_online();
	for (int i = 0; i < 64; i++)
		sum += group->done[i];
	return sum;
}
