/* SPDX-License-Identifier: MIT */
/* BUG: call_rcu_before_fork in a callback: liburcu waits for itself */
/* FOUND: wait-in-callback, both places */
/* OPTIONS: strict=1 */
#include "bugs.h"

static void callback(struct rcu_head *head)
{
	call_rcu_before_fork();
	call_rcu_after_fork_parent();
	free_object(head);
}

int main(void)
{
	call_rcu(&new_object()->head, callback);
	rcu_barrier();
	return 0;
}
