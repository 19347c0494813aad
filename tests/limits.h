/* SPDX-License-Identifier: MIT */
/*
 * Limits are against hangs, and measure nothing: a test that comes to one has failed. All of them are
 * stretched by one factor, CK_TIMEOUT_MULTIPLIER, which is Check's own variable for its timeouts; by
 * make check each test gets it from tests/patience.sh, by how busy the machine is.
 *
 * A wait has its own limit, shorter than that of its test, so that it can say what it waited for.
 */
#ifndef TESTS_LIMITS_H
#define TESTS_LIMITS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WAIT_LIMIT 15	/* seconds for a wait in a test's own code, before the stretching */

/* At least 1: what a child may take is not cut down. */
static inline unsigned int patience(void)
{
	const char *factor = getenv("CK_TIMEOUT_MULTIPLIER");

	return factor && atoi(factor) > 1 ? (unsigned int)atoi(factor) : 1;
}

/*
 * For what expects no reports: on a busy machine a wait may take the 10 s after which the library reports it, and goes
 * on all the same. Before the process waits for the first time.
 */
static inline void put_off_stall_reports(void)
{
	char seconds[16];

	snprintf(seconds, sizeof(seconds), "%u", WAIT_LIMIT * patience());
	setenv("URCU_STALL_TIMEOUT", seconds, 1);
}

static inline uint64_t limit_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec;
}

/* Whether a wait has gone on for too long. *since is 0 at its first look. */
static inline bool waited_too_long(uint64_t *since)
{
	if (*since == 0)
		*since = limit_clock() + 1;
	return limit_clock() > *since + WAIT_LIMIT * patience();
}

#endif /* TESTS_LIMITS_H */
