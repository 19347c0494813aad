/* SPDX-License-Identifier: MIT */
/*
 * Between the fork hooks, after a hook that was forgotten, and in a child without them: what could never
 * return is reported, by the name of the function, and returns.
 */
#include "fork-reports.h"

#include <sched.h>

/* ---- Between the hooks ---- */

static void misuse_between_hooks(void)
{
	struct call_rcu_data *worker = create_call_rcu_data(0, -1), *made;

	MUST(worker);
	queue_all(counted, 10);
	call_rcu_before_fork();
	STAGE("rcu_barrier between the hooks");
	rcu_barrier();
	must_be_reported("barrier");
	STAGE("create_call_rcu_data between the hooks");
	made = create_call_rcu_data(0, -1);
	/* Either made in some way, or refused. */
	if (!made)
		must_be_reported("create_call_rcu_data");
	STAGE("call_rcu_data_free between the hooks");
	call_rcu_data_free(worker);
	must_be_reported("call_rcu_data_free");
	STAGE("free_all_cpu_call_rcu_data between the hooks");
	free_all_cpu_call_rcu_data();
	STAGE("after_fork_parent");
	call_rcu_after_fork_parent();
	forget_reports();
	STAGE("after the hooks");
	finish(counted, 10);
	call_rcu_data_free(worker);
	if (made)
		call_rcu_data_free(made);
	use_everything();
	MUST(*reported() == '\0');
}

START_TEST(what_would_hang_between_the_hooks_is_reported)
{
	in_a_process(misuse_between_hooks);
}
END_TEST

static void misuse_between_hooks_of_cpus(void)
{
	MUST(create_all_cpu_call_rcu_data(0) == 0);
	call_rcu_before_fork();
	STAGE("free_all_cpu_call_rcu_data between the hooks");
	free_all_cpu_call_rcu_data();
	must_be_reported("free_all_cpu_call_rcu_data");
	STAGE("create_all_cpu_call_rcu_data between the hooks");
	MUST(create_all_cpu_call_rcu_data(0) == -EDEADLK && errno == EDEADLK);
	must_be_reported("create_all_cpu_call_rcu_data");
	call_rcu_after_fork_parent();
	STAGE("after the hooks");
	use_everything();
}

START_TEST(freeing_all_workers_between_the_hooks_is_reported)
{
	in_a_process(misuse_between_hooks_of_cpus);
}
END_TEST

static int table_calls;

static void count_call(void *count)
{
	++*(int *)count;
}

static void use_table_hooks(struct urcu_atfork *hooks, bool set)
{
	STAGE(set ? "register_rculfhash_atfork" : "unregister_rculfhash_atfork");
	(set ? rcu_flavor.register_rculfhash_atfork :
	       rcu_flavor.unregister_rculfhash_atfork)(hooks);
	STAGE("between the hooks");
}

/* They are called from the next fork on. */
static void set_table_hooks_between_hooks(void)
{
	struct urcu_atfork hooks = { count_call, count_call, count_call, &table_calls };
	pid_t pid;

	call_rcu_before_fork();
	use_table_hooks(&hooks, true);
	call_rcu_before_fork();
	use_table_hooks(&hooks, true);
	use_table_hooks(&hooks, false);
	pid = fork();
	if (pid == 0) {
		alarm(child_limit());
		call_rcu_after_fork_child();
		use_table_hooks(&hooks, true);
		call_rcu_after_fork_child();
		use_everything();
		_exit(table_calls);
	}
	call_rcu_after_fork_parent();
	expect_clean(pid);
	call_rcu_after_fork_parent();
	MUST(table_calls == 0);
	call_rcu_before_fork();
	MUST(table_calls == 1);
	use_table_hooks(&hooks, false);
	call_rcu_after_fork_parent();
	MUST(table_calls == 2);
	run_child(use_everything_in_child, NULL);
	MUST(table_calls == 2);
	MUST(*reported() == '\0');
}

START_TEST(hooks_of_a_hash_table_may_be_set_between_the_hooks)
{
	in_a_process(set_table_hooks_between_hooks);
}
END_TEST

/* What waits for no callback works there. */
static void use_between_hooks(void)
{
	call_rcu_before_fork();
	STAGE("between the hooks");
	queue_all(counted, 10);
	synchronize_rcu();
	join(start_thread(read_once, NULL));
	MUST(get_default_call_rcu_data());
	MUST(sum_of_runs(counted, 10) == 0);
	call_rcu_after_fork_parent();
	finish(counted, 10);
	MUST(*reported() == '\0');
}

START_TEST(what_waits_for_no_callback_works_between_the_hooks)
{
	in_a_process(use_between_hooks);
}
END_TEST

/* Other threads wait for the end of the fork, as ever. */
static void others_between_hooks(void)
{
	struct task task;

	queue_all(counted, 10);
	call_rcu_before_fork();
	start_task(&task, barrier, NULL);
	queue_all(counted, 0);
	call_rcu_after_fork_parent();
	STAGE("another thread's barrier");
	join(task.thread);
	must_have_run_once(counted, 10);
	MUST(*reported() == '\0');
}

START_TEST(a_barrier_of_another_thread_waits_for_the_end_of_a_fork)
{
	in_a_process(others_between_hooks);
}
END_TEST

/* ---- A hook that was forgotten ---- */

static void forget_after_fork_parent(void)
{
	pid_t pid;

	call_rcu_before_fork();
	pid = fork();
	if (pid == 0) {
		call_rcu_after_fork_child();
		STAGE("the child of a parent that forgets its hook");
		use_everything();
		_exit(0);
	}
	expect_clean(pid);
	STAGE("after a forgotten hook");
	queue_all(counted, 10);
	rcu_barrier();
	must_be_reported("barrier");
	/* Late is better than never. */
	call_rcu_after_fork_parent();
	finish(counted, 10);
}

START_TEST(a_barrier_after_a_forgotten_hook_is_reported)
{
	in_a_process(forget_after_fork_parent);
}
END_TEST

static void forget_after_fork_child(void)
{
	pid_t pid;

	call_rcu_before_fork();
	pid = fork();
	if (pid == 0) {
		alarm(child_limit());
		STAGE("a child that forgets its hook");
		queue_all(counted, 10);
		rcu_barrier();
		if (sum_of_runs(counted, 10) != 10)
			must_be_reported("");
		_exit(0);
	}
	call_rcu_after_fork_parent();
	expect_clean(pid);
	use_everything();
}

START_TEST(a_child_that_forgets_its_hook_works_or_is_told)
{
	in_a_process(forget_after_fork_child);
}
END_TEST

/* ---- A child without hooks ---- */

enum { NOTHING, DEFAULT_USED, WORKER_USED, CPUS_USED, QUEUED, OTHER_READS, BEFORES };

static struct call_rcu_data *mine;
static struct reader_thread reader;

static void before_daemon(int what)
{
	static struct counted some[10];

	if (what == WORKER_USED)
		set_thread_call_rcu_data(mine = create_call_rcu_data(0, -1));
	if (what == CPUS_USED)
		MUST(create_all_cpu_call_rcu_data(0) == 0);
	if (what == OTHER_READS || what == QUEUED)
		hold(&reader);
	if (what != NOTHING)
		queue_all(some, 10);
	if (what != NOTHING && what != OTHER_READS && what != QUEUED)
		rcu_barrier();
}

/* Each works, or says that it does not, and never hangs. */
static void use_in_daemon(void)
{
	struct call_rcu_data *worker;

	STAGE("call_rcu without hooks");
	queue_all(counted, 10);
	STAGE("rcu_barrier without hooks");
	rcu_barrier();
	if (sum_of_runs(counted, 10) != 10)
		must_be_reported("");
	STAGE("synchronize_rcu without hooks");
	synchronize_rcu();
	STAGE("a section without hooks");
	rcu_read_lock();
	rcu_read_unlock();
	STAGE("a worker without hooks");
	worker = create_call_rcu_data(0, -1);
	if (!worker)
		must_be_reported("");
	call_rcu_data_free(worker);
	STAGE("its own worker without hooks");
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(mine);
	rcu_barrier();
	STAGE("unregister without hooks");
	rcu_unregister_thread();
	STAGE("exit without hooks");
	exit(0);
}

START_TEST(a_child_without_hooks_works_or_is_told)
{
	pid_t pid;

	rcu_register_thread();
	before_daemon(_i);
	pid = fork();
	if (pid == 0) {
		alarm(child_limit());
		use_in_daemon();
	}
	expect_clean(pid);
	forget_reports();
	if (_i == OTHER_READS || _i == QUEUED)
		release(&reader);
	rcu_unregister_thread();
}
END_TEST

/* A grandchild with hooks of a child without. */
START_TEST(a_child_without_hooks_may_fork_with_them)
{
	pid_t pid;

	before_daemon(_i);
	pid = fork();
	if (pid == 0) {
		alarm(child_limit());
		run_child(use_everything_in_child, NULL);
		_exit(0);
	}
	expect_clean(pid);
	forget_reports();
	if (_i == OTHER_READS || _i == QUEUED)
		release(&reader);
}
END_TEST

/* ---- Two processes of one number ---- */

static int over;

static void *read_and_wait(void *arg)
{
	rcu_register_thread();
	while (!get(&over)) {
		rcu_read_lock();
		rcu_read_unlock();
		synchronize_rcu();
	}
	rcu_unregister_thread();
	return arg;
}

/* Process 1 has no default actions of signals. */
static void end_process(int number)
{
	_exit(number);
}

static int exit_at_once(void *arg)
{
	exit(arg != NULL);
}

/* Started with CLONE_NEWPID: this process is number 1, and so is its child, which has no hooks. */
static int act_as_first(void *arg)
{
	static char stack[1 << 16] __attribute__((aligned(16)));
	pthread_t threads[4];

	(void)arg;
	signal(SIGALRM, end_process);
	alarm(child_limit());
	STAGE("process 1");
	MUST(getpid() == 1);
	use_everything();
	for (int i = 0; i < 4; i++)
		threads[i] = start_thread(read_and_wait, NULL);
	for (int i = 0; i < 20; i++) {
		int status;
		pid_t pid = clone(exit_at_once, stack + sizeof(stack), CLONE_NEWPID | SIGCHLD, NULL);

		MUST(pid > 0);
		STAGE("process 1 of process 1");
		MUST(waitpid(pid, &status, 0) == pid);
		MUST(status == 0);
	}
	put(&over, 1);
	for (int i = 0; i < 4; i++)
		join(threads[i]);
	_exit(0);
}

/* A limit of ten minutes: whoever waits for threads that are not there is caught by the alarm. */
START_TEST(a_child_that_is_process_1_like_its_parent_ends_at_once)
{
	static char stack[1 << 18] __attribute__((aligned(16)));
	pid_t pid;

	setenv("URCU_EXIT_TIMEOUT", "600000", 1);
	pid = clone(act_as_first, stack + sizeof(stack), CLONE_NEWPID | SIGCHLD, NULL);
	if (pid < 0)
		return;		/* not permitted here */
	expect_clean(pid);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("fork-misuse/" FLAVOR);
	TCase *tcase = add_case(suite, "misuse");

	tcase_add_test(tcase, what_would_hang_between_the_hooks_is_reported);
	tcase_add_test(tcase, freeing_all_workers_between_the_hooks_is_reported);
	tcase_add_test(tcase, what_waits_for_no_callback_works_between_the_hooks);
	tcase_add_test(tcase, hooks_of_a_hash_table_may_be_set_between_the_hooks);
	tcase_add_test(tcase, a_barrier_of_another_thread_waits_for_the_end_of_a_fork);
	tcase_add_test(tcase, a_barrier_after_a_forgotten_hook_is_reported);
	tcase_add_test(tcase, a_child_that_forgets_its_hook_works_or_is_told);
	tcase_add_loop_test(tcase, a_child_without_hooks_works_or_is_told, 0, BEFORES);
	tcase_add_loop_test(tcase, a_child_without_hooks_may_fork_with_them, 0, BEFORES);
	tcase_add_test(tcase, a_child_that_is_process_1_like_its_parent_ends_at_once);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
