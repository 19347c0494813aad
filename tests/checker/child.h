/* SPDX-License-Identifier: MIT */
#pragma once

/* Scenarios that fork. */
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checker/scenario.h"

/* By the parent: its child, if the fork did not fail, has come to its end. In the checker that is another execution. */
static inline void await_child(pid_t pid)
{
	int status = 0;

	if (pid > 0)
		waitpid(pid, &status, 0);
	assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
