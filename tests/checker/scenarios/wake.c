/* SPDX-License-Identifier: MIT */
/* No barrier helps: the callback runs because call_rcu starts the worker, or wakes it. */
#include <sched.h>

#include "checker/rcu.h"
#include "checker/told.h"

int ran;

static void note(struct rcu_head *head)
{
	__atomic_fetch_add(&ran, 1, release);
	free(caa_container_of(head, struct item, head));
}

static void *producer(void *arg)
{
	call_rcu(&make_item(1)->head, note);
	return arg;
}

static void run_callback(struct rcu_head *head)
{
	free(caa_container_of(head, struct item, head));
	tell();
}

int main(void)
{
	call_rcu(&make_item(1)->head, run_callback);
	run(producer, producer, NULL);
	await(1);
	call_rcu(&make_item(1)->head, run_callback);
	await(2);
	return 0;
}
