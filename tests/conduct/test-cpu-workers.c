/* SPDX-License-Identifier: MIT */
/*
 * Workers of CPUs: bound when they run their first callback, and again when their CPU has come back;
 * one for each CPU there may be, whatever this process may use.
 */
#include "../unit/harness.h"

#include "../few-cpus.h"

static unsigned int ran;

static void run(struct rcu_head *head)
{
	(void)head;
	raise_by(ran, 1);
}

/* One after the other, so that each has its own round of the worker. */
static void run_one_by_one(unsigned int count)
{
	static struct rcu_head head;

	while (count--) {
		call_rcu(&head, run);
		rcu_barrier();
	}
}

static bool is_bound_to(pthread_t thread, int cpu)
{
	cpu_set_t set;

	want(pthread_getaffinity_np(thread, sizeof(set), &set) == 0);
	return CPU_COUNT(&set) == 1 && CPU_ISSET((size_t)cpu, &set);
}

static void bind(pthread_t thread, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	want(pthread_setaffinity_np(thread, sizeof(set), &set) == 0);
}

static bool two_cpus(void)
{
	return usable_cpu(0) != usable_cpu(1);
}

/* ---- Binding ---- */

START_TEST(a_worker_is_bound_when_it_has_run_a_callback)
{
	int cpu = usable_cpu((unsigned int)_i);
	struct call_rcu_data *worker = create_call_rcu_data(0, cpu);

	want(worker);
	set_thread_call_rcu_data(worker);
	run_one_by_one(1);
	want(is_bound_to(get_call_rcu_thread(worker), cpu));
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(worker);
}
END_TEST

/* As when a CPU goes away and comes back, or a cpuset is changed: the kernel moves the thread. */
START_TEST(a_worker_that_was_moved_is_bound_again)
{
	int cpu = usable_cpu(0);
	struct call_rcu_data *worker = create_call_rcu_data(_i ? URCU_CALL_RCU_RT : 0, cpu);
	pthread_t thread;

	if (!two_cpus())
		return;
	set_thread_call_rcu_data(worker);
	run_one_by_one(1);
	thread = get_call_rcu_thread(worker);
	for (int i = 0; i < 2; i++) {
		bind(thread, usable_cpu(1));
		run_one_by_one(300);
		want(is_bound_to(thread, cpu));
	}
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(worker);
}
END_TEST

/* The same for the workers of all CPUs; each has its own. */
START_TEST(workers_of_cpus_are_bound_again)
{
	int cpu = usable_cpu(0), other = usable_cpu(1);
	pthread_t thread;

	if (!two_cpus())
		return;
	pin_to(cpu);
	rcu_register_thread();
	want(create_all_cpu_call_rcu_data(0) == 0);
	run_one_by_one(1);
	thread = get_call_rcu_thread(get_cpu_call_rcu_data(cpu));
	want(is_bound_to(thread, cpu));
	bind(thread, other);
	run_one_by_one(300);
	want(is_bound_to(thread, cpu));
	free_all_cpu_call_rcu_data();
	rcu_unregister_thread();
}
END_TEST

/* One that is bound to a CPU it may not use goes on elsewhere. */
START_TEST(a_worker_that_cannot_be_bound_runs_all_the_same)
{
	struct call_rcu_data *worker = create_call_rcu_data(0, CPU_SETSIZE - 1);

	want(worker);
	set_thread_call_rcu_data(worker);
	run_one_by_one(600);
	want(get(ran) == 600);
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(worker);
}
END_TEST

/* ---- A process that may use one CPU ---- */

/* sched_getaffinity sees it, and the C library may; numbers of CPUs do not depend on it. */
START_TEST(each_cpu_has_its_worker_in_a_process_of_one_cpu)
{
	int cpu = usable_cpu((unsigned int)_i), other = usable_cpu((unsigned int)_i + 1);
	int count = possible_cpus();

	counts_own = true;
	pin_to(cpu);
	rcu_register_thread();
	want(create_all_cpu_call_rcu_data(0) == 0);
	want(sched_getcpu() == cpu);
	want(get_cpu_call_rcu_data(cpu));
	for (int i = 0; i < count; i++)
		want(get_cpu_call_rcu_data(i));
	want(get_call_rcu_data() == get_cpu_call_rcu_data(cpu));
	run_one_by_one(10);
	want(get(ran) == 10);
	/* It may use another later on, whose worker is there, unless nobody could know of it. */
	if (count) {
		pin_to(other);
		want(sched_getcpu() == other);
		want(get_call_rcu_data() == get_cpu_call_rcu_data(other));
		run_one_by_one(10);
		want(get(ran) == 20);
	}
	free_all_cpu_call_rcu_data();
	rcu_unregister_thread();
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("cpu-workers/" FLAVOR);
	TCase *tcase = add_case(suite, "cpus", 60);

	tcase_add_loop_test(tcase, a_worker_is_bound_when_it_has_run_a_callback, 0, 2);
	tcase_add_loop_test(tcase, a_worker_that_was_moved_is_bound_again, 0, 2);
	tcase_add_test(tcase, workers_of_cpus_are_bound_again);
	tcase_add_test(tcase, a_worker_that_cannot_be_bound_runs_all_the_same);
	tcase_add_loop_test(tcase, each_cpu_has_its_worker_in_a_process_of_one_cpu, 0, 2);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
