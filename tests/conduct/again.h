/* SPDX-License-Identifier: MIT */
#ifndef QUIESCE_CONDUCT_AGAIN_H
#define QUIESCE_CONDUCT_AGAIN_H

/*
 * For tests of how a program ends: each case is this program, started again with the case's name and
 * an argument. What the case finds goes into shared memory. That it ends is for its own alarm to see.
 */
#include "../fork/fork-harness.h"

#include <time.h>

#define RESULTS_VARIABLE "QUIESCE_TEST_RESULTS"

static struct results {
	int ran;		/* callbacks */
	int late;		/* of these, those that ran when the program was not whole any more */
	int reached;		/* how far the case came */
	int word[4];		/* each case's own */
} *results;

struct again_case {
	const char *name;
	int (*run)(int argument);
};

/* Those of the test; a name of NULL at the end. */
static const struct again_case cases[];

static UNUSED_OK void raise_by_one(int *word)
{
	__atomic_fetch_add(word, 1, __ATOMIC_ACQ_REL);
}

/* ---- In the test ---- */

static UNUSED_OK void start_results(void)
{
	char number[16];
	int fd;

	set_up();
	fd = memfd_create("results", 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, sizeof(*results)), 0);
	results = mmap(NULL, sizeof(*results), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert(results != MAP_FAILED);
	snprintf(number, sizeof(number), "%d", fd);
	setenv(RESULTS_VARIABLE, number, 1);
	unsetenv("URCU_EXIT_TIMEOUT");
}

/* limit: of the library's part of the exit, in milliseconds; NULL: the default. */
static UNUSED_OK void run_again(const char *name, int argument, const char *limit)
{
	char text[16], line[256] = "";
	int status;
	pid_t pid;

	memset(results, 0, sizeof(*results));
	if (limit)
		setenv("URCU_EXIT_TIMEOUT", limit, 1);
	else
		unsetenv("URCU_EXIT_TIMEOUT");
	snprintf(text, sizeof(text), "%d", argument);
	pid = fork();
	if (pid == 0) {
		execl("/proc/self/exe", "again", name, text, (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 7)
		return;
	if (reports) {
		rewind(reports);
		if (!fgets(line, sizeof(line), reports))
			line[0] = 0;
		rewind(reports);
	}
	ck_abort_msg("%s %d: %s %d, reached %d, ran %d: %s", name, argument,
		     WIFEXITED(status) ? "status" : "signal",
		     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
		     results->reached, results->ran, line);
}

static UNUSED_OK long run_timed(const char *name, int argument, const char *limit)
{
	struct timespec begin, end;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	run_again(name, argument, limit);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
}

static UNUSED_OK TCase *add_again_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, TEST_LIMIT);
	tcase_add_checked_fixture(tcase, start_results, tear_down);
	suite_add_tcase(suite, tcase);
	return tcase;
}

/* ---- In the program that is started again ---- */

static UNUSED_OK int run_case(const char *name, int argument)
{
	const char *fd = getenv(RESULTS_VARIABLE);

	results = mmap(NULL, sizeof(*results), PROT_READ | PROT_WRITE,
		       fd ? MAP_SHARED : MAP_SHARED | MAP_ANONYMOUS, fd ? atoi(fd) : -1, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (results == MAP_FAILED || shared == MAP_FAILED)
		return 125;
	alarm(child_limit());
	for (const struct again_case *c = cases; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c->run(argument);
	return 126;
}

#endif
