/* SPDX-License-Identifier: MIT */
#pragma once

/* For tests of misuse around a fork: what was reported, and processes that may hang. */
#include "../fork/fork-harness.h"

static struct counted counted[10];

/* ---- What was reported ---- */

static UNUSED_OK const char *reported(void)
{
	static char text[4096];
	ssize_t length = pread(fileno(reports), text, sizeof(text) - 1, 0);

	text[length < 0 ? 0 : length] = '\0';
	return text;
}

/* One report, by the function's own name; then as if there had been none. */
static UNUSED_OK void must_be_reported(const char *function)
{
	char name[64];

	snprintf(name, sizeof(name), "urcu_" FLAVOR "_%s", function);
	if (!strstr(reported(), name))
		broken(function, "not reported", 0);
	MUST(ftruncate(fileno(reports), 0) == 0);
	MUST(lseek(fileno(reports), 0, SEEK_SET) == 0);
}

static UNUSED_OK void forget_reports(void)
{
	MUST(ftruncate(fileno(reports), 0) == 0);
	MUST(lseek(fileno(reports), 0, SEEK_SET) == 0);
}

/* A test that hangs is ended after so many seconds by the alarm, in a child. */
static UNUSED_OK void in_a_process(void (*act)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		alarm(child_limit());
		act();
		_exit(0);
	}
	expect_clean(pid);
}
