/* SPDX-License-Identifier: MIT */
/*
 * rcu_exit beside somebody who queues, gives or waits, and what is queued after it: no later barrier helps, and
 * all of it is done when rcu_exit is over.
 */
#include "checker/rcu.h"
#include "checker/told.h"

#include <urcu/free-rcu.h>

static void run_callback(struct rcu_head *head)
{
	free(caa_container_of(head, struct item, head));
	tell();
}

static __attribute__((unused)) void release_it(void *block)
{
	free(block);
	tell();
}

static void *queue(void *arg)
{
#ifdef GIVES
	urcu_free_rcu(malloc(1));
#else
	call_rcu(&make_item(1)->head, run_callback);
#endif
	return arg;
}

/* As threads have to leave, it may run itself what it waits for, and what else is queued then. */
static __attribute__((unused)) void *waiter(void *arg)
{
	queue(NULL);
	rcu_barrier();
	return arg;
}

static void *ender(void *arg)
{
	rcu_exit();
#ifdef AFTER
	queue(NULL);
#endif
	return arg;
}

int main(void)
{
#ifdef GIVES
	assert(urcu_free_rcu_with(release_it) == 0);
#endif
#ifdef AFTER
	run(waiter, ender, NULL);
#elif defined WAITS
	run(queue, ender, waiter);
#else
	queue(NULL);
	run(queue, ender, NULL);
#endif
	await(2);
	return 0;
}
