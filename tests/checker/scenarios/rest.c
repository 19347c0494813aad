/* SPDX-License-Identifier: MIT */
/* The standard worker is stopped while somebody queues: what is queued runs nevertheless. */
#include "checker/rcu.h"

#include <urcu/backlog.h>

int ran;

static void count(struct rcu_head *head)
{
	free(caa_container_of(head, struct item, head));
	ran++;
}

static void *producer(void *arg)
{
	call_rcu(&make_item(1)->head, count);
	return arg;
}

static void *stopper(void *arg)
{
	urcu_stop_default_worker();
	return arg;
}

int main(void)
{
	call_rcu(&make_item(1)->head, count);
	run(producer, stopper, NULL);
	rcu_barrier();
	assert(ran == 2);
	urcu_stop_default_worker();
	return 0;
}
