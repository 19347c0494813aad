/* SPDX-License-Identifier: MIT */
/* Inside the library: what it asks of the kernel: membarrier.c, cpu.c, wait.c. */
#include "inside.h"

#include "../few-cpus.h"

#include <sys/time.h>

#include "system/system.h"

/* ---- membarrier.c ---- */

#if defined(RCU_MB) || defined(TEST_QSBR)
static int trapped;

static void note_trap(int number)
{
	(void)number;
	trapped++;
}

/* Readers have barriers of their own: a sandbox that kills for membarrier shall not notice us. */
START_TEST(membarrier_is_never_called)
{
	struct tally tally = { 0, 0 };
	static struct stress s;

	want(!domain->has_membarrier && !domain->membarrier_granted);
	signal(SIGSYS, note_trap);
	trap(SYS_membarrier);
	domain->grace.short_spins = UINT_MAX;
	stress_begin(&s, 2, 2);
	stress_go_on(100);
	stress_end(&s);
	queue_jobs(&tally, 1000);
	rcu_barrier();
	want(rcu_defer_register_thread() == 0);
	rcu_defer_barrier();
	rcu_defer_unregister_thread();
	want(trapped == 0);
}
END_TEST
#endif

/* ---- cpu.c ---- */

START_TEST(all_possible_cpus_count)
{
	int last = usable_cpu((unsigned int)sysconf(_SC_NPROCESSORS_ONLN) - 1);

	counts_own = true;
	pin_to(last);
	if (_i)
		refuse(SYS_openat, -1, 0, ENOENT, 0);
	want(quiesce_cpu_count() > (unsigned int)last);
}
END_TEST

/* ---- wait.c ---- */

START_TEST(waiting_ends_by_value_by_wake_or_by_its_limit)
{
	bool (*const wait[])(int32_t *, int32_t, uint64_t *) = { quiesce_wait, quiesce_wait_shared };
	uint64_t forever = QUIESCE_FOREVER, left = 5 * QUIESCE_NS_PER_MS, began = quiesce_now();
	int32_t word = 1;

	errno = 4711;
	want(wait[_i](&word, 0, NULL) && wait[_i](&word, 0, &forever) && forever == QUIESCE_FOREVER);
	want(wait[_i](&word, 0, &left) && left < 5 * QUIESCE_NS_PER_MS);
	left = 5 * QUIESCE_NS_PER_MS;
	while (wait[_i](&word, 1, &left))
		continue;
	want(left == 0 && quiesce_now() >= began + 5 * QUIESCE_NS_PER_MS);
	want(!wait[_i](&word, 1, &left) && !wait[_i](&word, 0, &left));
	began = quiesce_now();
	quiesce_sleep(5 * QUIESCE_NS_PER_MS);
	want(quiesce_now() >= began + 5 * QUIESCE_NS_PER_MS);
	quiesce_sleep(0);
	quiesce_wake(&word, INT_MAX);
	want(errno == 4711);
}
END_TEST

static int32_t woken_word;

static void *sleep_on_word(void *arg)
{
	int32_t turn = 0;

	(void)arg;
	for (; turn < 1000; turn++) {
		while (get(woken_word) == 2 * turn)
			quiesce_wait(&woken_word, 2 * turn, NULL);
		put(woken_word, 2 * turn + 2);
		quiesce_wake(&woken_word, 1);
	}
	return NULL;
}

START_TEST(wakers_and_sleepers_never_miss_each_other)
{
	pthread_t sleeper = start(sleep_on_word, NULL);

	for (int32_t turn = 0; turn < 1000; turn++) {
		put(woken_word, 2 * turn + 1);
		quiesce_wake(&woken_word, 1);
		while (get(woken_word) == 2 * turn + 1)
			quiesce_wait(&woken_word, 2 * turn + 1, NULL);
	}
	pthread_join(sleeper, NULL);
}
END_TEST

static void do_nothing(int number)
{
	(void)number;
}

/* Each leaves less to wait for. A sleep that is stretched is so for ever: the test's limit sees it. */
START_TEST(signals_do_not_stretch_a_wait)
{
	struct itimerval timer = { { 0, 1000 }, { 0, 1000 } };
	uint64_t left = 100 * QUIESCE_NS_PER_MS, last = left, began = quiesce_now();
	int32_t word = 0;

	signal(SIGALRM, do_nothing);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (; quiesce_wait(&word, 0, &left); last = left)
		want(left < last);
	want(quiesce_now() >= began + 90 * QUIESCE_NS_PER_MS);
	quiesce_sleep(50 * QUIESCE_NS_PER_MS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kernel-" FLAVOR);
	TCase *tc = add_case(suite, "kernel", 20);

#if defined(RCU_MB) || defined(TEST_QSBR)
	tcase_add_test(tc, membarrier_is_never_called);
#endif
	tcase_add_loop_test(tc, all_possible_cpus_count, 0, 2);
	tcase_add_loop_test(tc, waiting_ends_by_value_by_wake_or_by_its_limit, 0, 2);
	tcase_add_test(tc, wakers_and_sleepers_never_miss_each_other);
	tcase_add_test(tc, signals_do_not_stretch_a_wait);
	return run_suite(suite);
}
