/* SPDX-License-Identifier: MIT */
/*
 * Included first in whatever is built for ./dev coverage: a program, and each library, tells dump.c,
 * if that is preloaded, how to write its counts.
 */
#ifndef TESTS_COVERAGE_DUMP_H
#define TESTS_COVERAGE_DUMP_H

extern void coverage_enter(void (*dump)(void)) __attribute__((weak));
extern void coverage_leave(void (*dump)(void)) __attribute__((weak));
extern int coverage_is_written(void) __attribute__((weak));
extern void __gcov_dump(void);

#define COVERAGE_IS_WRITTEN (coverage_is_written && coverage_is_written())

__attribute__((constructor)) static void coverage_begin(void)
{
	if (coverage_enter)
		coverage_enter(__gcov_dump);
}

/* After all other destructors but gcov's own. */
__attribute__((destructor(101))) static void coverage_end(void)
{
	if (coverage_leave)
		coverage_leave(__gcov_dump);
}

#endif /* TESTS_COVERAGE_DUMP_H */
