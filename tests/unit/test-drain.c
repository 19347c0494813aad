/* SPDX-License-Identifier: MIT */
/* urcu_drain, urcu_barrier_timeout and urcu_stop_default_worker: waiting with a deadline, and no thread. */
#include "held.h"

#include <sys/wait.h>

#ifndef URCU_HAVE_BACKLOG
#error "urcu/backlog.h is not in the flavor's header"
#endif

/* So long that no machine is slow enough to need it; a test has a limit of its own. */
#define LONG	100000

/* ---- Callbacks that queue themselves ---- */

struct hopping {
	struct rcu_head head;
	struct call_rcu_data *worker[2];	/* to go back and forth between; NULL: stays */
	unsigned long hops, ran;
	bool for_ever;
};

static void hop(struct rcu_head *head)
{
	struct hopping *h = caa_container_of(head, struct hopping, head);

	put(h->ran, h->ran + 1);
	if (!get(h->for_ever) && h->ran > h->hops)
		return;
	if (h->worker[0])
		set_thread_call_rcu_data(h->worker[h->ran % 2]);
	call_rcu(&h->head, hop);
}

START_TEST(nothing_is_queued)
{
	errno = E2BIG;
	want(urcu_drain(0) == 0 && urcu_barrier_timeout(0) == 0);
	want(urcu_drain(LONG) == 0 && urcu_barrier_timeout(LONG) == 0);
	want(errno == E2BIG);
	want(SLOW_BUILD || thread_count() == 1);
}
END_TEST

START_TEST(drain_waits_for_what_callbacks_queue)
{
	struct hopping h = { .hops = 50 };

	call_rcu(&h.head, hop);
	want(urcu_barrier_timeout(LONG) == 0);
	want(get(h.ran) >= 1);
	want(urcu_drain(LONG) == 0);
	want(h.ran == h.hops + 1);
	want(urcu_drain(0) == 0);
}
END_TEST

/* One queue is found empty before the callback comes back to it. */
START_TEST(drain_waits_for_what_goes_from_worker_to_worker)
{
	struct hopping h[8];

	memset(h, 0, sizeof(h));
	for (int i = 0; i < 8; i++) {
		h[i].worker[0] = get_default_call_rcu_data();
		h[i].worker[1] = create_call_rcu_data(0, -1);
		h[i].hops = 40;
	}
	for (int i = 0; i < 8; i++)
		call_rcu(&h[i].head, hop);
	want(urcu_drain(LONG) == 0);
	for (int i = 0; i < 8; i++) {
		want(h[i].ran == h[i].hops + 1);
		call_rcu_data_free(h[i].worker[1]);
	}
}
END_TEST

START_TEST(drain_of_what_never_ends_is_over_in_time)
{
	struct hopping h = { .for_ever = true };

	call_rcu(&h.head, hop);
	want(urcu_drain(0) == -ETIMEDOUT);
	want(urcu_drain(50) == -ETIMEDOUT);
	want(urcu_barrier_timeout(LONG) == 0);
	put(h.for_ever, false);
	want(urcu_drain(LONG) == 0);
}
END_TEST

/* ---- Deferred calls ---- */

struct deferred {
	struct rcu_head head;
	unsigned int left, ran;
	int drained, waited;
};

static void queue_again(struct rcu_head *head);

static void defer_again(void *arg)
{
	struct deferred *d = arg;

	d->ran++;
	if (d->left--)
		call_rcu(&d->head, queue_again);
}

static void queue_again(struct rcu_head *head)
{
	struct deferred *d = caa_container_of(head, struct deferred, head);

	if (rcu_defer_register_thread() == 0)
		defer_rcu(defer_again, d);
	rcu_defer_unregister_thread();
}

static void *defer_once(void *arg)
{
	rcu_register_thread();
	want(rcu_defer_register_thread() == 0);
	defer_rcu(defer_again, arg);
	want(urcu_drain(LONG) == 0);
	want(((struct deferred *)arg)->ran == 6);
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
	return NULL;
}

START_TEST(drain_waits_for_deferred_calls)
{
	struct deferred d = { .left = 5 };

	pthread_join(start(defer_once, &d), NULL);
}
END_TEST

static void wait_in_deferred_call(void *arg)
{
	struct deferred *d = arg;

	d->drained = urcu_drain(LONG);
	d->waited = urcu_barrier_timeout(LONG);
}

/* The library's thread runs it, or the caller of rcu_defer_barrier. */
static void *wait_deferred(void *arg)
{
	struct deferred *d = arg;

	rcu_register_thread();
	want(rcu_defer_register_thread() == 0);
	defer_rcu(wait_in_deferred_call, d);
	if (d->left)
		rcu_defer_barrier();
	else
		want(urcu_drain(LONG) == 0);
	want(d->drained == -EDEADLK && d->waited == 0);
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
	return NULL;
}

START_TEST(deferred_call_may_wait_for_callbacks_alone)
{
	struct deferred d = { .left = (unsigned int)_i, .waited = 1 };

	pthread_join(start(wait_deferred, &d), NULL);
}
END_TEST

/* ---- A reader that stays ---- */

START_TEST(stuck_reader_is_waited_for_in_time)
{
	struct tally tally = { 0, 0 };
	struct held reader;

	held_enter(&reader);
	queue_jobs(&tally, 1000);
	want(urcu_barrier_timeout(0) == -ETIMEDOUT && urcu_drain(0) == -ETIMEDOUT);
	want(urcu_barrier_timeout(20) == -ETIMEDOUT && urcu_drain(20) == -ETIMEDOUT);
	want(get(tally.ran) == 0);
	held_leave(&reader);
	want(_i ? urcu_drain(LONG) == 0 : urcu_barrier_timeout(LONG) == 0);
	all_ran_once(&tally);
}
END_TEST

/* ---- Where it would wait for itself ---- */

static void refused(void *arg)
{
	(void)arg;
	want(urcu_drain(0) == -EDEADLK && urcu_drain(LONG) == -EDEADLK);
	want(urcu_barrier_timeout(0) == -EDEADLK && urcu_barrier_timeout(LONG) == -EDEADLK);
	want(urcu_stop_default_worker() == -EDEADLK);
}

START_TEST(where_barriers_are_refused_nothing_is_reported)
{
	int output = capture_stderr();

	in_callback(refused, NULL);
	call_rcu_before_fork();
	refused(NULL);
	call_rcu_after_fork_parent();
#ifndef TEST_QSBR	/* whose sections cannot be told */
	rcu_register_thread();
	rcu_read_lock();
	refused(NULL);
	rcu_read_unlock();
	rcu_unregister_thread();
#endif
	want(urcu_drain(LONG) == 0);
	want(*captured(output) == '\0');
}
END_TEST

#ifdef TEST_QSBR
START_TEST(online_thread_waits_offline)
{
	struct tally tally = { 0, 0 };

	urcu_qsbr_register_thread();
	queue_jobs(&tally, 10);
	want(urcu_drain(LONG) == 0);
	queue_jobs(&tally, 10);
	want(urcu_barrier_timeout(LONG) == 0);
	queue_jobs(&tally, 1);
	want(urcu_stop_default_worker() == 0);
	want(urcu_qsbr_read_ongoing());
	want(urcu_drain(LONG) == 0);
	all_ran_once(&tally);
	urcu_qsbr_unregister_thread();
}
END_TEST
#endif

/* ---- No threads, and after a fork ---- */

START_TEST(without_threads_nothing_runs_in_the_caller)
{
	struct tally tally = { 0, 0 };

	capture_stderr();
	allow_threads(false);
	queue_jobs(&tally, 10);
	want(urcu_barrier_timeout(20) == -ETIMEDOUT && urcu_drain(20) == -ETIMEDOUT);
	want(get(tally.ran) == 0);
	want(urcu_stop_default_worker() == 0);
	rcu_barrier();
	all_ran_once(&tally);
	want(urcu_drain(0) == 0);
}
END_TEST

START_TEST(child_drains_what_it_inherits)
{
	struct tally tally = { 0, 0 };
	struct held reader;
	int status;
	pid_t child;

	held_enter(&reader);
	queue_jobs(&tally, 100);
	if (_i)
		call_rcu_before_fork();
	child = fork();
	if (child == 0) {
		if (_i)
			call_rcu_after_fork_child();
		if (urcu_stop_default_worker() != 0 || urcu_drain(0) != -ETIMEDOUT || urcu_drain(LONG) != 0 ||
		    urcu_drain(0) != 0)
			_exit(1);
		/* Without the hooks, what the worker was moving may be lost. */
		_exit(_i && tally.ran != 100);
	}
	if (_i)
		call_rcu_after_fork_parent();
	want(waitpid(child, &status, 0) == child && status == 0);
	want(get(tally.ran) == 0);
	held_leave(&reader);
	want(urcu_drain(LONG) == 0);
	all_ran_once(&tally);
}
END_TEST

/* ---- The standard worker's thread ---- */

/*
 * What the kernel allows to a process of one thread alone. It may know one that was joined for a moment longer; a
 * sanitizer has one of its own.
 */
static bool is_alone(void)
{
	return SLOW_BUILD || (emulators_threads ? thread_count() == 1 : unshare(CLONE_THREAD) == 0);
}

START_TEST(stopped_worker_leaves_no_thread_and_is_made_again)
{
	struct tally tally = { 0, 0 };

	want(urcu_stop_default_worker() == 0);
	for (int i = 0; i < 20; i++) {
		queue_jobs(&tally, 10);
		want(urcu_drain(LONG) == 0);
		want(urcu_stop_default_worker() == 0);
		want(urcu_drain(0) == 0);
		await_that(is_alone());
		want(urcu_stop_default_worker() == 0);
	}
	all_ran_once(&tally);
	get_default_call_rcu_data();
	want(SLOW_BUILD || !is_alone());
}
END_TEST

static void *stop(void *arg)
{
	want(urcu_stop_default_worker() == 0);
	put(*(bool *)arg, true);
	return NULL;
}

static void *wait_for_all(void *arg)
{
	struct held *held = arg;

	put(held->called, true);
	rcu_barrier();
	want(get(held->left));
	return NULL;
}

/* The worker waits for a reader, and leaves as the grace period is over. */
START_TEST(what_is_queued_stays_when_the_worker_is_stopped)
{
	unsigned long before = gp_number();
	struct tally tally = { 0, 0 };
	struct held reader;
	bool stopped = false;
	pthread_t stopper;

	held_enter(&reader);
	queue_jobs(&tally, 100);
	await_gp_since(before);
	stopper = start(stop, &stopped);
	for (uint64_t until = now_us() + 20000; now_us() < until; sched_yield())
		want(!get(stopped));
	held_leave(&reader);
	pthread_join(stopper, NULL);
	want(get(tally.ran) == 0);
	await_that(is_alone());
	if (_i == 0)
		want(urcu_drain(LONG) == 0);
	else if (_i == 1)
		rcu_barrier();
	else
		get_default_call_rcu_data();
	await_that(get(tally.ran) == 100);
}
END_TEST

START_TEST(barrier_outlives_the_worker_that_it_waits_for)
{
	unsigned long before = gp_number();
	struct tally tally = { 0, 0 };
	pthread_t stopper, waiter;
	struct held reader;
	bool stopped = false;

	held_enter(&reader);
	queue_jobs(&tally, 100);
	await_gp_since(before);
	waiter = start(wait_for_all, &reader);
	await_that(get(reader.called));
	stopper = start(stop, &stopped);
	not_returned_for(&reader, 20000);
	held_leave(&reader);
	pthread_join(stopper, NULL);
	pthread_join(waiter, NULL);
	all_ran_once(&tally);
}
END_TEST

static void queue_one(void *arg)
{
	queue_jobs(arg, 1);
}

/* Whoever is at it: each callback runs, each barrier returns, and no thread is left. */
struct unrest {
	struct tally tally;
	bool over;
};

static void *stop_again_and_again(void *arg)
{
	struct unrest *u = arg;

	while (!get(u->over))
		want(urcu_stop_default_worker() == 0);
	return NULL;
}

static void *queue_and_wait(void *arg)
{
	struct unrest *u = arg;

	for (int i = 0; i < 300; i++) {
		struct errand errand = { .func = queue_one, .arg = &u->tally };

		sem_init(&errand.done, 0, 0);
		call_rcu(&errand.head, errand_run);
		if (i % 3 == 0)
			rcu_barrier();
		else if (i % 3 == 1)
			want(urcu_barrier_timeout(LONG) == 0);
		else
			want(urcu_drain(10 * LONG) == 0);
		want(sem_trywait(&errand.done) == 0);
		sem_destroy(&errand.done);
	}
	return NULL;
}

START_TEST(worker_is_stopped_beside_those_who_need_it)
{
	static struct team stoppers, users;
	static struct unrest u;

	team_add(&stoppers, (unsigned int)_i, stop_again_and_again, &u);
	team_add(&users, 2, queue_and_wait, &u);
	team_join(&users);
	put(u.over, true);
	team_join(&stoppers);
	want(urcu_drain(LONG) == 0);
	all_ran_once(&u.tally);
	want(urcu_stop_default_worker() == 0);
	await_that(is_alone());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("drain");
	TCase *tcase = add_case(suite, "drain", 60);

	tcase_add_test(tcase, nothing_is_queued);
	tcase_add_test(tcase, drain_waits_for_what_callbacks_queue);
	tcase_add_test(tcase, drain_waits_for_what_goes_from_worker_to_worker);
	tcase_add_test(tcase, drain_of_what_never_ends_is_over_in_time);
	tcase_add_test(tcase, drain_waits_for_deferred_calls);
	tcase_add_loop_test(tcase, deferred_call_may_wait_for_callbacks_alone, 0, 2);
	tcase_add_loop_test(tcase, stuck_reader_is_waited_for_in_time, 0, 2);
	tcase_add_test(tcase, where_barriers_are_refused_nothing_is_reported);
#ifdef TEST_QSBR
	tcase_add_test(tcase, online_thread_waits_offline);
#endif
	tcase_add_test(tcase, without_threads_nothing_runs_in_the_caller);
	tcase_add_loop_test(tcase, child_drains_what_it_inherits, 0, 2);

	tcase = add_case(suite, "stop", 60);
	tcase_add_test(tcase, stopped_worker_leaves_no_thread_and_is_made_again);
	tcase_add_loop_test(tcase, what_is_queued_stays_when_the_worker_is_stopped, 0, 3);
	tcase_add_test(tcase, barrier_outlives_the_worker_that_it_waits_for);
	tcase_add_loop_test(tcase, worker_is_stopped_beside_those_who_need_it, 1, 3);
	return run_suite(suite);
}
