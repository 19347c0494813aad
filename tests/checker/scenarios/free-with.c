/* SPDX-License-Identifier: MIT */
/* What a release function did comes before the end of a barrier, whoever has run it: the other thread, or the worker. */
#include "checker/rcu.h"

#include <urcu/free-rcu.h>

/* Each is written for its item alone, plainly. */
int released[2];

static void note(void *block)
{
	released[((struct item *)block)->value]++;
	free(block);
}

static void *giver(void *arg)
{
	static int givers;
	int number = __atomic_fetch_add(&givers, 1, relaxed);

	urcu_free_rcu(make_item(number));
	rcu_barrier();
	assert(released[number] == 1);
	return arg;
}

int main(void)
{
	assert(urcu_free_rcu_with(note) == 0);
	run(giver, giver, NULL);
	return 0;
}
