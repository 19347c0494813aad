/* SPDX-License-Identifier: MIT */
/* What a fork waits for of deferred calls, and what goes on meanwhile. */
#include "fork-harness.h"

/* ---- A call that waits for what the forking thread holds: as with liburcu, the fork goes on ---- */

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static sem_t in_call;
static int waited, behind;

static void wait_for_held(void *arg)
{
	(void)arg;
	sem_post(&in_call);
	pthread_mutex_lock(&held);
	pthread_mutex_unlock(&held);
	waited++;
}

static void count_behind(void *arg)
{
	(void)arg;
	behind++;
}

static void run_what_is_behind(void *arg)
{
	(void)arg;
	STAGE("rcu_defer_barrier behind a call that was left behind");
	rcu_defer_barrier();
	MUST(waited == 0 && behind == 1);
	use_everything();
}

START_TEST(a_call_that_waits_for_the_forking_thread_does_not_hold_it_up)
{
	sem_init(&in_call, 0, 0);
	MUST(rcu_defer_register_thread() == 0);
	pthread_mutex_lock(&held);
	defer_rcu(wait_for_held, NULL);
	await(&in_call);
	defer_rcu(count_behind, NULL);
	run_child(run_what_is_behind, NULL);
	pthread_mutex_unlock(&held);
	rcu_defer_barrier();
	MUST(waited == 1 && behind == 1);
	rcu_defer_unregister_thread();
}
END_TEST

/* ---- A fork waits for the call that runs, not for those behind it ---- */

#define MANY		2000	/* far more than run while a fork waits */
#define LASTS		20	/* times that a call looks around */

static int ran, in_the_middle, hurry;

static void take_a_while(void *arg)
{
	(void)arg;
	put(&in_the_middle, 1);
	for (int i = 0; i < LASTS && !get(&hurry); i++)
		relax();
	put(&in_the_middle, 0);
	put(&ran, ran + 1);
}

static void be_between_two_calls(void *arg)
{
	(void)arg;
	MUST(!in_the_middle && ran < MANY);
}

START_TEST(a_fork_waits_for_the_call_that_runs_and_for_none_behind_it)
{
	MUST(rcu_defer_register_thread() == 0);
	for (int i = 0; i < MANY; i++)
		defer_rcu(take_a_while, NULL);
	await_that(get(&ran) > 1);
	run_child(be_between_two_calls, NULL);
	put(&hurry, 1);
	rcu_defer_barrier();
	MUST(ran == MANY);
	rcu_defer_unregister_thread();
}
END_TEST

/* ---- Threads that register and unregister meanwhile ---- */

#define CHANGERS	2
#define CHANGED_FORKS	2000

static int stop;

static void *register_and_unregister(void *arg)
{
	while (!get(&stop)) {
		MUST(rcu_defer_register_thread() == 0);
		rcu_defer_unregister_thread();
	}
	return arg;
}

static void mark_run(void *arg)
{
	put((int *)arg, 1);
}

/* The child has the queue of its own thread, wherever it was in the list. */
static void run_one(void *arg)
{
	int marked = 0;

	(void)arg;
	defer_rcu(mark_run, &marked);
	STAGE("rcu_defer_barrier among threads that registered");
	rcu_defer_barrier();
	MUST(marked);
}

START_TEST(threads_that_register_meanwhile_take_no_queue_away)
{
	pthread_t changers[CHANGERS];

	put(&stop, 0);
	MUST(rcu_defer_register_thread() == 0);
	for (int i = 0; i < CHANGERS; i++)
		changers[i] = start_thread(register_and_unregister, NULL);
	for (int i = 0; i < CHANGED_FORKS; i++)
		run_child(run_one, NULL);
	put(&stop, 1);
	for (int i = 0; i < CHANGERS; i++)
		join(changers[i]);
	rcu_defer_unregister_thread();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fork-defer-waits/" FLAVOR);
	TCase *tcase = add_case(suite, "waits");

	tcase_add_test(tcase, a_call_that_waits_for_the_forking_thread_does_not_hold_it_up);
	tcase_add_test(tcase, a_fork_waits_for_the_call_that_runs_and_for_none_behind_it);
	tcase_add_test(tcase, threads_that_register_meanwhile_take_no_queue_away);
	return run_suite(suite);
}
