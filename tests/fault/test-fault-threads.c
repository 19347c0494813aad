/* SPDX-License-Identifier: MIT */
/*
 * Threads that are cancelled, or end, in the middle of what they do. No function of the library is a
 * cancellation point; a cancel that comes in one waits for the program's next.
 */
#include "../fork/fork-harness.h"

#include <urcu/rculfhash.h>
#include <urcu/urcu-poll.h>

/* Reports are expected here, where a test says so. */
static bool has_reported(const char *message)
{
	static char text[1024];
	ssize_t length = pread(STDERR_FILENO, text, sizeof(text) - 1, 0);

	text[length < 0 ? 0 : length] = '\0';
	return strstr(text, message);
}

static void forget_reports(void)
{
	MUST(ftruncate(STDERR_FILENO, 0) == 0);
}

static void *result_of(pthread_t thread)
{
	void *result;

	MUST(pthread_join(thread, &result) == 0);
	return result;
}

/* Grace periods and callbacks are as in a process where nothing has happened. */
static void all_is_well(void)
{
	use_everything();
	rcu_register_thread();
	rcu_read_lock();
	must_be_waited_for();
	rcu_unregister_thread();
}

/* ---- A cancel that is pending all the time ---- */

static struct counted counted[2000];

static void run_deferred(void *p)
{
	pthread_testcancel();
	__atomic_fetch_add((int *)p, 1, __ATOMIC_RELAXED);
}

static void use_deferred_calls(void)
{
	int runs = 0;

	MUST(rcu_defer_register_thread() == 0);
	for (int i = 0; i < 5000; i++)
		defer_rcu(run_deferred, &runs);
	rcu_defer_barrier_thread();
	defer_rcu(run_deferred, &runs);
	rcu_defer_barrier();
	defer_rcu(run_deferred, &runs);
	rcu_defer_unregister_thread();
	MUST(runs == 5002);
}

/* More callbacks than the worker runs before it is stopped. */
static void use_workers(void)
{
	struct call_rcu_data *worker = create_call_rcu_data(0, -1);

	MUST(worker);
	set_thread_call_rcu_data(worker);
	queue_all(counted, 1000);
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(worker);
	MUST(create_all_cpu_call_rcu_data(0) == 0);
	queue_all(counted + 1000, 1000);
	free_all_cpu_call_rcu_data();
	rcu_barrier();
}

static void use_table(void)
{
	struct cds_lfht *table = cds_lfht_new(1, 1, 0, CDS_LFHT_AUTO_RESIZE, NULL);

	MUST(table);
	cds_lfht_resize(table, 1024);
	cds_lfht_resize(table, 1);
	MUST(cds_lfht_destroy(table, NULL) == 0);
	rcu_barrier();
}

/* What is reported by write(2), which is a cancellation point. */
static void misuse(void)
{
	rcu_read_lock();
	rcu_barrier();
	rcu_read_unlock();
}

static void *use_all_while_cancelled(void *arg)
{
	pid_t child;

	MUST(pthread_cancel(pthread_self()) == 0);
	rcu_register_thread();
	rcu_read_lock();
	rcu_read_unlock();
	synchronize_rcu();
	STAGE("defer_rcu");
	use_deferred_calls();
	STAGE("workers");
	use_workers();
	STAGE("table");
	use_table();
	STAGE("hooks");
	child = hooked_fork();
	if (child == 0)
		_exit(0);
	poll_state_synchronize_rcu(start_poll_synchronize_rcu());
	STAGE("misuse");
#ifndef TEST_QSBR
	misuse();
#else
	(void)misuse;
#endif
	rcu_unregister_thread();
	put(arg, child > 0);
	pthread_testcancel();
	return NULL;
}

START_TEST(no_function_is_a_cancellation_point)
{
	int came_through = 0;

	for (int i = 0; i < 20; i++) {
		memset(counted, 0, sizeof(counted));
		came_through = 0;
		MUST(result_of(start_thread(use_all_while_cancelled, &came_through)) ==
		     PTHREAD_CANCELED);
		MUST(get(&came_through));
		must_have_run_once(counted, 2000);
	}
	forget_reports();
	all_is_well();
}
END_TEST

/* ---- A cancel that comes while a thread waits ---- */

static int deferred_runs;

static void wait_to_defer(void *arg)
{
	(void)arg;
	MUST(rcu_defer_register_thread() == 0);
	for (int i = 0; i < 5000; i++)
		defer_rcu(run_deferred, &deferred_runs);
	rcu_defer_unregister_thread();
}

static void wait_to_run_deferred(void *arg)
{
	(void)arg;
	MUST(rcu_defer_register_thread() == 0);
	for (int i = 0; i < 5000 / 10; i++)
		defer_rcu(run_deferred, &deferred_runs);
	rcu_defer_barrier();
	rcu_defer_unregister_thread();
}

static void wait_for_callbacks(void *arg)
{
	(void)arg;
	queue_all(counted, 100);
	rcu_barrier();
	must_have_run_once(counted, 100);
}

static void wait_for_worker(void *arg)
{
	struct call_rcu_data *worker = create_call_rcu_data(0, -1);
	unsigned long number = gp_number();
	int cancel;

	(void)arg;
	MUST(worker);
	set_thread_call_rcu_data(worker);
	queue_all(counted, 100);
	set_thread_call_rcu_data(NULL);
	/* The test's own looks are cancellation points. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	await_grace_period_after(number);
	pthread_setcancelstate(cancel, NULL);
	call_rcu_data_free(worker);
}

static void wait_for_cpu_workers(void *arg)
{
	(void)arg;
	MUST(create_all_cpu_call_rcu_data(0) == 0);
	queue_all(counted, 100);
	free_all_cpu_call_rcu_data();
}

static void (*const waits[])(void *) = {
	synchronize, wait_for_callbacks, wait_to_defer, wait_to_run_deferred, wait_for_worker,
	wait_for_cpu_workers,
};

#define WAITS ((int)(sizeof(waits) / sizeof(waits[0])))

static void *wait_and_end(void *arg)
{
	run_task(arg);
	pthread_testcancel();
	return NULL;
}

/* It stays where it is, others go on, and it finds its end when it has what it waited for. */
START_TEST(a_waiter_that_is_cancelled_waits_to_the_end)
{
	struct reader_thread reader;
	struct task waiter = { .act = waits[_i] }, other;

	hold(&reader);
	waiter.thread = start_thread(wait_and_end, &waiter);
	while (!__atomic_load_n(&waiter.tid, __ATOMIC_ACQUIRE))
		relax();
	must_be_stuck(&waiter);
	MUST(pthread_cancel(waiter.thread) == 0);
	must_be_stuck(&waiter);
	start_stuck_task(&other, synchronize, NULL);
	release(&reader);
	join(other.thread);
	MUST(result_of(waiter.thread) == PTHREAD_CANCELED);
	MUST(get(&waiter.done));
	rcu_barrier();
	all_is_well();
}
END_TEST

/* ---- Workers ---- */

static void be_a_cancellation_point(struct rcu_head *head)
{
	pthread_testcancel();
	count(head);
}

START_TEST(a_worker_that_is_cancelled_goes_on)
{
	struct call_rcu_data *worker = create_call_rcu_data(0, -1);

	MUST(worker);
	MUST(pthread_cancel(get_call_rcu_thread(worker)) == 0);
	MUST(pthread_cancel(get_call_rcu_thread(get_default_call_rcu_data())) == 0);
	for (int i = 0; i < 2000; i++) {
		set_thread_call_rcu_data(i & 1 ? worker : NULL);
		call_rcu(&counted[i].head, be_a_cancellation_point);
	}
	set_thread_call_rcu_data(NULL);
	finish(counted, 2000);
	call_rcu_data_free(worker);
	all_is_well();
}
END_TEST

/* pthread_exit or a cancel, of a thread whose own worker has callbacks. */
static void *end_with_worker(void *arg)
{
	rcu_register_thread();
	set_thread_call_rcu_data(arg);
	queue_all(counted, 2000);
	rcu_unregister_thread();
	if (get(&counted[0].runs))
		pthread_exit(arg);
	pthread_cancel(pthread_self());
	pthread_testcancel();
	return NULL;
}

START_TEST(the_worker_of_a_thread_that_ended_runs_and_can_be_freed)
{
	struct call_rcu_data *worker = create_call_rcu_data(0, -1);

	MUST(worker);
	result_of(start_thread(end_with_worker, worker));
	if (_i)
		call_rcu_data_free(worker);
	finish(counted, 2000);
	if (!_i)
		call_rcu_data_free(worker);
	all_is_well();
}
END_TEST

/* ---- Sections ---- */

static void leave_section(void *arg)
{
	(void)arg;
	rcu_read_unlock();
	rcu_unregister_thread();
}

struct ending {
	sem_t inside;
	bool asynchronous, by_itself;
};

/* A section is the thread's own to leave, in a cleanup handler. */
static void *end_in_section(void *arg)
{
	struct ending *ending = arg;

	rcu_register_thread();
	rcu_read_lock();
	pthread_cleanup_push(leave_section, NULL);
	if (ending->asynchronous)
		pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	sem_post(&ending->inside);
	if (ending->by_itself)
		pthread_exit(NULL);
	for (;;)
		if (!ending->asynchronous)
			pthread_testcancel();
	pthread_cleanup_pop(0);
	return NULL;
}

START_TEST(a_cleanup_handler_leaves_the_section_of_a_thread_that_ends)
{
	struct ending ending = { .asynchronous = _i == 1, .by_itself = _i == 2 };
	pthread_t reader;

	sem_init(&ending.inside, 0, 0);
	reader = start_thread(end_in_section, &ending);
	await(&ending.inside);
	if (!ending.by_itself) {
		struct task writer;

		start_stuck_task(&writer, synchronize, NULL);
		MUST(pthread_cancel(reader) == 0);
		join(writer.thread);
	}
	join(reader);
	all_is_well();
}
END_TEST

#ifdef TEST_BP
static void *end_without_leaving(void *arg)
{
	rcu_read_lock();
	sem_post(arg);
	for (;;)
		pthread_testcancel();
	return NULL;
}

/* bp unregisters a thread as it ends: its section is over then, whatever it still holds. */
START_TEST(bp_reports_a_thread_that_ends_in_a_section)
{
	struct task writer;
	pthread_t reader;
	sem_t inside_it;

	sem_init(&inside_it, 0, 0);
	reader = start_thread(end_without_leaving, &inside_it);
	await(&inside_it);
	start_stuck_task(&writer, synchronize, NULL);
	MUST(pthread_cancel(reader) == 0);
	join(writer.thread);
	join(reader);
	MUST(has_reported("called in a read-side critical section"));
	forget_reports();
	all_is_well();
}
END_TEST
#endif

#ifndef TEST_BP
static void *end_registered(void *in_section)
{
	rcu_register_thread();
	if (in_section)
		rcu_read_lock();
	return NULL;
}

START_TEST(a_thread_that_ends_registered_is_reported_and_forgotten)
{
	join(start_thread(end_registered, _i ? &_i : NULL));
	MUST(has_reported("_unregister_thread: not called by a thread that ended registered"));
	forget_reports();
	synchronize_rcu();
	all_is_well();
}
END_TEST

static void unregister(void *arg)
{
	(void)arg;
	rcu_unregister_thread();
}

static void *unregister_late(void *key)
{
	rcu_register_thread();
	MUST(pthread_setspecific(*(pthread_key_t *)key, key) == 0);
	return NULL;
}

/* The library's destructor runs before this one, which is younger, in each round. */
START_TEST(a_thread_may_unregister_in_a_destructor)
{
	pthread_key_t key;

	MUST(pthread_key_create(&key, unregister) == 0);
	join(start_thread(unregister_late, &key));
	MUST(pthread_key_delete(key) == 0);
	all_is_well();
}
END_TEST
#endif

/* ---- Callbacks that do not return ---- */

static void end_the_worker(struct rcu_head *head)
{
	(void)head;
	pthread_exit(NULL);
}

/* In the middle of a batch, as the last of it, on a worker that was made, and on one being freed. */
START_TEST(callbacks_outlive_one_that_ends_its_thread)
{
	struct call_rcu_data *worker = _i >= 2 ? create_call_rcu_data(0, -1) : NULL;
	static struct rcu_head end;

	set_thread_call_rcu_data(worker);
	queue_all(counted, 1000);
	call_rcu(&end, end_the_worker);
	if (_i == 3) {
		set_thread_call_rcu_data(NULL);
		call_rcu_data_free(worker);
		worker = NULL;
	}
	if (_i != 1)
		queue_all(counted + 1000, 1000);
	/* Without anybody's asking. */
	if (_i != 1)
		await_value(&counted[1999].runs, 1);
	finish(counted, _i == 1 ? 1000 : 2000);
	MUST(has_reported("_call_rcu: a callback called pthread_exit"));
	forget_reports();
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(worker);
	all_is_well();
}
END_TEST

/* ---- Deferred calls ---- */

static void *end_with_deferred_calls(void *arg)
{
	rcu_register_thread();
	MUST(rcu_defer_register_thread() == 0);
	for (int i = 0; i < 100; i++)
		defer_rcu(run_deferred, arg);
	rcu_unregister_thread();
	pthread_exit(NULL);
}

/* What it has deferred runs, and rcu_defer_exit says that its queue was left behind. */
START_TEST(deferred_calls_of_a_thread_that_ended_run_and_are_reported)
{
	int runs = 0;

	join(start_thread(end_with_deferred_calls, &runs));
	if (_i)
		rcu_defer_barrier();
	else
		await_value(&runs, 100);
	MUST(get(&runs) == 100);
	rcu_defer_exit();
	MUST(has_reported("some thread has not called"));
	forget_reports();
	all_is_well();
	MUST(runs == 100);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fault-threads/" FLAVOR);
	TCase *tcase = add_case(suite, "cancelled");

	tcase_add_test(tcase, no_function_is_a_cancellation_point);
	tcase_add_loop_test(tcase, a_waiter_that_is_cancelled_waits_to_the_end, 0, WAITS);
	tcase_add_test(tcase, a_worker_that_is_cancelled_goes_on);
	tcase = add_case(suite, "ended");
	tcase_add_loop_test(tcase, the_worker_of_a_thread_that_ended_runs_and_can_be_freed, 0, 2);
	tcase_add_loop_test(tcase, a_cleanup_handler_leaves_the_section_of_a_thread_that_ends, 0, 3);
#ifdef TEST_BP
	tcase_add_test(tcase, bp_reports_a_thread_that_ends_in_a_section);
#else
	tcase_add_loop_test(tcase, a_thread_that_ends_registered_is_reported_and_forgotten, 0, 2);
	tcase_add_test(tcase, a_thread_may_unregister_in_a_destructor);
#endif
	tcase_add_loop_test(tcase, callbacks_outlive_one_that_ends_its_thread, 0, 4);
	tcase_add_loop_test(tcase, deferred_calls_of_a_thread_that_ended_run_and_are_reported, 0, 2);
	return run_suite(suite);
}
