/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <stdio.h>
#include <stdlib.h>

static void nothing(struct rcu_head *head)
{
	(void)head;
}

int main(void)
{
	static struct rcu_head head;
	struct urcu_stats before, after;

	rcu_register_thread();
	urcu_get_stats(&before);
	call_rcu(&head, nothing);
	synchronize_rcu();
	rcu_barrier();
	urcu_get_stats(&after);
	printf("%lu grace periods, %lu callbacks in %lu batches\n",
	       after.grace_periods - before.grace_periods, after.run - before.run,
	       after.batches - before.batches);
	rcu_unregister_thread();
	return after.run - before.run == 1 && after.backlog == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
