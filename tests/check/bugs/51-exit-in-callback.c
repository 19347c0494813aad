/* SPDX-License-Identifier: MIT */
/* BUG: a callback calls pthread_exit: no later one runs */
/* FOUND: thread-ends-in-callback, both places */
#include "bugs.h"

static void callback(struct rcu_head *head)
{
	free_object(head);
	pthread_exit(NULL);
}

int main(void)
{
	call_rcu(&new_object()->head, callback);
	rcu_barrier();
	return 0;
}
