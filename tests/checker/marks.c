/* SPDX-License-Identifier: MIT */
/* Moments of the code under test, which scenarios mark and compare: history.h. */
#include "checker.h"
#include "marks.h"

void checker_mark(struct checker_mark *mark)
{
	mark->thread = ck_self->number;
	mark->when = ck_tick();
	for (int i = 0; i < THREADS; i++)
		mark->known[i] = ck_self->view.happens.of[i];
}

bool checker_before(const struct checker_mark *a, const struct checker_mark *b)
{
	return b->known[a->thread] >= a->when;
}
