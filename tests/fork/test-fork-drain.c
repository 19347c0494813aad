/* SPDX-License-Identifier: MIT */
/*
 * Forks beside a backlog that is beyond its limit: they wait for it if the program says so (urcu_set_fork_drain),
 * where nobody may wait for them, and no longer than it says.
 */
#include "fork-harness.h"

#define LIMIT		10
#define QUEUED		100
/* Longer than any test: who waits for so long fails. */
#define FOR_EVER	100000000

static struct urcu_backlog backlog(void)
{
	struct urcu_backlog seen;

	urcu_get_backlog(&seen);
	return seen;
}

/* QUEUED of them wait for a reader, and the limit is set when they are there: nobody waits for them but a fork. */
static struct counted *queue_beyond(unsigned int timeout_ms)
{
	struct counted *all = counted_new(QUEUED);

	queue_all(all, QUEUED);
	urcu_set_fork_drain(timeout_ms);
	urcu_set_backlog_limit(0, LIMIT);
	return all;
}

/* The same in bytes. */
static void give_beyond(unsigned int timeout_ms)
{
	for (int i = 0; i < QUEUED; i++)
		urcu_free_rcu(malloc(1000));
	urcu_set_fork_drain(timeout_ms);
	urcu_set_backlog_limit(LIMIT * 1000, 0);
}

static void nothing_is_left(const struct counted *all)
{
	urcu_set_backlog_limit(0, 0);
	MUST(urcu_drain(FOR_EVER) == 0);
	if (all)
		must_have_run_once(all, QUEUED);
	MUST(backlog().callbacks == 0 && backlog().bytes == 0);
}

/* ---- Who waits ---- */

static void look(void *arg)
{
	struct urcu_backlog seen = backlog();

	MUST(seen.callbacks < LIMIT && seen.bytes < LIMIT * 1000);
	use_everything_in_child(arg);
}

static void fork_once(void *arg)
{
	run_child(look, arg);
}

static void fork_by_handlers(void *arg)
{
	MUST(urcu_atfork_enable() == 0);
	run_plain_child(look, arg);
}

static void (*const ways[])(void *arg) = { fork_once, fork_by_handlers };

#define WAYS 2

START_TEST(a_fork_waits_until_it_is_within_the_limit)
{
	struct counted *all = NULL;
	struct reader_thread reader;
	struct task task;

	hold(&reader);
	if (_i % 2)
		all = queue_beyond(FOR_EVER);
	else
		give_beyond(FOR_EVER);
	start_stuck_task(&task, ways[_i / 2], NULL);
	MUST(backlog().waits == 1);
	/* It has paused nobody yet, and another fork passes. */
	call_rcu_data_free(create_call_rcu_data(0, -1));
	release(&reader);
	join(task.thread);
	MUST(backlog().waits == 1 && backlog().overruns == 0);
	nothing_is_left(all);
}
END_TEST

#ifdef TEST_QSBR
/* What waits, waits for the forking thread. */
START_TEST(who_forks_online_goes_offline_meanwhile)
{
	struct counted *all;

	urcu_qsbr_register_thread();
	all = queue_beyond(FOR_EVER);
	fork_once(NULL);
	MUST(urcu_qsbr_read_ongoing());
	urcu_qsbr_unregister_thread();
	MUST(backlog().waits == 1 && backlog().overruns == 0);
	nothing_is_left(all);
}
END_TEST
#endif

/* Those that the program made are waited for, too. */
START_TEST(a_fork_waits_for_all_workers)
{
	struct call_rcu_data *worker = create_call_rcu_data(_i ? URCU_CALL_RCU_RT : 0, -1);
	struct reader_thread reader;
	struct counted *all;
	struct task task;

	hold(&reader);
	set_thread_call_rcu_data(worker);
	all = queue_beyond(FOR_EVER);
	set_thread_call_rcu_data(NULL);
	start_stuck_task(&task, fork_once, NULL);
	release(&reader);
	join(task.thread);
	MUST(backlog().waits == 1 && backlog().overruns == 0);
	nothing_is_left(all);
	call_rcu_data_free(worker);
}
END_TEST

static void use(void *arg)
{
	(void)arg;
	STAGE("child of a fork that waited in vain");
	queue_and_finish(NULL);
}

START_TEST(a_fork_waits_no_longer_than_it_says)
{
	struct reader_thread reader;
	struct counted *all;

	hold(&reader);
	all = queue_beyond(20);
	for (unsigned long i = 1; i < 4; i++) {
		run_child(use, NULL);
		MUST(backlog().waits == i && backlog().overruns == i);
	}
	MUST(sum_of_runs(all, QUEUED) == 0);
	release(&reader);
	nothing_is_left(all);
}
END_TEST

/* ---- Who does not ---- */

static void leave_at_once(void *arg)
{
	(void)arg;
	STAGE("child of a fork that must not wait");
}

static void must_not_wait(unsigned long overruns)
{
	struct urcu_backlog before = backlog(), after;

	run_child(leave_at_once, NULL);
	after = backlog();
	MUST(after.waits == before.waits);
	MUST(after.overruns == before.overruns + overruns);
}

START_TEST(unless_the_program_says_so_no_fork_waits)
{
	struct reader_thread reader;
	struct counted *all;

	hold(&reader);
	all = queue_beyond(_i ? FOR_EVER : 0);
	if (_i)
		urcu_set_backlog_limit(0, 0);
	must_not_wait(0);
	if (_i)
		urcu_set_backlog_limit(1 << 20, 10 * QUEUED);
	must_not_wait(0);
	release(&reader);
	nothing_is_left(all);
}
END_TEST

#ifndef TEST_QSBR
START_TEST(a_fork_in_a_section_does_not_wait)
{
	struct counted *all;

	rcu_register_thread();
	rcu_read_lock();
	all = queue_beyond(FOR_EVER);
	must_not_wait(1);
	rcu_read_unlock();
	rcu_unregister_thread();
	nothing_is_left(all);
}
END_TEST
#endif

struct forking {
	struct rcu_head head;
	struct counted *all;
	sem_t over;
};

static void queue_and_fork(struct rcu_head *head)
{
	struct forking *forking = caa_container_of(head, struct forking, head);

	forking->all = queue_beyond(FOR_EVER);
	must_not_wait(1);
	sem_post(&forking->over);
}

static void queue_and_fork_deferred(void *head)
{
	queue_and_fork(head);
}

START_TEST(a_fork_in_a_callback_does_not_wait)
{
	struct forking forking;

	sem_init(&forking.over, 0, 0);
	if (_i) {
		rcu_register_thread();
		MUST(rcu_defer_register_thread() == 0);
		defer_rcu(queue_and_fork_deferred, &forking.head);
		if (_i == 1)
			rcu_defer_barrier();
	} else {
		call_rcu(&forking.head, queue_and_fork);
	}
	await(&forking.over);
	if (_i) {
		rcu_defer_unregister_thread();
		rcu_unregister_thread();
	}
	nothing_is_left(forking.all);
}
END_TEST

/* The outermost hook has waited, or has not. */
START_TEST(a_fork_between_other_hooks_does_not_wait)
{
	struct counted *all = counted_new(QUEUED);

	urcu_set_fork_drain(FOR_EVER);
	call_rcu_before_fork();
	queue_all(all, QUEUED);
	urcu_set_backlog_limit(0, LIMIT);
	must_not_wait(0);
	call_rcu_after_fork_parent();
	nothing_is_left(all);
}
END_TEST

#ifdef TEST_BP
START_TEST(a_fork_between_bps_own_hooks_does_not_wait)
{
	struct counted *all;

	urcu_bp_before_fork();
	all = queue_beyond(FOR_EVER);
	must_not_wait(1);
	urcu_bp_after_fork_parent();
	nothing_is_left(all);
}
END_TEST
#endif

static void fork_in_section(void *arg)
{
	rcu_read_lock();
	run_child(leave_at_once, arg);
	rcu_read_unlock();
}

/* One that waits has nothing yet that others fork by; they pause the worker, and he goes on after that. */
START_TEST(who_waits_lets_others_fork)
{
	struct reader_thread reader;
	struct task waits, forks;
	struct counted *all;

	hold(&reader);
	all = queue_beyond(FOR_EVER);
	start_stuck_task(&waits, fork_once, NULL);
	urcu_set_fork_drain(0);
	start_task(&forks, fork_in_section, NULL);
	join(forks.thread);
	for (int i = 0; i < 5; i++)
		run_child(use, NULL);
	must_be_stuck(&waits);
	release(&reader);
	join(waits.thread);
	nothing_is_left(all);
}
END_TEST

/* ---- In children ---- */

/* It has no worker's thread, and what waits there is its parent's. */
static void fork_at_once(void *arg)
{
	must_not_wait(1);
	finish_in_child(arg);
}

static void fork_beside_a_reader(void *arg)
{
	unsigned long waits = backlog().waits;
	struct counted *all = counted_new(QUEUED);
	struct reader_thread reader;

	finish_in_child(arg);
	hold(&reader);
	queue_all(all, 5);
	urcu_set_fork_drain(20);
	urcu_set_backlog_limit(0, 2);
	run_child(use, NULL);
	MUST(backlog().waits == waits + 1);
	release(&reader);
	finish(all, 5);
}

START_TEST(children_keep_to_it)
{
	struct batch batch = { NULL, QUEUED };
	struct reader_thread reader;

	hold(&reader);
	batch.all = queue_beyond(20);
	if (_i)
		run_child(fork_beside_a_reader, &batch);
	else
		run_child(fork_at_once, &batch);
	MUST(backlog().waits == 1);
	release(&reader);
	nothing_is_left(batch.all);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fork-drain-" FLAVOR);
	TCase *tcase = add_case(suite, "drain");

	tcase_add_loop_test(tcase, a_fork_waits_until_it_is_within_the_limit, 0, 2 * WAYS);
	tcase_add_loop_test(tcase, a_fork_waits_for_all_workers, 0, 2);
	tcase_add_test(tcase, a_fork_waits_no_longer_than_it_says);
	tcase_add_loop_test(tcase, unless_the_program_says_so_no_fork_waits, 0, 2);
#ifdef TEST_QSBR
	tcase_add_test(tcase, who_forks_online_goes_offline_meanwhile);
#else
	tcase_add_test(tcase, a_fork_in_a_section_does_not_wait);
#endif
	tcase_add_loop_test(tcase, a_fork_in_a_callback_does_not_wait, 0, 3);
	tcase_add_test(tcase, a_fork_between_other_hooks_does_not_wait);
#ifdef TEST_BP
	tcase_add_test(tcase, a_fork_between_bps_own_hooks_does_not_wait);
#endif
	tcase_add_test(tcase, who_waits_lets_others_fork);
	tcase_add_loop_test(tcase, children_keep_to_it, 0, 2);
	return run_suite(suite);
}
