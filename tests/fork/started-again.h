/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FORK_STARTED_AGAIN_H
#define TESTS_FORK_STARTED_AGAIN_H

/*
 * For tests of how a program ends: each case is the test's own program, started again with the case's
 * name. What the case finds goes into results that both share; struct results is the test's own. A
 * case that is whole ends by status 7, and that it ends is for its own alarm to see.
 */
#include "fork-harness.h"

#include <time.h>

#define RESULTS_VARIABLE	"QUIESCE_TEST_RESULTS"
#define CASE_STATUS		7

/* ---- In the test ---- */

/* A fixture's part: the results of the cases that are started from here on. */
static UNUSED_OK void *share_results(size_t size)
{
	char number[16];
	void *results;
	int fd;

	set_up();
	fd = memfd_create("results", 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	results = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert(results != MAP_FAILED);
	snprintf(number, sizeof(number), "%d", fd);
	setenv(RESULTS_VARIABLE, number, 1);
	unsetenv("URCU_EXIT_TIMEOUT");
	return results;
}

/* limit: of the library's part of the exit, in milliseconds; NULL: the default. */
static UNUSED_OK void set_limit(const char *limit)
{
	if (limit)
		setenv("URCU_EXIT_TIMEOUT", limit, 1);
	else
		unsetenv("URCU_EXIT_TIMEOUT");
}

/* argument: NULL: none. Fails with what was reported. */
static UNUSED_OK void start_again(const char *name, const char *argument)
{
	char line[256] = "";
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl("/proc/self/exe", "again", name, argument, (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == CASE_STATUS)
		return;
	if (reports) {
		rewind(reports);
		if (!fgets(line, sizeof(line), reports))
			line[0] = 0;
		rewind(reports);
	}
	ck_abort_msg("%s %s: %s %d: %s", name, argument ? argument : "",
		     WIFEXITED(status) ? "status" : "signal",
		     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), line);
}

static UNUSED_OK long ms_since(const struct timespec *begin)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	return (end.tv_sec - begin->tv_sec) * 1000 + (end.tv_nsec - begin->tv_nsec) / 1000000;
}

static UNUSED_OK TCase *add_results_case(Suite *suite, const char *name, void (*start_results)(void))
{
	TCase *tcase = add_timed_case(suite, name, TEST_LIMIT);

	tcase_add_checked_fixture(tcase, start_results, tear_down);
	return tcase;
}

/* ---- In the program that is started again ---- */

static UNUSED_OK void *map_shared(size_t size, int fd)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	if (memory == MAP_FAILED)
		_exit(125);
	return memory;
}

/* MUST fails by status 1 here, and tells why on stderr. */
static UNUSED_OK void tell_failure(void)
{
	if (shared->failure[0])
		dprintf(STDERR_FILENO, "%s\n", shared->failure);
}

/* The test's; one's own in a program that was started by hand. */
static UNUSED_OK void *take_results(size_t size)
{
	const char *fd = getenv(RESULTS_VARIABLE);

	shared = map_shared(sizeof(*shared), -1);
	alarm(child_limit());
	return map_shared(size, fd ? atoi(fd) : -1);
}

#endif
