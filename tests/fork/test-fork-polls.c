/* SPDX-License-Identifier: MIT */
/* Polls across a fork: one that was asked about goes on in the parent and in the child. */
#include "fork-harness.h"

#define POLLERS 3

static struct urcu_gp_poll_state asked;

static void poll_until_over(void)
{
	while (!poll_state_synchronize_rcu(asked))
		sched_yield();
}

/* The child waits for no reader, since they are gone. */
static void finish_poll(void *arg)
{
	(void)arg;
	STAGE("a poll of the parent's");
	poll_until_over();
	STAGE("a poll of its own");
	asked = start_poll_synchronize_rcu();
	poll_until_over();
	use_everything();
}

START_TEST(a_poll_is_over_in_the_child_and_goes_on_in_the_parent)
{
	struct reader_thread reader;
	unsigned long number;

	hold(&reader);
	number = gp_number();
	asked = start_poll_synchronize_rcu();
	if (_i)
		await_grace_period_after(number);
	run_child(finish_poll, NULL);
	run_child(finish_poll, NULL);
	MUST(!poll_state_synchronize_rcu(asked));
	release(&reader);
	finish_poll(NULL);
}
END_TEST

static void go_on_polling(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++) {
		MUST(!poll_state_synchronize_rcu(asked));
		relax();
	}
	rcu_read_unlock();
	poll_until_over();
}

static void poll_in_section(void *arg)
{
	asked = start_poll_synchronize_rcu();
	go_on_polling(arg);
}

START_TEST(a_poll_waits_for_the_forkers_section_in_the_child)
{
	rcu_register_thread();
	rcu_read_lock();
	run_child(poll_in_section, NULL);
	poll_in_section(NULL);
	rcu_unregister_thread();
}
END_TEST

#ifndef TEST_QSBR	/* there the hooks are a quiescent state */
static void poll_in_older_section(void *arg)
{
	struct urcu_gp_poll_state before = asked;

	poll_in_section(arg);
	MUST(poll_state_synchronize_rcu(before));
}

/* At the fork a grace period waits for the forking thread, and goes on to do so in the child. */
START_TEST(a_poll_that_waits_for_the_forkers_section_does_so_in_the_child)
{
	unsigned long number;

	rcu_register_thread();
	rcu_read_lock();
	number = gp_number();
	asked = start_poll_synchronize_rcu();
	await_grace_period_after(number);
	if (_i)
		run_child(poll_in_older_section, NULL);
	else
		run_child(go_on_polling, NULL);
	MUST(!poll_state_synchronize_rcu(asked));
	rcu_read_unlock();
	poll_until_over();
	rcu_unregister_thread();
}
END_TEST
#endif

static int stop;

static void *start_polls(void *arg)
{
	while (!get(&stop)) {
		struct urcu_gp_poll_state state = start_poll_synchronize_rcu();

		while (!poll_state_synchronize_rcu(state))
			sched_yield();
	}
	return arg;
}

START_TEST(forks_among_threads_that_poll_leave_polls_that_end)
{
	pthread_t threads[POLLERS];

	put(&stop, 0);
	for (int i = 0; i < POLLERS; i++)
		threads[i] = start_thread(start_polls, NULL);
	for (int i = 0; i < 200; i++) {
		asked = start_poll_synchronize_rcu();
		run_child(finish_poll, NULL);
	}
	put(&stop, 1);
	for (int i = 0; i < POLLERS; i++)
		join(threads[i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fork-polls/" FLAVOR);
	TCase *tcase = add_case(suite, "polls");

	tcase_add_loop_test(tcase, a_poll_is_over_in_the_child_and_goes_on_in_the_parent, 0, 2);
	tcase_add_test(tcase, a_poll_waits_for_the_forkers_section_in_the_child);
#ifndef TEST_QSBR
	tcase_add_loop_test(tcase, a_poll_that_waits_for_the_forkers_section_does_so_in_the_child,
			    0, 2);
#endif
	tcase_add_test(tcase, forks_among_threads_that_poll_leave_polls_that_end);
	return run_suite(suite);
}
