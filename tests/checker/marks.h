/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A moment of a thread, and whether it happens before another one, by what the threads have told each other: which
 * was executed first says nothing. Without the checker a scenario has no marks.
 */

#include <stdbool.h>

struct checker_mark {
	int thread;
	unsigned int when, known[8];
};

__attribute__((weak)) void checker_mark(struct checker_mark *mark);
__attribute__((weak)) bool checker_before(const struct checker_mark *a, const struct checker_mark *b);
