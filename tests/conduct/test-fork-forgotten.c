/* SPDX-License-Identifier: MIT */
/*
 * Fork hooks that are forgotten, or have lost the one that they belong to: what shows that they are is
 * reported, and the library makes up for them. And exit between the hooks, which waits for nothing.
 */
#include "fork-reports.h"

/* ---- A hook that can come no more ---- */

static void *end_between_hooks(void *arg)
{
	if (arg)
		rcu_register_thread();
	for (int i = 0; i < 3; i++)
		call_rcu_before_fork();
	if (arg)
		rcu_unregister_thread();
	return NULL;
}

static void thread_ends(bool registered)
{
	queue_all(counted, 5);
	STAGE("a thread that ends between the hooks");
	join(start_thread(end_between_hooks, registered ? counted : NULL));
	must_be_reported("call_rcu_after_fork_parent");
	STAGE("after it has ended");
	queue_all(counted + 5, 5);
	finish(counted, 10);
	use_everything();
	run_child(use_everything_in_child, NULL);
	MUST(*reported() == '\0');
}

static void unregistered_thread_ends(void)
{
	thread_ends(false);
}

static void registered_thread_ends(void)
{
	thread_ends(true);
}

START_TEST(the_hooks_of_a_thread_that_has_ended_are_over_and_it_is_reported)
{
	in_a_process(_i ? registered_thread_ends : unregistered_thread_ends);
}
END_TEST

/* The last thread of the child, whose exit runs what its parent had queued. */
static void *end_child_between_hooks(void *arg)
{
	call_rcu_before_fork();
	*(pid_t *)arg = fork();
	if (*(pid_t *)arg == 0) {
		alarm(child_limit());
		STAGE("a child that ends between the hooks");
		return NULL;
	}
	call_rcu_after_fork_parent();
	return NULL;
}

START_TEST(a_child_whose_thread_ends_without_the_hook_is_told)
{
	pid_t pid;

	queue_all(counted, 10);
	join(start_thread(end_child_between_hooks, &pid));
	expect_clean(pid);
	must_be_reported("call_rcu_after_fork_child");
	finish(counted, 10);
}
END_TEST

static void forgetful(struct rcu_head *head)
{
	(void)head;
	call_rcu_before_fork();
}

static void callback_forgets(void)
{
	static struct rcu_head head;

	STAGE("a callback that forgets the hook");
	call_rcu(&head, forgetful);
	queue_all(counted, 10);
	finish(counted, 10);
	must_be_reported("call_rcu_after_fork_parent");
	use_everything();
	MUST(*reported() == '\0');
}

START_TEST(a_callback_that_returns_between_the_hooks_is_reported)
{
	in_a_process(callback_forgets);
}
END_TEST

static void never_call_after(void)
{
	const int most = 8 * (int)sizeof(long);

	STAGE("before_fork, again and again");
	for (int i = 0; i < most; i++)
		call_rcu_before_fork();
	MUST(*reported() == '\0');
	queue_all(counted, 10);
	call_rcu_before_fork();
	must_be_reported("call_rcu_after_fork_parent");
	call_rcu_after_fork_parent();
	finish(counted, 10);
	MUST(*reported() == '\0');
}

START_TEST(hooks_that_are_never_called_again_are_reported)
{
	in_a_process(never_call_after);
}
END_TEST

/* ---- A hook too many ---- */

static void call_stray_hooks(void)
{
	pid_t pid;

	call_rcu_after_fork_parent();
	must_be_reported("call_rcu_after_fork_parent");
	pid = fork();
	if (pid == 0) {
		alarm(child_limit());
		STAGE("a child with one hook of two");
		call_rcu_after_fork_child();
		must_be_reported("call_rcu_after_fork_child");
		use_everything();
		_exit(0);
	}
	expect_clean(pid);
#ifdef TEST_BP
	urcu_bp_after_fork_parent();
	must_be_reported("after_fork_parent");
	urcu_bp_after_fork_child();
	must_be_reported("after_fork_child");
#endif
	call_rcu_before_fork();
	call_rcu_after_fork_parent();
	MUST(*reported() == '\0');
	call_rcu_after_fork_parent();
	must_be_reported("call_rcu_after_fork_parent");
	STAGE("after a hook too many");
	run_child(use_everything_in_child, NULL);
	use_everything();
	MUST(*reported() == '\0');
}

START_TEST(an_after_hook_without_the_one_before_is_reported_and_does_nothing)
{
	in_a_process(call_stray_hooks);
}
END_TEST

/* ---- exit between the hooks ---- */

static void use_at_exit(void)
{
	STAGE("what atexit calls between the hooks");
	call_rcu(&counted[9].head, count);
	synchronize_rcu();
	rcu_barrier();
	STAGE("the end of the process between the hooks");
}

static void set_up_exit(void)
{
	/* Longer than any test: whoever waits is caught by the alarm. */
	setenv("URCU_EXIT_TIMEOUT", "600000", 1);
	queue_all(counted, 9);
}

static void exits_in_parent(int hooks)
{
	static struct task task;

	atexit(use_at_exit);
	set_up_exit();
	while (hooks--)
		call_rcu_before_fork();
	start_stuck_task(&task, barrier, NULL);
	STAGE("exit between the hooks");
	exit(7);
}

/* Of two hooks, so many were called. */
static void exits_in_child(int hooks)
{
	int status;
	pid_t pid;

	if (hooks)
		atexit(use_at_exit);
	set_up_exit();
	call_rcu_before_fork();
	call_rcu_before_fork();
	pid = fork();
	if (pid == 0) {
		alarm(child_limit());
		while (hooks--)
			call_rcu_after_fork_child();
		STAGE("exit between the hooks of the child");
		exit(7);
	}
	MUST(waitpid(pid, &status, 0) == pid);
	call_rcu_after_fork_parent();
	call_rcu_after_fork_parent();
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

START_TEST(exit_between_the_hooks_waits_for_nothing_and_keeps_its_status)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(child_limit());
		if (_i < 2)
			exits_in_parent(1 + _i);
		exits_in_child(_i - 2);
	}
	MUST(waitpid(pid, &status, 0) == pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 7)
		ck_abort_msg("status %#x, in: %s", (unsigned int)status, shared->stage);
	forget_reports();
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("fork-forgotten/" FLAVOR);
	TCase *tcase = add_case(suite, "forgotten");

	tcase_add_loop_test(tcase, the_hooks_of_a_thread_that_has_ended_are_over_and_it_is_reported, 0, 2);
	tcase_add_test(tcase, a_child_whose_thread_ends_without_the_hook_is_told);
	tcase_add_test(tcase, a_callback_that_returns_between_the_hooks_is_reported);
	tcase_add_test(tcase, hooks_that_are_never_called_again_are_reported);
	tcase_add_test(tcase, an_after_hook_without_the_one_before_is_reported_and_does_nothing);
	tcase_add_loop_test(tcase, exit_between_the_hooks_waits_for_nothing_and_keeps_its_status, 0, 4);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
