/* SPDX-License-Identifier: MIT */
/*
 * The fork contract (doc/design/fork.md): other threads in the middle of a call at the fork, most
 * of them stuck in it for as long as the test wants. In the parent they go on; the child waits for
 * none.
 */
#include "fork-harness.h"

START_TEST(threads_in_synchronize_rcu_go_on_and_the_child_waits_for_none)
{
	struct reader_thread reader;
	unsigned long number;
	struct task tasks[4];

	hold(&reader);
	number = gp_number();
	start_task(&tasks[0], synchronize, NULL);
	await_grace_period_after(number);
	for (int i = 1; i < 4; i++)
		start_stuck_task(&tasks[i], synchronize, NULL);
	for (int i = 0; i < 3; i++)
		run_child(synchronize_in_child, NULL);
	for (int i = 0; i < 4; i++)
		MUST(!get(&tasks[i].done));
	release(&reader);
	for (int i = 0; i < 4; i++)
		join(tasks[i].thread);
	use_everything();
}
END_TEST

START_TEST(threads_in_rcu_barrier_go_on_and_the_child_waits_for_none)
{
	struct counted *all = counted_new(10);
	struct batch batch = { all, 10 };
	struct reader_thread reader;
	struct task tasks[3];

	hold(&reader);
	queue_all(all, 10);
	for (int i = 0; i < 3; i++)
		start_stuck_task(&tasks[i], barrier, NULL);
	for (int i = 0; i < 3; i++)
		run_child(queue_and_finish, &batch);
	for (int i = 0; i < 3; i++)
		MUST(!get(&tasks[i].done));
	release(&reader);
	for (int i = 0; i < 3; i++)
		join(tasks[i].thread);
	must_have_run_once(all, 10);
}
END_TEST

static int stop_churn;

/* In bp, which has no such calls, a thread does the same as it begins and ends. */
static void *churn_registry(void *arg)
{
	while (!get(&stop_churn)) {
		rcu_register_thread();
		rcu_unregister_thread();
	}
	return arg;
}

static void *churn_readers(void *arg)
{
	while (!get(&stop_churn))
		join(start_thread(read_once, NULL));
	return arg;
}

static void *churn_grace_periods(void *arg)
{
	rcu_register_thread();
	while (!get(&stop_churn))
		synchronize_rcu();
	rcu_unregister_thread();
	return arg;
}

static void use_a_little(void *arg)
{
	(void)arg;
	join(start_thread(read_once, NULL));
	synchronize_rcu();
}

/* Forks while these threads churn. */
static void fork_beside(void *(*const churns[])(void *), int count, int forks, void (*child)(void *))
{
	pthread_t threads[3];

	put(&stop_churn, 0);
	for (int i = 0; i < count; i++)
		threads[i] = start_thread(churns[i], NULL);
	for (int i = 0; i < forks; i++)
		run_child(child, NULL);
	put(&stop_churn, 1);
	for (int i = 0; i < count; i++)
		join(threads[i]);
}

START_TEST(threads_in_register_and_unregister_leave_the_child_no_lock)
{
	void *(*const churns[])(void *) = { churn_registry, churn_readers, churn_grace_periods };

	fork_beside(churns, 3, 400, use_a_little);
}
END_TEST

START_TEST(a_thread_in_call_rcu_data_free_goes_on_and_its_callbacks_run_on_both_sides)
{
	struct call_rcu_data *worker = create_call_rcu_data(0, -1);
	struct counted *all = counted_new(30);
	struct batch batch = { all, 30 };
	struct reader_thread reader;
	unsigned long number;
	struct task task;

	MUST(worker);
	hold(&reader);
	number = gp_number();
	set_thread_call_rcu_data(worker);
	queue_all(all, 30);
	set_thread_call_rcu_data(NULL);
	await_grace_period_after(number);
	start_stuck_task(&task, free_worker, worker);
	run_child(queue_and_finish, &batch);
	run_child(queue_and_finish, &batch);
	MUST(!get(&task.done) && sum_of_runs(all, 30) == 0);
	release(&reader);
	join(task.thread);
	finish(all, 30);
}
END_TEST

static void free_all_cpu(void *arg)
{
	(void)arg;
	free_all_cpu_call_rcu_data();
}

static void be_without_cpu_workers(void *arg)
{
	must_have_no_cpu_workers();
	queue_and_finish(arg);
	use_everything();
}

START_TEST(a_thread_in_free_all_cpu_call_rcu_data_goes_on)
{
	struct counted *all = counted_new(30);
	struct batch batch = { all, 30 };
	struct reader_thread reader;
	struct task task;

	MUST(create_all_cpu_call_rcu_data(0) == 0);
	hold(&reader);
	rcu_register_thread();
	queue_all(all, 30);
	rcu_unregister_thread();
	start_stuck_task(&task, free_all_cpu, NULL);
	run_child(be_without_cpu_workers, &batch);
	run_child(be_without_cpu_workers, &batch);
	MUST(!get(&task.done));
	release(&reader);
	join(task.thread);
	finish(all, 30);
	must_have_no_cpu_workers();
}
END_TEST

static void *churn_cpu_workers(void *arg)
{
	rcu_register_thread();
	while (!get(&stop_churn)) {
		MUST(create_all_cpu_call_rcu_data(0) == 0);
		free_all_cpu_call_rcu_data();
	}
	rcu_unregister_thread();
	return arg;
}

START_TEST(threads_in_create_and_free_all_cpu_workers_leave_the_child_none)
{
	void *(*const churns[])(void *) = { churn_cpu_workers, churn_cpu_workers };

	fork_beside(churns, 2, 60, be_without_cpu_workers);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("fork-calls/" FLAVOR);
	TCase *tcase = add_case(suite, "calls");

	tcase_add_test(tcase, threads_in_synchronize_rcu_go_on_and_the_child_waits_for_none);
	tcase_add_test(tcase, threads_in_rcu_barrier_go_on_and_the_child_waits_for_none);
	tcase_add_test(tcase,
		a_thread_in_call_rcu_data_free_goes_on_and_its_callbacks_run_on_both_sides);
	tcase_add_test(tcase, a_thread_in_free_all_cpu_call_rcu_data_goes_on);
	tcase = add_case(suite, "churn");
	tcase_set_tags(tcase, "forks-beside-malloc");	/* tests/sanitize/sanitize.sh */
	tcase_add_test(tcase, threads_in_register_and_unregister_leave_the_child_no_lock);
	tcase_add_test(tcase, threads_in_create_and_free_all_cpu_workers_leave_the_child_none);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
