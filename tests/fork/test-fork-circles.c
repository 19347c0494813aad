/* SPDX-License-Identifier: MIT */
/*
 * Circles that a fork could close, of threads that wait for each other: a forking thread, a callback
 * that it waits for, a grace period that the callback waits for, and the reader whom that waits for.
 */
#include "fork-harness.h"

/* A callback, or a deferred call, that waits for a grace period when the test wants it. */
static struct waiting {
	struct rcu_head head;
	sem_t inside, go_on;
	pid_t tid;
	int done;
} waiting;

static void wait_in_call(void *arg)
{
	struct waiting *call = arg;

	call->tid = thread_id();
	sem_post(&call->inside);
	begin_waiting();
	await(&call->go_on);
	end_waiting();
	synchronize_rcu();
	put(&call->done, 1);
}

static void prepare(void)
{
	sem_init(&waiting.inside, 0, 0);
	sem_init(&waiting.go_on, 0, 0);
	put(&waiting.done, 0);
}

static void fork_and_use(void *arg)
{
	(void)arg;
	run_child(use_everything_in_child, NULL);
}

#ifndef TEST_QSBR	/* which cannot tell a section, and goes offline to fork */

static void wait_in_callback(struct rcu_head *head)
{
	wait_in_call(caa_container_of(head, struct waiting, head));
}

/* In a section that a callback's grace period waits for. */
static void hold_callback_up(void)
{
	prepare();
	rcu_register_thread();
	call_rcu(&waiting.head, wait_in_callback);
	await(&waiting.inside);
	rcu_read_lock();
	sem_post(&waiting.go_on);
	await_asleep(waiting.tid);
}

/* The first forking thread waits for the callback, until the second comes, in the section. */
START_TEST(a_reader_that_waits_for_another_threads_fork_does_not_hold_it_up)
{
	struct task first;

	hold_callback_up();
	start_stuck_task(&first, fork_and_use, NULL);
	STAGE("fork of the reader");
	if (hooked_fork() == 0)
		_exit(0);
	rcu_read_unlock();
	join(first.thread);
	rcu_barrier();
	MUST(get(&waiting.done));
	while (waitpid(-1, NULL, 0) > 0)
		continue;
	rcu_unregister_thread();
}
END_TEST

/* Its grace period ends meanwhile, but the child must not find it in the middle of what follows. */
START_TEST(a_callback_that_was_set_aside_goes_on_after_the_fork)
{
	hold_callback_up();
	call_rcu_before_fork();
	rcu_read_unlock();
	synchronize_rcu();
	await_asleep(waiting.tid);
	MUST(!get(&waiting.done));
	call_rcu_after_fork_parent();
	rcu_barrier();
	MUST(get(&waiting.done));
	rcu_unregister_thread();
}
END_TEST

#endif

static void set(void *done)
{
	put(done, 1);
}

static void *defer_and_run(void *arg)
{
	rcu_register_thread();
	MUST(rcu_defer_register_thread() == 0);
	defer_rcu(wait_in_call, arg);
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
	return NULL;
}

static sem_t occupied, freed, end;

static void occupy(void *arg)
{
	(void)arg;
	sem_post(&occupied);
	begin_waiting();
	await(&freed);
	end_waiting();
}

static void *own_what_occupies(void *arg)
{
	MUST(rcu_defer_register_thread() == 0);
	defer_rcu(occupy, NULL);
	await(&end);
	rcu_defer_unregister_thread();
	return arg;
}

/* It runs other threads' calls meanwhile. */
static void use_defer_worker(void)
{
	STAGE("deferred calls");
	MUST(rcu_defer_register_thread() == 0);
	for (int i = 0; i < 5; i++) {
		int done = 0;

		defer_rcu(set, &done);
		while (!get(&done))
			relax();
	}
	rcu_defer_unregister_thread();
}

/*
 * Or the worker would wait for a thread that may wait for a reader, in whatever it runs. It is kept
 * from running the deferred call itself.
 */
START_TEST(the_worker_does_not_wait_for_deferred_calls_that_another_thread_runs)
{
	pthread_t thread, owner;

	prepare();
	sem_init(&occupied, 0, 0);
	sem_init(&freed, 0, 0);
	sem_init(&end, 0, 0);
	owner = start_thread(own_what_occupies, NULL);
	await(&occupied);
	thread = start_thread(defer_and_run, &waiting);
	await(&waiting.inside);
	sem_post(&freed);
	use_defer_worker();
	fork_and_use(NULL);
	sem_post(&waiting.go_on);
	join(thread);
	MUST(get(&waiting.done));
	sem_post(&end);
	join(owner);
}
END_TEST

/* ---- Callbacks that wait for another thread ---- */

static struct following {
	struct rcu_head head;
	struct call_rcu_data *queue;	/* freed; NULL: all deferred calls are waited for */
	sem_t inside, go_on;
	pid_t tid;
	int done;
} following;

static void follow(struct rcu_head *head)
{
	struct following *call = caa_container_of(head, struct following, head);

	call->tid = thread_id();
	sem_post(&call->inside);
	begin_waiting();
	await(&call->go_on);
	end_waiting();
	if (call->queue)
		call_rcu_data_free(call->queue);
	else
		rcu_defer_barrier();
	put(&call->done, 1);
}

static void begin_following(struct call_rcu_data *queue, struct call_rcu_data *freed)
{
	sem_init(&following.inside, 0, 0);
	sem_init(&following.go_on, 0, 0);
	following.queue = freed;
	put(&following.done, 0);
	set_thread_call_rcu_data(queue);
	call_rcu(&following.head, follow);
	set_thread_call_rcu_data(NULL);
	await(&following.inside);
}

static void do_nothing(void *arg)
{
	(void)arg;
}

static void fork_in_callback(struct rcu_head *head)
{
	struct waiting *call = caa_container_of(head, struct waiting, head);

	sem_post(&call->inside);
	begin_waiting();
	await(&call->go_on);
	end_waiting();
	run_child(do_nothing, NULL);
	put(&call->done, 1);
}

START_TEST(a_callback_that_frees_a_worker_does_not_hold_up_the_fork_of_that_workers_callback)
{
	struct call_rcu_data *queue = create_call_rcu_data(0, -1);

	prepare();
	set_thread_call_rcu_data(queue);
	call_rcu(&waiting.head, fork_in_callback);
	await(&waiting.inside);
	begin_following(NULL, queue);
	sem_post(&following.go_on);
	await_asleep(following.tid);
	STAGE("fork in a callback");
	sem_post(&waiting.go_on);
	rcu_barrier();
	MUST(get(&waiting.done) && get(&following.done));
}
END_TEST

#ifndef TEST_QSBR

static void leave_section_and_use(void *arg)
{
	rcu_read_unlock();
	use_everything_in_child(arg);
}

/* The section holds up what waits already, and with it what follows. */
static void fork_in_section_and_finish(void)
{
	rcu_read_lock();
	sem_post(&waiting.go_on);
	await_asleep(waiting.tid);
	sem_post(&following.go_on);
	await_asleep(following.tid);
	run_child(leave_section_and_use, NULL);
	rcu_read_unlock();
	rcu_barrier();
	MUST(get(&waiting.done) && get(&following.done));
	rcu_unregister_thread();
}

START_TEST(a_callback_that_frees_a_worker_does_not_hold_up_the_fork_that_holds_up_the_worker)
{
	struct call_rcu_data *queue = create_call_rcu_data(0, -1);

	prepare();
	rcu_register_thread();
	set_thread_call_rcu_data(queue);
	call_rcu(&waiting.head, wait_in_callback);
	await(&waiting.inside);
	begin_following(NULL, queue);
	fork_in_section_and_finish();
}
END_TEST

static void *run_deferred(void *arg)
{
	struct waiting *call = arg;

	rcu_register_thread();
	call->tid = thread_id();
	sem_post(&call->inside);
	await(&call->go_on);
	MUST(rcu_defer_register_thread() == 0);
	defer_rcu(set, &call->done);
	rcu_defer_barrier();
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
	return NULL;
}

START_TEST(a_callback_in_rcu_defer_barrier_does_not_hold_up_the_fork_that_holds_up_another)
{
	pthread_t thread;

	prepare();
	rcu_register_thread();
	thread = start_thread(run_deferred, &waiting);
	await(&waiting.inside);
	begin_following(NULL, NULL);
	fork_in_section_and_finish();
	join(thread);
}
END_TEST

/* The callback that runs deferred calls was in one at the fork; more of them come. */
static void defer_more(void *arg)
{
	static int done;

	while (rcu_read_ongoing())
		rcu_read_unlock();
	STAGE("defer_rcu");
	defer_rcu(set, &done);
	while (!get(&done))
		rcu_barrier();
	if (arg)
		run_child(defer_more, NULL);
	rcu_defer_unregister_thread();
}

START_TEST(deferred_calls_go_on_in_a_child_forked_while_one_waited_for_the_forker)
{
	prepare();
	rcu_register_thread();
	MUST(rcu_defer_register_thread() == 0);
	defer_rcu(wait_in_call, &waiting);
	await(&waiting.inside);
	rcu_read_lock();
	sem_post(&waiting.go_on);
	await_asleep(waiting.tid);
	run_child(defer_more, &waiting);
	rcu_read_unlock();
	rcu_defer_barrier();
	MUST(get(&waiting.done));
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
}
END_TEST

#endif

int main(void)
{
	Suite *suite = suite_create("fork-circles/" FLAVOR);
	TCase *tcase = add_case(suite, "circles");

#ifndef TEST_QSBR
	tcase_add_test(tcase, a_reader_that_waits_for_another_threads_fork_does_not_hold_it_up);
	tcase_add_test(tcase, a_callback_that_was_set_aside_goes_on_after_the_fork);
#endif
	tcase_add_test(tcase,
		the_worker_does_not_wait_for_deferred_calls_that_another_thread_runs);
	tcase_add_test(tcase,
		a_callback_that_frees_a_worker_does_not_hold_up_the_fork_of_that_workers_callback);
#ifndef TEST_QSBR
	tcase_add_test(tcase,
		a_callback_that_frees_a_worker_does_not_hold_up_the_fork_that_holds_up_the_worker);
	tcase_add_test(tcase,
		a_callback_in_rcu_defer_barrier_does_not_hold_up_the_fork_that_holds_up_another);
	tcase_add_test(tcase,
		deferred_calls_go_on_in_a_child_forked_while_one_waited_for_the_forker);
#endif
	return run_suite(suite);
}
