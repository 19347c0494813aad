/* SPDX-License-Identifier: MIT */
/*
 * Workers of CPUs: bound when they run their first callback, and again when their CPU has come back;
 * one for each CPU there may be, whatever this process may use. And how walks over many workers grow.
 */
#include "../unit/harness.h"

#include "../few-cpus.h"

#include <sys/resource.h>
#include <sys/wait.h>

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

/* ---- Walks ---- */

#define FEW		400
#define MANY		(4 * FEW)
#define TRIES		5

static double seconds(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static double used(const struct rusage *usage)
{
	return seconds(&usage->ru_utime) + seconds(&usage->ru_stime);
}

static double thread_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct costs {
	double barrier, before_exit;
};

/* False: so many threads are not permitted here. */
static bool have_workers(int count)
{
	pthread_attr_t attr;

	pthread_getattr_default_np(&attr);
	pthread_attr_setstacksize(&attr, 1 << 17);
	pthread_setattr_default_np(&attr);
	while (count--)
		if (!create_call_rcu_data(0, -1))
			return false;
	return true;
}

/* In a child: the caller's time of an idle barrier, the least of some, and what exit costs all. */
static bool measure(int count, struct costs *costs, double *at_exit)
{
	struct costs *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct rusage usage;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (!have_workers(count))
			_exit(2);
		rcu_barrier();
		shared->barrier = 1e9;
		for (int i = 0; i < TRIES; i++) {
			double begin = thread_time(), time;

			rcu_barrier();
			time = thread_time() - begin;
			shared->barrier = time < shared->barrier ? time : shared->barrier;
		}
		getrusage(RUSAGE_SELF, &usage);
		shared->before_exit = used(&usage);
		exit(0);
	}
	want(wait4(pid, &status, 0, &usage) == pid);
	*costs = *shared;
	*at_exit = used(&usage) - shared->before_exit;
	return status == 0;
}

/* Four times the workers cost four times as much, or a little more; sixteen times if it is square. */
START_TEST(a_walk_visits_each_worker_once)
{
	double barrier[2] = { 1e9, 1e9 }, at_exit[2] = { 1e9, 1e9 };

	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 2; j++) {
			struct costs costs;
			double exits;

			if (!measure(j ? MANY : FEW, &costs, &exits))
				return;		/* not permitted here */
			barrier[j] = costs.barrier < barrier[j] ? costs.barrier : barrier[j];
			at_exit[j] = exits < at_exit[j] ? exits : at_exit[j];
		}
	ck_assert_msg(barrier[1] < 9 * barrier[0] + 1e-5, "rcu_barrier: %.0f us with %d workers, "
		      "%.0f us with %d", 1e6 * barrier[0], FEW, 1e6 * barrier[1], MANY);
	ck_assert_msg(at_exit[1] < 9 * at_exit[0] + 1e-3, "exit: %.1f ms with %d workers, "
		      "%.1f ms with %d", 1e3 * at_exit[0], FEW, 1e3 * at_exit[1], MANY);
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
#if !SLOW_BUILD
	tcase_add_test(tcase, a_walk_visits_each_worker_once);
#endif
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
