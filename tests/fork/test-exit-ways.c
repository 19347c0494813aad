/* SPDX-License-Identifier: MIT */
/*
 * Each way to end a process, with each thing that may still be going on (exit-ways-cases.c). As in
 * test-exit.c a case is this program, started again; that it ends is for its alarm to see.
 */
#include "exit-cases.h"
#include "exit-ways-cases.h"
#include "started-again.h"

static struct results *results;

static void start_results(void)
{
	results = share_results(sizeof(*results));
}

static const char *const ways[] = { "return", "thread", "quick" };

#define WAYS	3
#define QUICK	2	/* quick_exit runs no destructors */

/* limit: in milliseconds, for the library's part. */
static void run_case(const char *name, int way, const char *limit)
{
	memset(results, 0, sizeof(*results));
	set_limit(limit);
	start_again(name, ways[way]);
}

START_TEST(a_chain_of_ten_runs_in_ten_barriers_of_which_the_exit_is_one)
{
	run_case("chains", _i, "60000");
	ck_assert_int_ge(results->chained, _i == QUICK ? CHAIN - 1 : CHAIN);
	ck_assert_int_le(results->chained, CHAIN);
}
END_TEST

START_TEST(a_chain_without_end_does_not_hang_it)
{
	run_case("requeues", _i, "60000");
	ck_assert_int_ge(results->requeued, _i == QUICK ? 1 : 2);
}
END_TEST

START_TEST(a_callback_that_blocks_is_left_after_the_limit)
{
	run_case("blocks", _i, "50");
	ck_assert_int_eq(results->chained, 1);
}
END_TEST

START_TEST(a_callback_may_exit_while_the_exit_waits_for_it)
{
	run_case("exits-too", _i, "60000");
}
END_TEST

START_TEST(a_thread_between_the_fork_hooks_is_waited_for)
{
	run_case("others-fork", _i, "60000");
	ck_assert_int_ge(results->chained, _i != QUICK);
}
END_TEST

START_TEST(a_table_that_is_resized_is_waited_for)
{
	run_case("resizes", _i, "60000");
}
END_TEST

START_TEST(a_table_that_is_resized_for_ever_is_left_after_the_limit)
{
	run_case("resizes-for-ever", _i, "50");
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("exit-ways/" FLAVOR);
	TCase *tcase = add_results_case(suite, "ways", start_results);

	tcase_add_loop_test(tcase,
		a_chain_of_ten_runs_in_ten_barriers_of_which_the_exit_is_one, 0, WAYS);
	tcase_add_loop_test(tcase, a_chain_without_end_does_not_hang_it, 0, WAYS);
	tcase_add_loop_test(tcase, a_callback_that_blocks_is_left_after_the_limit, 0, WAYS);
	tcase_add_loop_test(tcase, a_callback_may_exit_while_the_exit_waits_for_it, 0, WAYS);
	tcase_add_loop_test(tcase, a_thread_between_the_fork_hooks_is_waited_for, 0, WAYS);
	tcase_add_loop_test(tcase, a_table_that_is_resized_is_waited_for, 0, WAYS);
	tcase_add_loop_test(tcase, a_table_that_is_resized_for_ever_is_left_after_the_limit, 0,
			    WAYS);
	return suite;
}

int main(int argc, char **argv)
{
	if (argc > 2)
		return run_exit_way(argv[1], argv[2]);
	return run_suite(suite());
}
