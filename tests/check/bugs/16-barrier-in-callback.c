/* SPDX-License-Identifier: MIT */
/* BUG: rcu_barrier in a callback */
/* FOUND: wait-in-callback, both places */
#include "bugs.h"

static void callback(struct rcu_head *head)
{
	rcu_barrier();
	free_object(head);
}

int main(void)
{
	call_rcu(&new_object()->head, callback);
	rcu_barrier();
	return 0;
}
