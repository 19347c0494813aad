/* SPDX-License-Identifier: MIT */
/* Workers: every function of urcu/call-rcu.h that makes, chooses, shows or frees one. */
#include "harness.h"

static int cpus(void)
{
	return (int)sysconf(_SC_NPROCESSORS_CONF);
}

/* ---- What the functions return ---- */

START_TEST(default_worker_is_there_and_stays)
{
	struct call_rcu_data *standard = get_default_call_rcu_data();

	want(standard != NULL);
	want(get_call_rcu_data() == standard);
	want(get_thread_call_rcu_data() == NULL);
	for (int cpu = -1; cpu <= cpus(); cpu++)
		want(get_cpu_call_rcu_data(cpu) == NULL);
	want(get_cpu_call_rcu_data(INT_MAX) == NULL && get_cpu_call_rcu_data(INT_MIN) == NULL);
	call_rcu_data_free(NULL);
	call_rcu_data_free(standard);
	want(get_default_call_rcu_data() == standard);
}
END_TEST

START_TEST(default_worker_works_after_an_attempt_to_free_it)
{
	struct tally tally = { 0, 0 };

	for (int i = 0; i < 10; i++) {
		queue_jobs(&tally, 10);
		call_rcu_data_free(get_default_call_rcu_data());
		queue_jobs(&tally, 10);
		rcu_barrier();
		all_ran_once(&tally);
	}
}
END_TEST

START_TEST(unknown_flags_are_ignored)
{
	static const unsigned long flags[] = {
		URCU_CALL_RCU_RUNNING, URCU_CALL_RCU_STOP, URCU_CALL_RCU_STOPPED,
		URCU_CALL_RCU_PAUSE, URCU_CALL_RCU_PAUSED, 1UL << 31, ~0UL,
		URCU_CALL_RCU_RT | URCU_CALL_RCU_STOP,
	};
	struct call_rcu_data *worker = create_call_rcu_data(flags[_i], -1);
	struct tally tally = { 0, 0 };

	want(worker);
	set_thread_call_rcu_data(worker);
	queue_jobs(&tally, 10);
	set_thread_call_rcu_data(NULL);
	want(create_all_cpu_call_rcu_data(flags[_i]) == 0);
	queue_jobs(&tally, 10);
	rcu_barrier();
	all_ran_once(&tally);
	free_all_cpu_call_rcu_data();
	call_rcu_data_free(worker);
}
END_TEST

START_TEST(cpus_out_of_range_are_refused)
{
	struct call_rcu_data *worker = create_call_rcu_data(0, -1);
	const int cpu[] = { -1, cpus(), INT_MAX, INT_MIN };

	for (int i = 0; i < 4; i++) {
		errno = 0;
		want(set_cpu_call_rcu_data(cpu[i], worker) == -EINVAL && errno == EINVAL);
		errno = 0;
		want(set_cpu_call_rcu_data(cpu[i], NULL) == -EINVAL && errno == EINVAL);
		want(get_cpu_call_rcu_data(cpu[i]) == NULL);
	}
	call_rcu_data_free(worker);
}
END_TEST

START_TEST(cpu_has_one_worker_at_a_time)
{
	struct call_rcu_data *one = create_call_rcu_data(0, 0), *two = create_call_rcu_data(0, 0);

	want(one && two && one != two);
	want(set_cpu_call_rcu_data(0, NULL) == 0);
	want(set_cpu_call_rcu_data(0, one) == 0);
	errno = 0;
	want(set_cpu_call_rcu_data(0, two) == -EEXIST && errno == EEXIST);
	errno = 0;
	want(set_cpu_call_rcu_data(0, one) == -EEXIST && errno == EEXIST);
	want(get_cpu_call_rcu_data(0) == one);
	want(set_cpu_call_rcu_data(0, NULL) == 0);
	want(get_cpu_call_rcu_data(0) == NULL);
	want(set_cpu_call_rcu_data(0, NULL) == 0);
	want(set_cpu_call_rcu_data(0, two) == 0);
	want(get_cpu_call_rcu_data(0) == two);
	want(set_cpu_call_rcu_data(0, NULL) == 0);
	synchronize_rcu();
	call_rcu_data_free(one);
	call_rcu_data_free(two);
}
END_TEST

START_TEST(own_worker_comes_before_the_cpus_before_the_default)
{
	struct call_rcu_data *own = create_call_rcu_data(0, -1);
	int cpu = usable_cpu(1);

	pin_to(cpu);
	want(create_all_cpu_call_rcu_data(0) == 0);
	want(get_call_rcu_data() == get_cpu_call_rcu_data(cpu));
	set_thread_call_rcu_data(own);
	set_thread_call_rcu_data(own);
	want(get_call_rcu_data() == own && get_thread_call_rcu_data() == own);
	set_thread_call_rcu_data(NULL);
	want(get_thread_call_rcu_data() == NULL);
	want(get_call_rcu_data() == get_cpu_call_rcu_data(cpu));
	free_all_cpu_call_rcu_data();
	want(get_call_rcu_data() == get_default_call_rcu_data());
	call_rcu_data_free(own);
}
END_TEST

START_TEST(each_cpu_gets_a_worker_unless_it_has_one)
{
	struct call_rcu_data *first = create_call_rcu_data(URCU_CALL_RCU_RT, 0), *last;

	free_all_cpu_call_rcu_data();
	want(set_cpu_call_rcu_data(0, first) == 0);
	want(create_all_cpu_call_rcu_data(0) == 0);
	want(get_cpu_call_rcu_data(0) == first);
	last = get_cpu_call_rcu_data(cpus() - 1);
	want(last && (cpus() == 1 || last != first));
	want(create_all_cpu_call_rcu_data(URCU_CALL_RCU_RT) == 0);
	want(get_cpu_call_rcu_data(cpus() - 1) == last);
	free_all_cpu_call_rcu_data();
	for (int cpu = 0; cpu < cpus(); cpu++)
		want(get_cpu_call_rcu_data(cpu) == NULL);
	free_all_cpu_call_rcu_data();
}
END_TEST

/* ---- The threads ---- */

struct found {
	char name[16];
	pthread_t thread;
	struct call_rcu_data *worker;
	cpu_set_t cpus;
	sigset_t blocked;
};

static void look_around(void *arg)
{
	struct found *found = arg;

	thread_name(found->name);
	found->thread = pthread_self();
	found->worker = get_thread_call_rcu_data();
	want(get_call_rcu_data() == found->worker);
	pthread_sigmask(SIG_BLOCK, NULL, &found->blocked);
	want(pthread_getaffinity_np(found->thread, sizeof(found->cpus), &found->cpus) == 0);
}

static void find_out(struct call_rcu_data *worker, struct found *found)
{
	set_thread_call_rcu_data(worker);
	in_callback(look_around, found);
	set_thread_call_rcu_data(NULL);
}

START_TEST(callbacks_run_in_the_worker_they_were_queued_on)
{
	struct call_rcu_data *worker[2] = {
		create_call_rcu_data(0, -1), create_call_rcu_data(URCU_CALL_RCU_RT, -1),
	};
	struct found found[3];

	find_out(NULL, &found[2]);
	want(found[2].worker == get_default_call_rcu_data());
	want(pthread_equal(found[2].thread, get_call_rcu_thread(found[2].worker)));
	want(!pthread_equal(found[2].thread, pthread_self()));
	for (int i = 0; i < 2; i++) {
		find_out(worker[i], &found[i]);
		want(found[i].worker == worker[i]);
		want(pthread_equal(found[i].thread, get_call_rcu_thread(worker[i])));
		want(!pthread_equal(found[i].thread, found[2].thread));
		call_rcu_data_free(worker[i]);
	}
}
END_TEST

START_TEST(default_workers_thread_is_known_before_its_first_callback)
{
	pthread_t thread = get_call_rcu_thread(get_default_call_rcu_data());
	struct found found;

	find_out(NULL, &found);
	want(pthread_equal(found.thread, thread));
}
END_TEST

START_TEST(threads_keep_the_name_of_who_made_them)
{
	struct call_rcu_data *made[2];
	struct found found[3];

	want(prctl(PR_SET_NAME, "the program", 0, 0, 0) == 0);
	made[0] = create_call_rcu_data(0, -1);
	made[1] = create_call_rcu_data(URCU_CALL_RCU_RT, 0);
	find_out(NULL, &found[0]);
	find_out(made[0], &found[1]);
	find_out(made[1], &found[2]);
	for (int i = 0; i < 3; i++)
		want(strcmp(found[i].name, "the program") == 0);
	call_rcu_data_free(made[0]);
	call_rcu_data_free(made[1]);
}
END_TEST

static void handle_nothing(int number)
{
	want(number < 0);
}

/* Whatever an instruction raises. */
static bool is_synchronous(int number)
{
	return number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE ||
	       number == SIGTRAP || number == SIGSYS;
}

START_TEST(threads_have_asynchronous_signals_blocked_and_ours_stay)
{
	sigset_t ours, after;
	struct found found;

	sigemptyset(&ours);
	sigaddset(&ours, SIGUSR2);
	sigaddset(&ours, SIGFPE);
	pthread_sigmask(SIG_SETMASK, &ours, NULL);
	signal(SIGUSR1, handle_nothing);
	find_out(NULL, &found);
	for (int number = 1; number <= SIGRTMAX; number++)
		if (is_synchronous(number))
			want(sigismember(&found.blocked, number) == (number == SIGFPE));
		else
			want(number == SIGKILL || number == SIGSTOP ||
			     (number >= 32 && number < SIGRTMIN) ||
			     sigismember(&found.blocked, number) == 1);
	want(pthread_kill(found.thread, SIGUSR1) == 0);
	find_out(NULL, &found);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	want(sigismember(&after, SIGUSR2) == 1 && sigismember(&after, SIGUSR1) == 0);
}
END_TEST

START_TEST(worker_is_bound_as_far_as_the_kernel_allows)
{
	int cpu = usable_cpu(1);
	struct call_rcu_data *bound = create_call_rcu_data(0, cpu);
	struct call_rcu_data *free_one = create_call_rcu_data(0, 1 << 20);
	struct found found;

	find_out(bound, &found);
	want(CPU_COUNT(&found.cpus) == 1 && CPU_ISSET((size_t)cpu, &found.cpus));
	find_out(free_one, &found);
	want(CPU_COUNT(&found.cpus) >= 1);
	call_rcu_data_free(bound);
	call_rcu_data_free(free_one);
	pin_to(cpu);
	want(create_all_cpu_call_rcu_data(0) == 0);
	in_callback(look_around, &found);
	want(found.worker == get_cpu_call_rcu_data(cpu));
	want(CPU_COUNT(&found.cpus) == 1 && CPU_ISSET((size_t)cpu, &found.cpus));
	free_all_cpu_call_rcu_data();
}
END_TEST

/* Nobody wakes it (test-asked.c). */
START_TEST(rt_worker_finds_work_by_itself)
{
	struct call_rcu_data *worker = create_call_rcu_data(URCU_CALL_RCU_RT, -1);
	struct tally tally = { 0, 0 };

	set_thread_call_rcu_data(worker);
	for (unsigned long i = 1; i <= 60; i++) {
		queue_jobs(&tally, 1);
		await_that(get(tally.ran) == i);
	}
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(worker);
}
END_TEST

/* ---- Freeing ---- */

static void free_running(void *arg)
{
	call_rcu_data_free(arg);
}

START_TEST(worker_cannot_be_freed_in_its_own_callback)
{
	struct call_rcu_data *worker = create_call_rcu_data(0, -1);
	struct tally tally = { 0, 0 };
	int output = capture_stderr();

	set_thread_call_rcu_data(worker);
	in_callback(free_running, worker);
	want(strstr(captured(output), "urcu_" FLAVOR "_call_rcu_data_free: called in a callback"));
	queue_jobs(&tally, 10);
	rcu_barrier();
	all_ran_once(&tally);
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(worker);
	want(lines_of(captured(output)) == 1);
}
END_TEST

#ifndef TEST_QSBR	/* where it is a quiescent state */
START_TEST(worker_cannot_be_freed_in_a_section)
{
	struct call_rcu_data *worker = create_call_rcu_data(0, -1);
	struct tally tally = { 0, 0 };
	int output = capture_stderr();

	rcu_register_thread();
	rcu_read_lock();
	call_rcu_data_free(worker);
	rcu_read_unlock();
	want(strstr(captured(output), "urcu_" FLAVOR "_call_rcu_data_free: called in a read-side"));
	set_thread_call_rcu_data(worker);
	queue_jobs(&tally, 10);
	rcu_barrier();
	all_ran_once(&tally);
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(worker);
	rcu_unregister_thread();
}
END_TEST
#endif

struct blocker {
	struct rcu_head head;
	sem_t in, leave;
};

static void block(struct rcu_head *head)
{
	struct blocker *blocker = caa_container_of(head, struct blocker, head);

	sem_post(&blocker->in);
	await(&blocker->leave);
	usleep(2000);
}

static void *free_it(void *arg)
{
	call_rcu_data_free(arg);
	return NULL;
}

/* The first callback stays until somebody is about to free the worker, so that many are left. */
START_TEST(callbacks_of_a_freed_worker_run)
{
	struct tally tally = { 0, 0 };

	for (int i = 0; i < 30; i++) {
		struct call_rcu_data *worker = create_call_rcu_data(0, -1);
		struct blocker blocker;
		pthread_t thread;

		sem_init(&blocker.in, 0, 0);
		sem_init(&blocker.leave, 0, 0);
		set_thread_call_rcu_data(worker);
		call_rcu(&blocker.head, block);
		queue_jobs(&tally, 300);
		await(&blocker.in);
		queue_jobs(&tally, 300);
		set_thread_call_rcu_data(NULL);
		thread = start(free_it, worker);
		sem_post(&blocker.leave);
		if (i % 2)
			pthread_join(thread, NULL);
		rcu_barrier();
		all_ran_once(&tally);
		if (i % 2 == 0)
			pthread_join(thread, NULL);
	}
}
END_TEST

/* ---- Under load ---- */

struct load {
	struct tally tally;
	struct team team;
	struct call_rcu_data *shared;
	unsigned int rounds;
	bool over;
};

static void *keep_queueing(void *arg)
{
	struct load *load = arg;

	rcu_register_thread();
	rcu_thread_online();
	set_thread_call_rcu_data(load->shared);
	while (!get(load->over)) {
		queue_jobs(&load->tally, 100);
		rcu_quiescent_state();
		rcu_barrier();
	}
	set_thread_call_rcu_data(NULL);
	rcu_unregister_thread();
	return NULL;
}

static void *keep_waiting(void *arg)
{
	struct load *load = arg;

	while (!get(load->over))
		rcu_barrier();
	return NULL;
}

static void *make_use_and_free(void *arg)
{
	struct load *load = arg;
	unsigned int random = (unsigned int)(uintptr_t)&random | 1;

	for (unsigned int i = 0; i < load->rounds; i++) {
		struct call_rcu_data *worker = create_call_rcu_data(pick(&random, 2),
								    (int)pick(&random, 3) - 1);

		want(worker);
		set_thread_call_rcu_data(worker);
		queue_jobs(&load->tally, pick(&random, 50));
		set_thread_call_rcu_data(NULL);
		call_rcu_data_free(worker);
	}
	return NULL;
}

static void end_load(struct load *load)
{
	put(load->over, true);
	team_join(&load->team);
	rcu_barrier();
	all_ran_once(&load->tally);
}

START_TEST(workers_may_be_made_and_freed_by_many_threads)
{
	static struct load load = { .rounds = 300 };
	static struct team makers;

	team_add(&makers, 4, make_use_and_free, &load);
	if (_i)
		team_add(&load.team, 2, keep_waiting, &load);
	team_join(&makers);
	end_load(&load);
}
END_TEST

START_TEST(cpu_workers_may_come_and_go_under_load)
{
	static struct load load;

	team_add(&load.team, 3, keep_queueing, &load);
	for (int i = 0; i < 100; i++) {
		want(create_all_cpu_call_rcu_data(i % 2 ? URCU_CALL_RCU_RT : 0) == 0);
		queue_jobs(&load.tally, 10);
		free_all_cpu_call_rcu_data();
	}
	end_load(&load);
}
END_TEST

START_TEST(threads_may_share_a_worker)
{
	static struct load load;

	load.shared = create_call_rcu_data(0, -1);
	team_add(&load.team, 4, keep_queueing, &load);
	usleep(100000);
	end_load(&load);
	await_that(thread_count_is(2));
	call_rcu_data_free(load.shared);
	await_that(thread_count_is(1));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("workers-" FLAVOR);
	TCase *tc = add_case(suite, "workers", 30);

	tcase_add_test(tc, default_worker_is_there_and_stays);
	tcase_add_test(tc, default_worker_works_after_an_attempt_to_free_it);
	tcase_add_loop_test(tc, unknown_flags_are_ignored, 0, 8);
	tcase_add_test(tc, cpus_out_of_range_are_refused);
	tcase_add_test(tc, cpu_has_one_worker_at_a_time);
	tcase_add_test(tc, own_worker_comes_before_the_cpus_before_the_default);
	tcase_add_test(tc, each_cpu_gets_a_worker_unless_it_has_one);
	tcase_add_test(tc, callbacks_run_in_the_worker_they_were_queued_on);
	tcase_add_test(tc, default_workers_thread_is_known_before_its_first_callback);
	tcase_add_test(tc, threads_keep_the_name_of_who_made_them);
	tcase_add_test(tc, threads_have_asynchronous_signals_blocked_and_ours_stay);
	tcase_add_test(tc, worker_is_bound_as_far_as_the_kernel_allows);
	tcase_add_test(tc, rt_worker_finds_work_by_itself);
	tcase_add_test(tc, worker_cannot_be_freed_in_its_own_callback);
#ifndef TEST_QSBR
	tcase_add_test(tc, worker_cannot_be_freed_in_a_section);
#endif
	tcase_add_test(tc, callbacks_of_a_freed_worker_run);
	tcase_add_loop_test(tc, workers_may_be_made_and_freed_by_many_threads, 0, 2);
	tcase_add_test(tc, cpu_workers_may_come_and_go_under_load);
	tcase_add_test(tc, threads_may_share_a_worker);
	return run_suite(suite);
}
