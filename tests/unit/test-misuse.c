/* SPDX-License-Identifier: MIT */
/* Misuse is reported under the name of the function that was misused. */
#include "harness.h"

static int output;

static bool said(const char *message)
{
	const char *text = captured(output);

	return lines_of(text) == 1 && strstr(text, "liburcu: urcu_" FLAVOR) &&
	       strstr(text, message);
}

static void *synchronize(void *arg)
{
	synchronize_rcu();
	put(*(bool *)arg, true);
	return NULL;
}

/* Grace periods still work, and wait for this thread if it is registered. */
static void check_that_all_is_well(void)
{
	unsigned long before = gp_number();
	bool returned = false;
	pthread_t writer;

	rcu_read_lock();
	writer = start(synchronize, &returned);
	await_gp_since(before);
	for (uint64_t until = now_us() + 500; now_us() < until; sched_yield())
		want(!get(returned));
	rcu_read_unlock();
	pthread_join(writer, NULL);
}

#ifndef TEST_BP
START_TEST(registering_twice_is_reported_and_ignored)
{
	output = capture_stderr();
	rcu_register_thread();
	want(*captured(output) == '\0');
	rcu_register_thread();
	want(said("_register_thread: the thread is registered already"));
	check_that_all_is_well();
	rcu_unregister_thread();
	want(lines_of(captured(output)) == 1);
	synchronize_rcu();
}
END_TEST

START_TEST(unregistering_the_unregistered_is_reported)
{
	output = capture_stderr();
	if (_i) {
		rcu_register_thread();
		rcu_unregister_thread();
	}
	rcu_unregister_thread();
	want(said("_unregister_thread: the thread is not registered"));
	rcu_register_thread();
	check_that_all_is_well();
	rcu_unregister_thread();
	want(lines_of(captured(output)) == 1);
}
END_TEST

#ifndef TEST_QSBR	/* which cannot tell a section from being online */
START_TEST(unregistering_in_a_section_is_reported)
{
	output = capture_stderr();
	rcu_register_thread();
	rcu_read_lock();
	rcu_unregister_thread();
	want(said("_unregister_thread: called in a read-side critical section"));
	rcu_read_unlock();
	rcu_register_thread();
	check_that_all_is_well();
	rcu_unregister_thread();
	want(lines_of(captured(output)) == 1);
}
END_TEST
/* The grace period that waits for it ends. */
START_TEST(unregistering_in_a_section_lets_waiters_go)
{
	unsigned long before = gp_number();
	bool returned = false;
	pthread_t writer;

	output = capture_stderr();
	rcu_register_thread();
	rcu_read_lock();
	writer = start(synchronize, &returned);
	await_gp_since(before);
	/* Long enough for the leader to fall asleep. */
	usleep(20000);
	rcu_unregister_thread();
	pthread_join(writer, NULL);
	want(said("_unregister_thread: called in a read-side critical section"));
}
END_TEST
#endif
#else
START_TEST(registering_by_hand_is_no_misuse)
{
	output = capture_stderr();
	rcu_register_thread();
	rcu_register_thread();
	check_that_all_is_well();
	rcu_unregister_thread();
	rcu_unregister_thread();
	check_that_all_is_well();
	want(*captured(output) == '\0');
}
END_TEST
#endif

#ifndef TEST_QSBR
/* Returning lets abort go on; leaving makes the test fail, which expects a signal. */
static void check_last_words(int number)
{
	(void)number;
	if (!said("_synchronize_rcu: called in a read-side critical section"))
		_exit(EXIT_FAILURE);
}

START_TEST(synchronizing_in_a_section_is_reported_and_aborts)
{
	output = capture_stderr();
	signal(SIGABRT, check_last_words);
	rcu_register_thread();
	for (int depth = 0; depth <= _i; depth++)
		rcu_read_lock();
	synchronize_rcu();
}
END_TEST

/* The same for whatever waits for a grace period, under its own name. */
static void do_nothing(void *arg)
{
	(void)arg;
}

static void defer_until_full(void)
{
	for (int i = 0; i < 100000; i++)
		defer_rcu(do_nothing, NULL);
}

static void defer_without_a_queue(void)
{
	rcu_defer_unregister_thread();
	rcu_read_lock();
	defer_rcu(do_nothing, NULL);
}

static const struct {
	const char *name;
	void (*call)(void);
} waiting[] = {
	{ "free_all_cpu_call_rcu_data", free_all_cpu_call_rcu_data },
	{ "defer_barrier", rcu_defer_barrier },
	{ "defer_barrier_thread", rcu_defer_barrier_thread },
	{ "defer_unregister_thread", rcu_defer_unregister_thread },
	{ "defer_rcu", defer_until_full },
	{ "defer_rcu", defer_without_a_queue },
};

#define WAITING ((int)(sizeof(waiting) / sizeof(waiting[0])))

static int called;

static void check_name(int number)
{
	char expected[128];

	(void)number;
	snprintf(expected, sizeof(expected), "urcu_" FLAVOR "_%s: called in a read-side critical section", waiting[called].name);
	if (!strstr(captured(output), expected) || strstr(captured(output), "synchronize_rcu"))
		_exit(EXIT_FAILURE);
}

START_TEST(waiting_in_a_section_is_reported_by_its_name)
{
	called = _i;
	output = capture_stderr();
	signal(SIGABRT, check_name);
	rcu_register_thread();
	want(create_all_cpu_call_rcu_data(0) == 0);
	want(rcu_defer_register_thread() == 0);
	if (waiting[_i].call != defer_without_a_queue) {
		rcu_read_lock();
		/* Nobody runs it before this section ends. */
		defer_rcu(do_nothing, NULL);
	}
	waiting[_i].call();
}
END_TEST

/* It is the unlock that is at fault, and not the call that finds out. */
START_TEST(one_unlock_too_many_is_reported_as_such)
{
	output = capture_stderr();
	rcu_register_thread();
	rcu_read_lock();
	rcu_read_unlock();
	for (int extra = 0; extra <= _i; extra++)
		rcu_read_unlock();
	want(*captured(output) == '\0');
	if (_i)
		rcu_barrier();
	synchronize_rcu();
	want(said("_read_unlock: was called more often than urcu_" FLAVOR "_read_lock"));
	check_that_all_is_well();
	rcu_unregister_thread();
	want(lines_of(captured(output)) == 1);
}
END_TEST

static sem_t unlocked, over;

static void *unlock_too_often(void *extra)
{
	rcu_register_thread();
	rcu_read_lock();
	rcu_read_unlock();
	for (const char *times = extra; *times; times++)
		rcu_read_unlock();
	sem_post(&unlocked);
	await(&over);
	rcu_unregister_thread();
	return NULL;
}

/* By whoever would wait for it for ever; once, and again only when that thread itself finds out. */
START_TEST(one_unlock_too_many_of_another_thread_holds_nobody_up)
{
	static char extra[][3] = { "1", "12" };
	pthread_t thread;

	output = capture_stderr();
	sem_init(&unlocked, 0, 0);
	sem_init(&over, 0, 0);
	thread = start(unlock_too_often, extra[_i]);
	await(&unlocked);
	want(*captured(output) == '\0');
	synchronize_rcu();
	want(said("_read_unlock: was called more often than urcu_" FLAVOR "_read_lock"));
	rcu_register_thread();
	check_that_all_is_well();
	rcu_barrier();
	want(lines_of(captured(output)) == 1);
	rcu_unregister_thread();
	sem_post(&over);
	pthread_join(thread, NULL);
	want(lines_of(captured(output)) == 2);
	synchronize_rcu();
	want(lines_of(captured(output)) == 2);
}
END_TEST

static void synchronize_in_section(struct rcu_head *head)
{
	(void)head;
	rcu_read_lock();
	rcu_flavor.update_synchronize_rcu();
}

START_TEST(synchronizing_in_a_section_of_a_callback_is_too)
{
	static struct rcu_head head;

	output = capture_stderr();
	signal(SIGABRT, check_last_words);
	call_rcu(&head, synchronize_in_section);
	rcu_barrier();
}
END_TEST
#endif

static sem_t holds, may_go_on;
static int runs;

static void hold(struct rcu_head *head)
{
	(void)head;
	sem_post(&holds);
	await(&may_go_on);
}

static void run(struct rcu_head *head)
{
	(void)head;
	put(runs, get(runs) + 1);
}

/* While the worker is in another's callback: or else it may have taken the head in between. */
START_TEST(queueing_a_head_twice_in_a_row_is_reported)
{
	static struct rcu_head first, before, head, after;

	output = capture_stderr();
	sem_init(&holds, 0, 0);
	sem_init(&may_go_on, 0, 0);
	call_rcu(&first, hold);
	await(&holds);
	call_rcu(&before, run);
	call_rcu(&head, run);
	call_rcu(&head, run);
	call_rcu(&after, run);
	want(said("_call_rcu: called twice in a row for "));
	sem_post(&may_go_on);
	rcu_barrier();
	want(get(runs) == 3);
}
END_TEST

/* The chain would be a circle. What came in between and behind runs, in its order. */
START_TEST(queueing_a_head_again_before_it_ran_is_reported)
{
	static struct rcu_head first, heads[1000];
	const int twice[] = { 0, 300, 998 }, behind[] = { 0, 1, 500 };
	int until = twice[_i % 3] + 1 + behind[_i / 3];

	output = capture_stderr();
	sem_init(&holds, 0, 0);
	sem_init(&may_go_on, 0, 0);
	call_rcu(&first, hold);
	await(&holds);
	for (int i = 0; i <= twice[_i % 3]; i++)
		call_rcu(&heads[i], run);
	call_rcu(&heads[0], run);
	for (int i = twice[_i % 3] + 1; i < until && i < 1000; i++)
		call_rcu(&heads[i], run);
	sem_post(&may_go_on);
	rcu_barrier();
	want(said(_i % 3 ? "_call_rcu: called twice for " : "_call_rcu: called twice in a row for "));
	want(get(runs) == (until < 1000 ? until : 1000));
	rcu_barrier();
	want(get(runs) == (until < 1000 ? until : 1000));
}
END_TEST

static sem_t freed;

static void free_all(struct rcu_head *head)
{
	(void)head;
	free_all_cpu_call_rcu_data();
	sem_post(&freed);
}

/* All but the worker that runs it, which stays whole. */
START_TEST(freeing_the_workers_of_cpus_in_a_callback_of_one_is_reported)
{
	struct call_rcu_data *worker;
	static struct rcu_head head;

	output = capture_stderr();
	sem_init(&freed, 0, 0);
	want(create_all_cpu_call_rcu_data(0) == 0);
	worker = get_cpu_call_rcu_data(0);
	set_thread_call_rcu_data(worker);
	call_rcu(&head, free_all);
	await(&freed);
	want(said("_free_all_cpu_call_rcu_data: called in a callback of worker "));
	want(!get_cpu_call_rcu_data(0));
	call_rcu(&head, run);
	rcu_barrier();
	want(get(runs) == 1);
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(worker);
	want(lines_of(captured(output)) == 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("misuse-" FLAVOR);
	TCase *tc = add_case(suite, "misuse", 10);

#ifndef TEST_BP
	tcase_add_test(tc, registering_twice_is_reported_and_ignored);
	tcase_add_loop_test(tc, unregistering_the_unregistered_is_reported, 0, 2);
#else
	tcase_add_test(tc, registering_by_hand_is_no_misuse);
#endif
	tcase_add_test(tc, queueing_a_head_twice_in_a_row_is_reported);
	tcase_add_loop_test(tc, queueing_a_head_again_before_it_ran_is_reported, 0, 9);
	tcase_add_test(tc, freeing_the_workers_of_cpus_in_a_callback_of_one_is_reported);
#if !defined(TEST_BP) && !defined(TEST_QSBR)
	tcase_add_test(tc, unregistering_in_a_section_is_reported);
	tcase_add_test(tc, unregistering_in_a_section_lets_waiters_go);
#endif
#ifndef TEST_QSBR
	tcase_add_loop_test(tc, one_unlock_too_many_is_reported_as_such, 0, 2);
	tcase_add_loop_test(tc, one_unlock_too_many_of_another_thread_holds_nobody_up, 0, 2);
	tcase_add_loop_test_raise_signal(tc, synchronizing_in_a_section_is_reported_and_aborts,
					 SIGABRT, 0, 3);
	tcase_add_test_raise_signal(tc, synchronizing_in_a_section_of_a_callback_is_too, SIGABRT);
	tcase_add_loop_test_raise_signal(tc, waiting_in_a_section_is_reported_by_its_name, SIGABRT, 0, WAITING);
#endif
	return run_suite(suite);
}
