/* SPDX-License-Identifier: MIT */
/*
 * What is queued before exit runs while the program is whole: before the functions that it gave to
 * atexit before it used RCU, and before its destructors. From then on no callback runs but those that
 * somebody waits for (doc/design/exit.md).
 */
#include "whole.h"

/* ---- While the program is taken apart ---- */

static void use_and_wait(void)
{
	struct call_rcu_data *worker;
	int ran;

	rcu_barrier();
	ran = get(&results->ran);
	for (int i = 0; i < 3; i++) {
		queue(10);
		rcu_barrier();
		ran += 10;
		MUST(get(&results->ran) == ran);
	}
	synchronize_rcu();
	worker = create_call_rcu_data(0, -1);
	MUST(worker);
	set_thread_call_rcu_data(worker);
	queue(10);
	rcu_barrier();
	MUST(get(&results->ran) == ran + 10);
	set_thread_call_rcu_data(NULL);
	queue(10);
	call_rcu_data_free(worker);
	rcu_barrier();
	MUST(get(&results->ran) == ran + 20);
	join(start_thread(read_once, NULL));
	results->reached++;
}

static void use_and_wait_in_destructor(void)
{
	put(&whole, 1);
	use_and_wait();
	put(&whole, 0);
}

/* What is queued and not waited for stays where it is. */
static void use_and_leave(void)
{
	put(&whole, 0);
	results->word[0] = get(&results->ran);
	queue(10);
	give_callbacks_a_chance();
	results->word[1] = get(&results->ran);
}

static int end_uses(int kind)
{
	at_end = use_and_wait;
	in_destructor = use_and_wait_in_destructor;
	return queued(kind);
}

/* Nothing was used before. */
static int end_is_first_use(int argument)
{
	at_end = use_and_wait;
	in_destructor = use_and_wait_in_destructor;
	return 7 + 0 * argument;
}

static int end_leaves(int kind)
{
	at_end = use_and_leave;
	return queued(kind);
}

static int destructor_leaves(int kind)
{
	in_destructor = use_and_leave;
	return queued(kind);
}

/* What is left may be run later by somebody who waits. */
static void use_leave_and_wait(void)
{
	int ran;

	rcu_barrier();
	ran = get(&results->ran);
	queue(10);
	rcu_barrier();
	MUST(get(&results->ran) == ran + 10);
	results->reached++;
}

static int end_uses_twice(int kind)
{
	at_end = use_leave_and_wait;
	in_destructor = use_and_leave;
	return queued(kind);
}

/* ---- Others go on ---- */

static int others_kind;

struct freed {
	struct rcu_head head;
	int *queued;
};

static void look_and_free(struct rcu_head *head)
{
	struct freed *freed = caa_container_of(head, struct freed, head);

	if (!get(&whole))
		raise_by_one(&results->late);
	raise_by_one(&results->ran);
	__atomic_fetch_sub(freed->queued, 1, __ATOMIC_RELAXED);
	free(freed);
}

/* Never more than some at a time. */
static void *queue_on(void *arg)
{
	static int queued_now;

	rcu_register_thread();
	if (others_kind != OF_CPUS)
		choose_worker(others_kind);
	for (;;) {
		struct freed *freed;

		while (get(&queued_now) >= 1000)
			relax();
		freed = malloc(sizeof(*freed));
		MUST(freed);
		freed->queued = &queued_now;
		__atomic_fetch_add(&queued_now, 1, __ATOMIC_RELAXED);
		call_rcu(&freed->head, look_and_free);
	}
	return arg;
}

/* In a section too. */
static void see_that_nothing_runs(void)
{
	put(&whole, 0);
	for (int i = 0; i < 20; i++)
		usleep(1000);
}

static void start_others(int kind)
{
	others_kind = kind;
	if (kind == OF_CPUS)
		choose_worker(kind);
	at_end = see_that_nothing_runs;
	for (int i = 0; i < 2; i++)
		start_thread(queue_on, NULL);
	while (get(&results->ran) < 2000)
		relax();
}

static int others_queue(int kind)
{
	start_others(kind);
	return 7;
}

static void exit_in_callback(struct rcu_head *head)
{
	exit(head ? 7 : 1);
}

static int others_queue_exit_in_callback(int kind)
{
	static struct rcu_head head;

	start_others(kind);
	/* Which may be in the standard worker's way, whose callback this is. */
	call_rcu(&head, exit_in_callback);
	pause();
	return 1;
}

static void exit_in_handler(int number)
{
	exit(number == SIGUSR1 ? 7 : 1);
}

static int others_queue_exit_in_handler(int kind)
{
	signal(SIGUSR1, exit_in_handler);
	start_others(kind);
	/* To this thread: one that is about to begin might take a signal that is the process's. */
	raise(SIGUSR1);
	return 1;
}

static int others_queue_exit_between_hooks(int kind)
{
	start_others(kind);
	call_rcu_before_fork();
	return 7;
}

#ifndef TEST_QSBR	/* which cannot tell a section */
static int others_queue_exit_in_section(int kind)
{
	start_others(kind);
	rcu_register_thread();
	rcu_read_lock();
	return 7;
}
#endif

/* ---- A forked child's exit ---- */

static int child_exits(int kind)
{
	struct reader_thread reader;
	int status;
	pid_t pid;

	hold(&reader);
	choose_worker(kind);
	queue(CALLBACKS);
	pid = hooked_fork();
	if (pid == 0) {
		queue(CALLBACKS);
		exit(7);
	}
	MUST(waitpid(pid, &status, 0) == pid);
	MUST(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	MUST(get(&results->late) == 0);
	results->reached = get(&results->ran);
	release(&reader);
	return 7;
}

/* ---- A child that is forked in exit ---- */

static pid_t (*fork_at_end)(void);

static void must_end_well(pid_t pid)
{
	int status;

	MUST(waitpid(pid, &status, 0) == pid);
	MUST(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

/* After the drain. Both go on with the exit, the child with a use of RCU first. */
static void fork_and_use(void)
{
	pid_t pid = fork_at_end();

	if (pid == 0) {
		use_and_wait();
		use_and_leave();
	} else {
		must_end_well(pid);
	}
}

static int end_forks(int kind)
{
	at_end = fork_and_use;
	fork_at_end = hooked_fork;
	return queued(kind);
}

static int end_forks_without_hooks(int kind)
{
	at_end = fork_and_use;
	fork_at_end = fork;
	return queued(kind);
}

static int main_is_in_exit;

static void let_other_fork(void)
{
	put(&main_is_in_exit, 1);
	await_that(get(&results->reached) != 0);
}

static void break_up_late(void)
{
	put(&whole, 0);
}

/* The child is in no exit, until it calls it. That glibc has a lock which another thread's exit keeps is no matter here. */
static void *fork_beside_exit(void *arg)
{
	pid_t pid;

	await_that(get(&main_is_in_exit));
	pid = fork_at_end();
	if (pid == 0) {
		at_end = NULL;
		in_destructor = break_up_late;
		queue(10);
		await_that(get(&results->ran) == CALLBACKS + 10);
		queue(CALLBACKS);
#ifdef __GLIBC_PREREQ
#if __GLIBC_PREREQ(2, 41)
		rcu_barrier();
		_exit(7);
#endif
#endif
		exit(7);
	}
	must_end_well(pid);
	put(&results->reached, 1);
	return arg;
}

static int other_forks(int kind)
{
	fork_at_end = hooked_fork;
	at_end = let_other_fork;
	start_thread(fork_beside_exit, NULL);
	return queued(kind);
}

static int other_forks_without_hooks(int kind)
{
	int status = other_forks(kind);

	fork_at_end = fork;
	return status;
}

/* ---- Ends that are none of ours ---- */

static struct reader_thread stuck;

static int quick_exit_waits_for_nothing(int kind)
{
	hold(&stuck);
	choose_worker(kind);
	queue(CALLBACKS);
	quick_exit(7);
}

static int end_at_once_waits_for_nothing(int kind)
{
	hold(&stuck);
	choose_worker(kind);
	queue(CALLBACKS);
	_exit(7);
}

static const struct again_case cases[] = {
	{ "queued", queued },
	{ "queued-by-other-thread", queued_by_other_thread },
	{ "queued-by-later-function", queued_by_later_function },
	{ "object-made-later", object_made_later },
	{ "end-uses", end_uses },
	{ "end-is-first-use", end_is_first_use },
	{ "end-leaves", end_leaves },
	{ "destructor-leaves", destructor_leaves },
	{ "end-uses-twice", end_uses_twice },
	{ "others-queue", others_queue },
	{ "others-queue-exit-in-callback", others_queue_exit_in_callback },
	{ "others-queue-exit-in-handler", others_queue_exit_in_handler },
	{ "others-queue-exit-between-hooks", others_queue_exit_between_hooks },
#ifndef TEST_QSBR
	{ "others-queue-exit-in-section", others_queue_exit_in_section },
#endif
	{ "child-exits", child_exits },
	{ "end-forks", end_forks },
	{ "end-forks-without-hooks", end_forks_without_hooks },
	{ "other-forks", other_forks },
	{ "other-forks-without-hooks", other_forks_without_hooks },
	{ "quick-exit", quick_exit_waits_for_nothing },
	{ "end-at-once", end_at_once_waits_for_nothing },
	{ NULL, NULL },
};

/* ---- The tests; _i is the kind of worker ---- */

#define LONG_LIMIT "60000"	/* whoever waits in vain is caught by the alarm */
static void must_have_run(int number)
{
	ck_assert_int_eq(results->late, 0);
	ck_assert_int_eq(results->ran, number);
}

START_TEST(what_is_queued_before_exit_runs_while_the_program_is_whole)
{
	static const char *const names[] = { "queued", "queued-by-other-thread" };

	for (int i = 0; i < 10; i++) {
		run_again(names[i % 2], _i, LONG_LIMIT);
		must_have_run(CALLBACKS);
	}
}
END_TEST

START_TEST(what_a_function_registered_later_queues_runs_too)
{
	run_again("queued-by-later-function", _i, LONG_LIMIT);
	must_have_run(CALLBACKS + 10);
}
END_TEST

START_TEST(an_object_made_later_waits_for_its_callbacks_by_a_barrier)
{
	run_again("object-made-later", _i, LONG_LIMIT);
	must_have_run(CALLBACKS);
}
END_TEST

START_TEST(everything_works_at_the_end_for_those_who_wait)
{
	run_again("end-uses", _i, LONG_LIMIT);
	must_have_run(CALLBACKS + 2 * 50);
	ck_assert_int_eq(results->reached, 2);
}
END_TEST

START_TEST(everything_works_at_the_end_when_it_is_first_used_there)
{
	run_again("end-is-first-use", 0, LONG_LIMIT);
	must_have_run(2 * 50);
	ck_assert_int_eq(results->reached, 2);
}
END_TEST

START_TEST(nothing_runs_at_the_end_by_itself)
{
	static const char *const names[] = { "end-leaves", "destructor-leaves" };

	for (int i = 0; i < 2; i++) {
		run_again(names[i], _i, LONG_LIMIT);
		ck_assert_int_eq(results->word[0], CALLBACKS);
		ck_assert_int_eq(results->word[1], CALLBACKS);
		must_have_run(CALLBACKS);
	}
}
END_TEST

START_TEST(nothing_runs_by_itself_after_somebody_has_waited_either)
{
	run_again("end-uses-twice", _i, LONG_LIMIT);
	ck_assert_int_eq(results->reached, 1);
	ck_assert_int_eq(results->word[1], CALLBACKS + 10);
	must_have_run(CALLBACKS + 10);
}
END_TEST

static void others_find_a_whole_program(const char *name, int kind)
{
	for (int i = 0; i < 3; i++) {
		run_again(name, kind, LONG_LIMIT);
		ck_assert_int_eq(results->late, 0);
	}
}

START_TEST(callbacks_of_threads_that_go_on_do_not_run_when_the_program_ends)
{
	others_find_a_whole_program("others-queue", _i);
}
END_TEST

START_TEST(nor_after_exit_in_a_callback)
{
	others_find_a_whole_program("others-queue-exit-in-callback", _i);
}
END_TEST

START_TEST(nor_after_exit_in_a_signal_handler)
{
	others_find_a_whole_program("others-queue-exit-in-handler", _i);
}
END_TEST

START_TEST(nor_after_exit_between_the_fork_hooks)
{
	others_find_a_whole_program("others-queue-exit-between-hooks", _i);
}
END_TEST

#ifndef TEST_QSBR
START_TEST(nor_after_exit_in_a_section)
{
	others_find_a_whole_program("others-queue-exit-in-section", _i);
}
END_TEST
#endif

START_TEST(a_forked_child_runs_its_copies_while_it_is_whole)
{
	run_again("child-exits", _i, "20000");
	ck_assert_int_eq(results->reached, 2 * CALLBACKS);
	must_have_run(3 * CALLBACKS);
}
END_TEST

START_TEST(a_child_that_is_forked_in_exit_is_in_exit_too)
{
	static const char *const names[] = { "end-forks", "end-forks-without-hooks" };

	for (int i = 0; i < 2; i++) {
		run_again(names[i], _i, "20000");
		ck_assert_int_eq(results->word[1], results->word[0]);
		must_have_run(CALLBACKS + 50);
	}
}
END_TEST

START_TEST(a_child_of_a_thread_beside_the_exit_has_an_exit_of_its_own)
{
	static const char *const names[] = { "other-forks", "other-forks-without-hooks" };

	for (int i = 0; i < 2; i++) {
		run_again(names[i], _i, "20000");
		must_have_run(2 * CALLBACKS + 10);
	}
}
END_TEST

START_TEST(quick_exit_and_end_at_once_wait_for_nothing)
{
	run_again("quick-exit", _i, "600000");
	run_again("end-at-once", _i, "600000");
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("exit-whole/" FLAVOR);
	TCase *tcase = add_again_case(suite, "whole");

	tcase_add_loop_test(tcase, what_is_queued_before_exit_runs_while_the_program_is_whole, 0,
			    KINDS);
	tcase_add_loop_test(tcase, what_a_function_registered_later_queues_runs_too, 0, KINDS);
	tcase_add_loop_test(tcase, an_object_made_later_waits_for_its_callbacks_by_a_barrier, 0,
			    KINDS);
	tcase_add_loop_test(tcase, everything_works_at_the_end_for_those_who_wait, 0, KINDS);
	tcase_add_test(tcase, everything_works_at_the_end_when_it_is_first_used_there);
	tcase_add_loop_test(tcase, nothing_runs_at_the_end_by_itself, 0, KINDS);
	tcase_add_loop_test(tcase, nothing_runs_by_itself_after_somebody_has_waited_either, 0, KINDS);
	tcase_add_loop_test(tcase,
		callbacks_of_threads_that_go_on_do_not_run_when_the_program_ends, 0, KINDS);
	tcase_add_loop_test(tcase, nor_after_exit_in_a_callback, 0, KINDS);
	tcase_add_loop_test(tcase, nor_after_exit_in_a_signal_handler, 0, KINDS);
	tcase_add_loop_test(tcase, nor_after_exit_between_the_fork_hooks, 0, KINDS);
#ifndef TEST_QSBR
	tcase_add_loop_test(tcase, nor_after_exit_in_a_section, 0, KINDS);
#endif
	tcase = add_again_case(suite, "others");
	tcase_set_tags(tcase, "forks");		/* tests/sanitize/sanitize.sh */
	tcase_add_loop_test(tcase, a_forked_child_runs_its_copies_while_it_is_whole, 0, KINDS);
	tcase_add_loop_test(tcase, a_child_that_is_forked_in_exit_is_in_exit_too, 0, KINDS);
	tcase_add_loop_test(tcase, a_child_of_a_thread_beside_the_exit_has_an_exit_of_its_own, 0, KINDS);
	tcase_add_loop_test(tcase, quick_exit_and_end_at_once_wait_for_nothing, 0, KINDS);
	return suite;
}

int main(int argc, char **argv)
{
	if (argc > 2)
		return run_case(argv[1], atoi(argv[2]));
	return run_suite(suite());
}
