/* SPDX-License-Identifier: MIT */
/*
 * A program may put a clock of its own in the place of the C library's (libfaketime, a simulator):
 * this one does. Nothing that RCU promises may wait for it.
 */
#include "harness.h"

enum { STILL, FAR_OFF, LEAPS, CLOCKS };

/* What the clock does. Before a test begins it is the kernel's. */
static int kind = -1;

int clock_gettime(clockid_t clock, struct timespec *time)
{
	static int64_t leaps;
	long kernel[2];
	int what;

	/* The kernel's old call has longs. */
	if (syscall(SYS_clock_gettime, clock, kernel) != 0)
		return -1;
	time->tv_sec = kernel[0];
	time->tv_nsec = kernel[1];
	what = get(kind);
	if (what == STILL) {
		time->tv_sec = 1000000;
		time->tv_nsec = 1;
	} else if (what == FAR_OFF) {
		time->tv_sec += 864000;
	} else if (what == LEAPS) {
		time->tv_sec += (time_t)__atomic_add_fetch(&leaps, 864000, __ATOMIC_RELAXED);
	}
	return 0;
}

struct slow {
	sem_t inside;
	bool over;
};

/* Stays in each section until the kernel has seen it sleep. */
static void *read_slowly(void *arg)
{
	struct slow *slow = arg;

	rcu_register_thread();
	do {
		struct timespec time = { 0, 2000000 };

		rcu_read_lock();
		sem_post(&slow->inside);
		syscall(SYS_nanosleep, &time, NULL);
		rcu_read_unlock();
		rcu_quiescent_state();
	} while (!get(slow->over));
	rcu_unregister_thread();
	return NULL;
}

START_TEST(grace_periods_end_under_any_clock)
{
	struct slow slow = { .over = false };
	long before[2], after[2];
	pthread_t reader;

	put(kind, _i);
	sem_init(&slow.inside, 0, 0);
	reader = start(read_slowly, &slow);
	await(&slow.inside);
	for (int i = 0; i < 50; i++)
		synchronize_rcu();
	/* It sleeps meanwhile, and does not spin. */
	want(syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, before) == 0);
	for (int i = 0; i < 50; i++)
		synchronize_rcu();
	want(syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, after) == 0);
	want((after[0] - before[0]) * 1000 + (after[1] - before[1]) / 1000000 < (SLOW_BUILD ? 500 : 50));
	put(slow.over, true);
	pthread_join(reader, NULL);
	put(kind, -1);	/* Check wants to know how long it took */
}
END_TEST

START_TEST(callbacks_run_under_any_clock)
{
	struct tally tally = { 0, 0 };

	put(kind, _i);
	rcu_register_thread();
	for (int i = 0; i < 50; i++) {
		struct timespec time = { 0, 1000000 };

		rcu_thread_online();
		queue_jobs(&tally, 1);
		rcu_thread_offline();
		syscall(SYS_nanosleep, &time, NULL);
	}
	/* With Check's limit alone: await_that would go by the clock that leaps. */
	while (get(tally.ran) != get(tally.queued))
		sched_yield();
	rcu_unregister_thread();
	put(kind, -1);
}
END_TEST

/* ---- A machine so busy that each nap takes long, as the clock says ---- */

#ifndef TEST_BP
static pthread_key_t key;
static sem_t go_on;

static void stay(void *arg)
{
	(void)arg;
	await(&go_on);
}

static void set_key(struct rcu_head *head)
{
	(void)head;
	want(pthread_setspecific(key, &go_on) == 0);
}

START_TEST(a_limit_counts_what_naps_take)
{
	static struct rcu_head head;

	sem_init(&go_on, 0, 0);
	want(pthread_key_create(&key, stay) == 0);
	setenv("URCU_EXIT_TIMEOUT", "300000", 1);
	call_rcu(&head, set_key);
	rcu_barrier();
	put(kind, LEAPS);
	rcu_exit();
	put(kind, -1);
	sem_post(&go_on);
}
END_TEST
#endif

int main(void)
{
	Suite *suite = suite_create("clock " FLAVOR);
	TCase *tc = add_case(suite, "clock", 10);

	tcase_add_loop_test(tc, grace_periods_end_under_any_clock, 0, CLOCKS);
	tcase_add_loop_test(tc, callbacks_run_under_any_clock, 0, CLOCKS);
#ifndef TEST_BP
	tcase_add_test(tc, a_limit_counts_what_naps_take);
#endif
	return run_suite(suite);
}
