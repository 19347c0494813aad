/* SPDX-License-Identifier: MIT */
/* call_rcu where the system has no threads to give: nothing is lost and nothing hangs. */
#include "harness.h"

/* What a return value tells is not reported, nor does it count as the one report. */
START_TEST(without_threads_a_worker_cannot_be_made)
{
	struct tally tally = { 0, 0 };
	int output = capture_stderr();

	allow_threads(false);
	errno = 0;
	want(create_call_rcu_data(0, -1) == NULL && errno == EAGAIN);
	errno = 0;
	want(create_all_cpu_call_rcu_data(0) < 0 && errno == EAGAIN);
	want(lines_of(captured(output)) == 0);
	queue_jobs(&tally, 1);
	want(lines_of(captured(output)) == 1);
	allow_threads(true);
	rcu_barrier();
	all_ran_once(&tally);
	want(create_all_cpu_call_rcu_data(0) == 0);
	free_all_cpu_call_rcu_data();
}
END_TEST

/* Not every call pays for a try, but one of so many does. */
#define CALLS_TO_A_TRY 256

START_TEST(without_threads_callbacks_stay_until_a_later_call)
{
	struct tally tally = { 0, 0 };
	int output = capture_stderr();

	allow_threads(false);
	queue_jobs(&tally, 1000);
	want(get(tally.ran) == 0);
	want(lines_of(captured(output)) == 1);
	allow_threads(true);
	queue_jobs(&tally, CALLS_TO_A_TRY);
	await_that(get(tally.ran) == 1000 + CALLS_TO_A_TRY);
	rcu_barrier();
	all_ran_once(&tally);
}
END_TEST

struct stranded {
	pthread_barrier_t limited;
	struct tally tally;
	bool registered;
};

static void queue_one_more(void *arg)
{
	queue_jobs(arg, 1);
}

static void *barrier_stands_in(void *arg)
{
	struct stranded *stranded = arg;
	struct errand errand = { .func = queue_one_more, .arg = &stranded->tally };

	if (stranded->registered)
		rcu_register_thread();
	sem_init(&errand.done, 0, 0);
	pthread_barrier_wait(&stranded->limited);
	pthread_barrier_wait(&stranded->limited);
	for (int i = 0; i < 50; i++) {
		call_rcu(&errand.head, errand_run);
		queue_jobs(&stranded->tally, 10);
		rcu_barrier();
		want(sem_trywait(&errand.done) == 0);
	}
	rcu_barrier();
	if (stranded->registered)
		rcu_unregister_thread();
	return NULL;
}

START_TEST(without_threads_barrier_stands_in)
{
	struct stranded stranded = { .registered = _i & 1 };
	unsigned int callers = _i & 2 ? 4 : 1;
	static struct team team;

	capture_stderr();
	pthread_barrier_init(&stranded.limited, NULL, callers + 1);
	team_add(&team, callers, barrier_stands_in, &stranded);
	pthread_barrier_wait(&stranded.limited);
	allow_threads(false);
	pthread_barrier_wait(&stranded.limited);
	team_join(&team);
	rcu_barrier();
	all_ran_once(&stranded.tally);
	allow_threads(true);
	queue_jobs(&stranded.tally, 1);
	rcu_barrier();
	all_ran_once(&stranded.tally);
	await_that(thread_count_is(2));
}
END_TEST

struct leaver {
	struct rcu_head head;
	struct tally tally;
	pthread_barrier_t limited;
	bool registered;
};

static void end_thread(struct rcu_head *head)
{
	(void)head;
	pthread_exit(NULL);
}

static void *barrier_once(void *arg)
{
	struct leaver *leaver = arg;

	if (leaver->registered)
		rcu_register_thread();
	pthread_barrier_wait(&leaver->limited);
	pthread_barrier_wait(&leaver->limited);
	rcu_barrier();
	ck_abort_msg("a callback did not end the thread that stood in");
}

/* It ends the caller of rcu_barrier. The next one runs the others. */
START_TEST(a_callback_that_ends_who_stands_in_is_reported_and_the_others_run)
{
	static struct leaver leaver;
	int output = capture_stderr();
	pthread_t caller;

	leaver.registered = _i;
	pthread_barrier_init(&leaver.limited, NULL, 2);
	caller = start(barrier_once, &leaver);
	pthread_barrier_wait(&leaver.limited);
	allow_threads(false);
	queue_jobs(&leaver.tally, 5);
	call_rcu(&leaver.head, end_thread);
	queue_jobs(&leaver.tally, 5);
	pthread_barrier_wait(&leaver.limited);
	pthread_join(caller, NULL);
	want(strstr(captured(output), "_call_rcu: a callback called pthread_exit"));
	want(get(leaver.tally.ran) == 5);
	rcu_barrier();
	all_ran_once(&leaver.tally);
	allow_threads(true);
	queue_jobs(&leaver.tally, 1);
	rcu_barrier();
	all_ran_once(&leaver.tally);
}
END_TEST

struct latecomer {
	struct rcu_head head;
	struct tally tally;
};

static void queue_when_there_are_threads(struct rcu_head *head)
{
	struct latecomer *latecomer = caa_container_of(head, struct latecomer, head);

	allow_threads(true);
	queue_jobs(&latecomer->tally, 1);
}

START_TEST(what_is_queued_while_barrier_stands_in_needs_no_other_call)
{
	static struct latecomer latecomer;

	capture_stderr();
	allow_threads(false);
	call_rcu(&latecomer.head, queue_when_there_are_threads);
	rcu_barrier();
	await_that(get(latecomer.tally.ran) == 1);
}
END_TEST

static struct call_rcu_data *worker;

static bool has_thread(struct call_rcu_data *worker)
{
	pthread_t thread = get_call_rcu_thread(worker);

	return thread != (pthread_t)0 && pthread_kill(thread, 0) == 0;
}

static void must_have_no_thread(struct rcu_head *head)
{
	(void)head;
	want(!has_thread(get_default_call_rcu_data()));
}

#ifdef TEST_BP
#define CASES_WITHOUT 1		/* nothing stops its threads but the exit */
#else
#define CASES_WITHOUT 2
#endif

/* Nor is it the name of one that has gone, or of who stands in for it. */
START_TEST(without_threads_a_worker_has_none)
{
	struct rcu_head head;

	capture_stderr();
	allow_threads(_i);
	worker = get_default_call_rcu_data();
#ifndef TEST_BP
	if (_i) {
		want(has_thread(worker));
		rcu_exit();
		allow_threads(false);
	}
#endif
	want(get_call_rcu_thread(worker) == (pthread_t)0);
	call_rcu(&head, must_have_no_thread);
	rcu_barrier();
	allow_threads(true);
	want(has_thread(worker));
}
END_TEST

static void look_after_exit(void)
{
	if (get_call_rcu_thread(worker) != (pthread_t)0 ||
	    get_call_rcu_thread(get_default_call_rcu_data()) != (pthread_t)0)
		_exit(1);
}

static void do_nothing(struct rcu_head *head)
{
	(void)head;
}

START_TEST(after_exit_a_worker_has_none)
{
	static struct rcu_head head;

	atexit(look_after_exit);
	worker = create_call_rcu_data(0, -1);
	want(worker && has_thread(worker));
	call_rcu(&head, do_nothing);
	want(has_thread(get_default_call_rcu_data()));
	exit(0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("no-threads-" FLAVOR);
	TCase *tc = add_case(suite, "no-threads", 30);

	tcase_add_test(tc, without_threads_a_worker_cannot_be_made);
	tcase_add_test(tc, without_threads_callbacks_stay_until_a_later_call);
	tcase_add_loop_test(tc, without_threads_barrier_stands_in, 0, 4);
	tcase_add_loop_test(tc, a_callback_that_ends_who_stands_in_is_reported_and_the_others_run, 0, 2);
	tcase_add_test(tc, what_is_queued_while_barrier_stands_in_needs_no_other_call);
	tcase_add_loop_test(tc, without_threads_a_worker_has_none, 0, CASES_WITHOUT);
	tcase_add_exit_test(tc, after_exit_a_worker_has_none, 0);
	return run_suite(suite);
}
