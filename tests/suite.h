/* SPDX-License-Identifier: MIT */
/* How a C test's suite is put together and run. Harnesses that want more have their own add_case. */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <check.h>
#include <stdlib.h>

/* Returns the program's status. */
static inline int run_runner(SRunner *runner, enum print_output mode)
{
	int failed;

	srunner_run_all(runner, mode);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* For tests whose output the environment chooses: CK_TAP_LOG_FILE_NAME, CK_VERBOSITY. */
static inline int run_plain_suite(Suite *suite)
{
	return run_runner(srunner_create(suite), CK_ENV);
}

/* TAP on stdout, whatever the environment says, and each test in a process of its own. */
static inline int run_forked_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);

	srunner_set_tap(runner, "-");
	srunner_set_fork_status(runner, CK_FORK);
	return run_runner(runner, CK_SILENT);
}

/* timeout: of each test, in seconds. */
static inline TCase *add_timed_case(Suite *suite, const char *name, double timeout)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, timeout);
	suite_add_tcase(suite, tcase);
	return tcase;
}

#endif /* TESTS_SUITE_H */
