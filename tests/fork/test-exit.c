/* SPDX-License-Identifier: MIT */
/*
 * The exit contract (doc/design/exit.md). Each test starts this program again with the name of a
 * case (exit-cases.c) and looks at how it ends and at what its callbacks did. That it ends is for
 * its alarm and the test's timeout to see; no other time is measured, but for the limit itself.
 */
#include "exit-cases.h"
#include "started-again.h"

static struct results *results;

static void start_results(void)
{
	results = share_results(sizeof(*results));
}

static void run_case(const char *name)
{
	memset(results, 0, sizeof(*results));
	start_again(name, NULL);
}

static void must_be_marked(int from, int to, int times)
{
	for (int i = from; i < to; i++)
		if (results->marks[i] != times)
			ck_abort_msg("callback %d ran %d times, not %d", i, results->marks[i],
				     times);
}

/* In milliseconds. */
static long run_timed(const char *name)
{
	struct timespec begin;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	run_case(name);
	return ms_since(&begin);
}

#define DEFAULT_LIMIT 1000

/* A busy machine may slow a program down, now and then; nothing speeds one up. */
static void must_end_within_default_limit(const char *name)
{
	for (int i = 0; i < 10; i++)
		if (run_timed(name) < DEFAULT_LIMIT)
			return;
	ck_abort_msg("%s: always took the default limit or longer", name);
}

/* ---- What is queued runs ---- */

START_TEST(callbacks_queued_at_return_from_main_run_once)
{
	set_limit("60000");
	for (int i = 0; i < 5; i++) {
		run_case("queued");
		must_be_marked(0, 100, 1);
	}
	run_case("queued-registered");
	must_be_marked(0, 100, 1);
}
END_TEST

START_TEST(callbacks_run_once_when_another_thread_calls_exit)
{
	set_limit("60000");
	run_case("queued-other-thread");
	must_be_marked(0, 100, 1);
}
END_TEST

START_TEST(callbacks_that_chain_run_once_and_others_are_not_held_up)
{
	set_limit("60000");
	run_case("chained");
	must_be_marked(0, 100, 1);
	ck_assert_int_ge(results->chained, 1);
	ck_assert_int_le(results->chained, 10);
}
END_TEST

START_TEST(a_callback_slower_than_the_program_is_waited_for)
{
	set_limit("60000");
	run_case("slow-callback");
	must_be_marked(0, 100, 1);
}
END_TEST

START_TEST(after_the_destructor_was_called_by_hand_everything_still_works)
{
	set_limit("60000");
	for (int i = 0; i < 5; i++) {
		run_case("exits-by-hand");
		must_be_marked(0, 200, 1);
	}
}
END_TEST

/* ---- Nothing hangs the exit ---- */

START_TEST(a_callback_that_queues_itself_for_ever_does_not_hang_the_exit)
{
	set_limit("60000");
	run_case("requeues-for-ever");
	must_be_marked(0, 100, 1);
	ck_assert_int_ge(results->requeued, 1);
}
END_TEST

START_TEST(a_callback_that_blocks_for_ever_is_waited_for_as_long_as_the_limit)
{
	ck_assert_int_ge(run_timed("blocks-for-ever"), DEFAULT_LIMIT);
	must_be_marked(0, 100, 1);
}
END_TEST

START_TEST(a_reader_stuck_in_its_section_is_waited_for_as_long_as_the_limit)
{
	ck_assert_int_ge(run_timed("reader-stuck"), DEFAULT_LIMIT);
	must_be_marked(0, 100, 0);
}
END_TEST

START_TEST(exit_in_a_callback_waits_for_nothing)
{
	set_limit("600000");
	for (int i = 0; i < 10; i++)
		run_case("exits-in-callback");
}
END_TEST

/* But for qsbr, which cannot tell a section. */
START_TEST(exit_in_a_section_waits_for_nothing)
{
	set_limit(strcmp(FLAVOR, "qsbr") == 0 ? "50" : "600000");
	for (int i = 0; i < 10; i++)
		run_case("exits-in-section");
}
END_TEST

/* ---- The limit ---- */

START_TEST(a_limit_of_0_waits_for_nothing)
{
	set_limit("0");
	must_end_within_default_limit("blocks-for-ever");
	must_end_within_default_limit("reader-stuck");
	run_case("queued");
}
END_TEST

START_TEST(a_small_limit_is_kept)
{
	set_limit("100");
	ck_assert_int_ge(run_timed("blocks-for-ever"), 100);
	must_end_within_default_limit("blocks-for-ever");
	must_end_within_default_limit("reader-stuck");
}
END_TEST

START_TEST(a_limit_that_is_no_number_stands_for_the_default)
{
	set_limit("soon");
	ck_assert_int_ge(run_timed("reader-stuck"), DEFAULT_LIMIT);
	set_limit("12x");
	ck_assert_int_ge(run_timed("reader-stuck"), DEFAULT_LIMIT);
	/* To strtoul a number, and as large as there is. */
	set_limit("-1");
	ck_assert_int_ge(run_timed("reader-stuck"), DEFAULT_LIMIT);
	set_limit("");
	ck_assert_int_ge(run_timed("reader-stuck"), DEFAULT_LIMIT);
}
END_TEST

START_TEST(a_limit_too_large_for_any_clock_still_waits)
{
	static const char *const limits[] = {
		"18446744073709", "18446744073710", "9223372036854775807",
		"18446744073709551615", "99999999999999999999999",
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		set_limit(limits[i]);
		run_case("slow-callback");
		must_be_marked(0, 100, 1);
	}
}
END_TEST

/* ---- Forked children ---- */

START_TEST(a_child_forked_with_hooks_runs_its_copies_at_exit)
{
	set_limit("20000");
	run_case("child-with-hooks");
	must_be_marked(0, 200, 1);
	must_be_marked(1000, 1100, 0);
	must_be_marked(1100, 1200, 1);
	run_case("grandchild-with-hooks");
	must_be_marked(0, 200, 1);
	must_be_marked(1000, 1200, 1);
}
END_TEST

START_TEST(a_child_forked_with_hooks_runs_what_it_queued_itself_at_exit)
{
	set_limit("20000");
	run_case("child-queues");
	must_be_marked(0, 100, 2);
	must_be_marked(100, 200, 1);
}
END_TEST

/* A limit of ten minutes: whoever waits is caught by the alarm. */
START_TEST(a_child_forked_without_hooks_leaves_at_once)
{
	set_limit("600000");
	run_case("child-without-hooks-has-callbacks");
	must_be_marked(0, 100, 1);
}
END_TEST

START_TEST(a_child_forked_without_hooks_takes_no_lock_of_readers)
{
	set_limit("600000");
	run_case("children-without-hooks-of-readers");
}
END_TEST

START_TEST(a_child_forked_without_hooks_takes_no_lock_of_workers)
{
	set_limit("600000");
	run_case("children-without-hooks-of-workers");
}
END_TEST

/* ---- Other threads go on ---- */

#define RUNS 50

/* How many operations of the others came after the library's part of an exit. */
static int go_on(const char *name)
{
	int late = 0;

	set_limit("20");
	for (int i = 0; i < RUNS; i++) {
		run_case(name);
		late += results->late_operations;
	}
	return late;
}

START_TEST(exit_while_registered_threads_call_call_rcu_does_not_crash)
{
	ck_assert_int_gt(go_on("others-call"), 0);
}
END_TEST

START_TEST(exit_while_threads_call_call_rcu_on_their_own_workers_does_not_crash)
{
	ck_assert_int_gt(go_on("others-call-on-own-workers"), 0);
}
END_TEST

START_TEST(exit_while_threads_read_and_register_does_not_crash)
{
	ck_assert_int_gt(go_on("others-register"), 0);
}
END_TEST

START_TEST(exit_while_threads_are_in_rcu_barrier_and_synchronize_rcu_does_not_crash)
{
	go_on("others-wait");
}
END_TEST

START_TEST(exit_while_threads_make_and_free_workers_does_not_crash)
{
	ck_assert_int_gt(go_on("others-make-workers"), 0);
}
END_TEST

START_TEST(a_barrier_in_exit_frees_what_is_given_then_and_before)
{
	run_case("given");
	must_be_marked(0, 1500, 1);
	run_case("given-blocks");
}
END_TEST

static TCase *add_exit_case(Suite *suite, const char *name)
{
	return add_results_case(suite, name, start_results);
}

static Suite *suite(void)
{
	Suite *suite = suite_create("exit/" FLAVOR);
	TCase *tcase = add_exit_case(suite, "queued");

	tcase_add_test(tcase, callbacks_queued_at_return_from_main_run_once);
	tcase_add_test(tcase, callbacks_run_once_when_another_thread_calls_exit);
	tcase_add_test(tcase, callbacks_that_chain_run_once_and_others_are_not_held_up);
	tcase_add_test(tcase, a_callback_slower_than_the_program_is_waited_for);
	tcase_add_test(tcase, after_the_destructor_was_called_by_hand_everything_still_works);
	tcase_add_test(tcase, a_barrier_in_exit_frees_what_is_given_then_and_before);
	tcase = add_exit_case(suite, "stuck");
	tcase_add_test(tcase, a_callback_that_queues_itself_for_ever_does_not_hang_the_exit);
	tcase_add_test(tcase, a_callback_that_blocks_for_ever_is_waited_for_as_long_as_the_limit);
	tcase_add_test(tcase, a_reader_stuck_in_its_section_is_waited_for_as_long_as_the_limit);
	tcase_add_test(tcase, exit_in_a_callback_waits_for_nothing);
	tcase_add_test(tcase, exit_in_a_section_waits_for_nothing);
	tcase = add_exit_case(suite, "limit");
	tcase_add_test(tcase, a_limit_of_0_waits_for_nothing);
	tcase_add_test(tcase, a_small_limit_is_kept);
	tcase_add_test(tcase, a_limit_that_is_no_number_stands_for_the_default);
	tcase_add_test(tcase, a_limit_too_large_for_any_clock_still_waits);
	tcase = add_exit_case(suite, "forked");
	tcase_set_tags(tcase, "forks");		/* tests/sanitize/sanitize.sh */
	tcase_add_test(tcase, a_child_forked_with_hooks_runs_its_copies_at_exit);
	tcase_add_test(tcase, a_child_forked_with_hooks_runs_what_it_queued_itself_at_exit);
	tcase_add_test(tcase, a_child_forked_without_hooks_leaves_at_once);
	tcase_add_test(tcase, a_child_forked_without_hooks_takes_no_lock_of_readers);
	tcase_add_test(tcase, a_child_forked_without_hooks_takes_no_lock_of_workers);
	tcase = add_exit_case(suite, "others");
	tcase_add_test(tcase, exit_while_registered_threads_call_call_rcu_does_not_crash);
	tcase_add_test(tcase, exit_while_threads_call_call_rcu_on_their_own_workers_does_not_crash);
	tcase_add_test(tcase, exit_while_threads_read_and_register_does_not_crash);
	tcase_add_test(tcase,
		exit_while_threads_are_in_rcu_barrier_and_synchronize_rcu_does_not_crash);
	tcase_add_test(tcase, exit_while_threads_make_and_free_workers_does_not_crash);
	return suite;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return run_exit_case(argv[1]);
	return run_suite(suite());
}
