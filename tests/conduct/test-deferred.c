/* SPDX-License-Identifier: MIT */
/*
 * Functions given to defer_rcu are no callbacks of call_rcu: they may wait for those, by rcu_barrier or
 * otherwise, and whatever one does to its thread, the others of its queue still run.
 */
#include "../unit/harness.h"

#include <urcu-defer.h>

/* ---- Who runs a deferred function ---- */

enum {
	BY_BARRIER,		/* the thread that deferred it, in rcu_defer_barrier */
	BY_OWN_BARRIER,		/* ... in rcu_defer_barrier_thread */
	BY_LEAVING,		/* ... in rcu_defer_unregister_thread */
	BY_FILLING,		/* ... in defer_rcu, its queue being full */
	BY_OTHER_BARRIER,	/* another thread, in rcu_defer_barrier */
	BY_WORKER,		/* the library's thread for it */
	RUNNERS
};

static sem_t done;

static void do_nothing(void *arg)
{
	(void)arg;
}

static void *call_defer_barrier(void *arg)
{
	rcu_defer_barrier();
	return arg;
}

/* Defer func(arg), have it run by that one, and return when it says that it is done. */
static void defer_and_run(int runner, void (*func)(void *), void *arg)
{
	sem_init(&done, 0, 0);
	rcu_register_thread();
	want(rcu_defer_register_thread() == 0);
	defer_rcu(func, arg);
	switch (runner) {
	case BY_BARRIER:
		rcu_defer_barrier();
		break;
	case BY_OWN_BARRIER:
		rcu_defer_barrier_thread();
		break;
	case BY_FILLING:
		for (int i = 0; i < 100000 && sem_trywait(&done); i++)
			defer_rcu(do_nothing, NULL);
		sem_post(&done);
		break;
	case BY_OTHER_BARRIER:
		pthread_join(start(call_defer_barrier, NULL), NULL);
		break;
	}
	if (runner != BY_LEAVING)
		await(&done);
	rcu_defer_unregister_thread();
	if (runner == BY_LEAVING)
		await(&done);
	rcu_unregister_thread();
}

/* ---- What it does ---- */

static struct tally tally;
static bool other_ran;		/* a callback of call_rcu, queued by a deferred function */
static sem_t other;

static void run_slowly(struct rcu_head *head)
{
	(void)head;
	synchronize_rcu();
	put(other_ran, true);
	sem_post(&other);
}

static void wait_by_barrier(void *arg)
{
	call_rcu(arg, run_slowly);
	rcu_barrier();
	want(get(other_ran));
	sem_post(&done);
}

static void wait_for_callback(void *arg)
{
	call_rcu(arg, run_slowly);
	await(&other);
	want(get(other_ran));
	sem_post(&done);
}

static void wait_for_grace_period(void *arg)
{
	synchronize_rcu();
	call_rcu(arg, run_slowly);
	queue_jobs(&tally, 100);
	sem_post(&done);
}

/* Its worker is the standard one, as in any other thread, and its own to set. */
static void look_for_worker(void *arg)
{
	struct call_rcu_data *mine = create_call_rcu_data(0, -1);

	want(get_thread_call_rcu_data() == NULL);
	want(get_call_rcu_data() == get_default_call_rcu_data());
	set_thread_call_rcu_data(mine);
	call_rcu(arg, run_slowly);
	rcu_barrier();
	want(get(other_ran));
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(mine);
	sem_post(&done);
}

static void (*const functions[])(void *) = {
	wait_by_barrier, wait_for_callback, wait_for_grace_period, look_for_worker,
};

#define FUNCTIONS ((int)(sizeof(functions) / sizeof(functions[0])))

START_TEST(a_deferred_function_may_use_call_rcu_and_wait_for_it)
{
	static struct rcu_head head;
	int output = capture_stderr();

	sem_init(&other, 0, 0);
	/* A callback that was queued before is waited for as well. */
	queue_jobs(&tally, 10);
	defer_and_run(_i % RUNNERS, functions[_i / RUNNERS], &head);
	rcu_barrier();
	want(get(other_ran));
	all_ran_once(&tally);
	ck_assert_str_eq(captured(output), "");
}
END_TEST

/* The same while the worker has more to do than it can. */
struct busy {
	struct rcu_head head;
	bool *over;
};

static void run_again(struct rcu_head *head)
{
	struct busy *busy = caa_container_of(head, struct busy, head);

	if (!get(*busy->over))
		call_rcu(head, run_again);
}

START_TEST(a_deferred_function_waits_beside_a_busy_worker)
{
	static struct rcu_head head;
	bool over = false;
	struct busy busy = { .over = &over };

	sem_init(&other, 0, 0);
	call_rcu(&busy.head, run_again);
	defer_and_run(_i, wait_by_barrier, &head);
	put(over, true);
	rcu_barrier();
	rcu_barrier();
}
END_TEST

/* ---- pthread_exit ---- */

static unsigned int ran;

static void count_one(void *arg)
{
	(void)arg;
	raise_by(ran, 1);
}

static void leave_thread(void *arg)
{
	(void)arg;
	raise_by(ran, 1);
	pthread_exit(NULL);
}

static void register_and_defer_some(void)
{
	rcu_register_thread();
	want(rcu_defer_register_thread() == 0);
	for (int i = 0; i < 5; i++)
		defer_rcu(count_one, NULL);
	defer_rcu(leave_thread, NULL);
	for (int i = 0; i < 5; i++)
		defer_rcu(count_one, NULL);
}

/* Ends in the barrier; its queue, which is not given back, holds more. */
static void *defer_some_and_leave(void *arg)
{
	register_and_defer_some();
	rcu_defer_barrier_thread();
	/* Only if another thread ran it. */
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
	return arg;
}

struct owner {
	sem_t deferred, leave;
};

static void *defer_some_and_stay(void *arg)
{
	struct owner *owner = arg;

	register_and_defer_some();
	sem_post(&owner->deferred);
	await(&owner->leave);
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
	return NULL;
}

/* Nothing is locked: others defer, wait, come and go. */
static void use_defer(void)
{
	unsigned int before = get(ran);

	rcu_register_thread();
	want(rcu_defer_register_thread() == 0);
	for (int i = 0; i < 10; i++)
		defer_rcu(count_one, NULL);
	rcu_defer_barrier();
	want(get(ran) >= before + 10);
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
}

START_TEST(pthread_exit_in_a_deferred_function_leaves_nothing_locked)
{
	pthread_join(start(defer_some_and_leave, NULL), NULL);
	use_defer();
	rcu_defer_barrier();
	want(get(ran) == 11 + 10);
}
END_TEST

/* The thread that leaves is another than the owner of the queue: the rest still runs, once. */
START_TEST(pthread_exit_in_a_barrier_of_another_thread_leaves_the_queue_to_others)
{
	struct owner owner;
	pthread_t thread;

	sem_init(&owner.deferred, 0, 0);
	sem_init(&owner.leave, 0, 0);
	thread = start(defer_some_and_stay, &owner);
	await(&owner.deferred);
	pthread_join(start(call_defer_barrier, NULL), NULL);
	use_defer();
	sem_post(&owner.leave);
	pthread_join(thread, NULL);
	want(get(ran) == 11 + 10);
	use_defer();
}
END_TEST

/* By the library's own thread, which ends of it; what is deferred later runs by itself again. */
START_TEST(pthread_exit_in_the_librarys_thread_leaves_the_queue_to_others)
{
	rcu_register_thread();
	want(rcu_defer_register_thread() == 0);
	for (int round = 0; round < 3; round++) {
		unsigned int before = get(ran);

		defer_rcu(leave_thread, NULL);
		for (int i = 0; i < 5; i++)
			defer_rcu(count_one, NULL);
		await_that(get(ran) != before);
		rcu_defer_barrier();
		want(get(ran) == before + 6);
	}
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
}
END_TEST

/* ---- What waits for the deferred call that it is called in ---- */

enum { BARRIER, OWN_BARRIER, LEAVE, FILL, MISUSES };

static const char *const misused[] = {
	"defer_barrier", "defer_barrier_thread", "defer_unregister_thread", "defer_rcu",
};

static pthread_t owner_of_all;
static bool by_owner;

static void wait_for_itself(void *arg)
{
	unsigned int before = get(ran);

	put(by_owner, pthread_equal(pthread_self(), owner_of_all) != 0);
	switch ((uintptr_t)arg) {
	case BARRIER:
		rcu_defer_barrier();
		break;
	case OWN_BARRIER:
		rcu_defer_barrier_thread();
		break;
	case LEAVE:
		rcu_defer_unregister_thread();
		break;
	case FILL:
		/* Until one is run at once. */
		for (int i = 0; i < 100000 && get(ran) == before; i++)
			defer_rcu(count_one, NULL);
		want(get(ran) == before + 1);
		break;
	}
	sem_post(&done);
}

/* In another thread than the owner's there may be no queue: then that is the mistake. */
START_TEST(what_would_wait_for_its_own_deferred_call_is_reported)
{
	uintptr_t which = (uintptr_t)_i % MISUSES;
	int output = capture_stderr();
	char expected[128];

	owner_of_all = pthread_self();
	defer_and_run(_i / MISUSES, wait_for_itself, (void *)which);
	snprintf(expected, sizeof(expected), "liburcu: urcu_" FLAVOR "_%s: %s", misused[which],
		 get(by_owner) || which == BARRIER ? "called in a deferred call: it would wait for itself" :
						     "the thread has not called");
	ck_assert_str_eq(strstr(captured(output), expected) ? "" : captured(output), "");
	want(lines_of(captured(output)) == 1);
	use_defer();
	want(lines_of(captured(output)) == 1);
}
END_TEST

/* The calls of another queue, which one runs as well, are no reason to refuse. */
struct deferrer {
	void (*func)(void *arg);
	sem_t deferred, leave;
};

static sem_t held, release;

/* The library's thread is in here meanwhile: nobody else runs what waits behind. */
static void hold_the_librarys_thread(void *arg)
{
	(void)arg;
	sem_post(&held);
	await(&release);
}

static void wait_for_own_queue(void *arg)
{
	unsigned int before = get(ran);

	(void)arg;
	want(pthread_equal(pthread_self(), owner_of_all));
	defer_rcu(count_one, NULL);
	rcu_defer_barrier_thread();
	want(get(ran) == before + 1);
	sem_post(&release);
}

static void *defer_one(void *arg)
{
	struct deferrer *deferrer = arg;

	rcu_register_thread();
	want(rcu_defer_register_thread() == 0);
	defer_rcu(deferrer->func, NULL);
	sem_post(&deferrer->deferred);
	await(&deferrer->leave);
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
	return NULL;
}

static pthread_t start_deferrer(struct deferrer *deferrer, void (*func)(void *arg))
{
	pthread_t thread;

	deferrer->func = func;
	sem_init(&deferrer->deferred, 0, 0);
	sem_init(&deferrer->leave, 0, 0);
	thread = start(defer_one, deferrer);
	await(&deferrer->deferred);
	return thread;
}

/* A barrier goes through the youngest queue first. */
START_TEST(a_deferred_call_of_another_may_wait_for_the_threads_own)
{
	struct deferrer holder, other_deferrer;
	int output = capture_stderr();
	pthread_t threads[2];

	sem_init(&held, 0, 0);
	sem_init(&release, 0, 0);
	owner_of_all = pthread_self();
	want(rcu_defer_register_thread() == 0);
	threads[0] = start_deferrer(&holder, hold_the_librarys_thread);
	await(&held);
	threads[1] = start_deferrer(&other_deferrer, wait_for_own_queue);
	rcu_defer_barrier();
	want(get(ran) == 1);
	sem_post(&holder.leave);
	sem_post(&other_deferrer.leave);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	rcu_defer_unregister_thread();
	ck_assert_str_eq(captured(output), "");
}
END_TEST

/* ---- Barriers of several threads ---- */

#define DEFERRERS 4

static bool over;

static void *defer_on(void *arg)
{
	unsigned int mine = 0;

	rcu_register_thread();
	want(rcu_defer_register_thread() == 0);
	for (int i = 0; i < 200; i++) {
		for (int j = 0; j < 20; j++)
			defer_rcu(count_one, NULL);
		mine += 20;
		if (i % 3 == 0)
			rcu_defer_barrier();
		if (i % 3 == 1)
			rcu_defer_barrier_thread();
		if (i % 3 != 2)
			want(get(ran) >= mine);
	}
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
	return arg;
}

static void *barrier_on(void *arg)
{
	while (!get(over))
		rcu_defer_barrier();
	return arg;
}

START_TEST(several_threads_may_wait_at_once)
{
	static struct team deferrers, waiters;

	team_add(&waiters, 2, barrier_on, NULL);
	team_add(&deferrers, DEFERRERS, defer_on, NULL);
	team_join(&deferrers);
	put(over, true);
	team_join(&waiters);
	want(get(ran) == DEFERRERS * 200 * 20);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("deferred/" FLAVOR);
	TCase *tcase = add_case(suite, "deferred", 20);

	tcase_add_loop_test(tcase, a_deferred_function_may_use_call_rcu_and_wait_for_it, 0,
			    RUNNERS * FUNCTIONS);
	tcase_add_loop_test(tcase, a_deferred_function_waits_beside_a_busy_worker, 0, RUNNERS);
	tcase_add_test(tcase, pthread_exit_in_a_deferred_function_leaves_nothing_locked);
	tcase_add_test(tcase,
		pthread_exit_in_a_barrier_of_another_thread_leaves_the_queue_to_others);
	tcase_add_test(tcase, pthread_exit_in_the_librarys_thread_leaves_the_queue_to_others);
	tcase_add_loop_test(tcase, what_would_wait_for_its_own_deferred_call_is_reported, 0,
			    RUNNERS * MISUSES);
	tcase_add_test(tcase, a_deferred_call_of_another_may_wait_for_the_threads_own);
	tcase_add_test(tcase, several_threads_may_wait_at_once);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
