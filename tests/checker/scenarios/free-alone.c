/* SPDX-License-Identifier: MIT */
/*
 * No barrier helps: what free_rcu was given is freed because who gave it wakes the worker, or starts it. With STOP the
 * worker is stopped meanwhile: then who gives next sees to all of it.
 */
#include "checker/rcu.h"
#include "checker/told.h"

#include <urcu/backlog.h>
#include <urcu/free-rcu.h>

static void release_it(void *block)
{
	free(block);
	tell();
}

static void *giver(void *arg)
{
	urcu_free_rcu(malloc(1));
	return arg;
}

static __attribute__((unused)) void *stopper(void *arg)
{
	urcu_stop_default_worker();
	return arg;
}

int main(void)
{
	assert(urcu_free_rcu_with(release_it) == 0);
	giver(NULL);
#ifdef STOP
	run(giver, stopper, NULL);
#else
	await(1);
	run(giver, giver, NULL);
	await(3);
#endif
	giver(NULL);
#ifdef STOP
	await(3);
#else
	await(4);
#endif
	return 0;
}
