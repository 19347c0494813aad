/* SPDX-License-Identifier: MIT */
/*
 * A producer that is slow: preempted between the two halves of what it does, it leaves a gap, and takes its time
 * to close it. Who includes this has defined STRUCTURE and NODE, the kind's types, and the two halves:
 * put_begin(STRUCTURE *, NODE *), and put_end(what that returned, NODE *).
 */
#ifndef TESTS_UNIT_GAPS_H
#define TESTS_UNIT_GAPS_H

#include "structures.h"

struct slow {
	__typeof__(put_begin((STRUCTURE *) NULL, (NODE *) NULL)) old;
	NODE *node;
	long ms;
	bool entered;
	struct crew crew;
};

static void close_gap(void *arg, unsigned int number)
{
	struct slow *slow = (struct slow *) arg;

	(void) number;
	hold_up(&slow->entered, slow->ms);
	put_end(slow->old, slow->node);
}

/* A thread puts node, and closes the gap so long after this returned. */
static void slow_put(struct slow *slow, STRUCTURE *s, NODE *node, long ms)
{
	*slow = (struct slow) { .node = node, .ms = ms };
	slow->old = put_begin(s, node);
	crew_add(&slow->crew, 1, close_gap, slow);
	crew_start(&slow->crew);
	__atomic_store_n(&slow->entered, true, __ATOMIC_RELEASE);
}

static void slow_join(struct slow *slow)
{
	crew_join(&slow->crew);
}

#endif /* TESTS_UNIT_GAPS_H */
