/* SPDX-License-Identifier: MIT */
/* BUG: a callback returns in a section: no grace period ends any more */
/* FOUND: callback-ends-in-section, both places */
#include "bugs.h"

static void callback(struct rcu_head *head)
{
	rcu_read_lock();
	look(rcu_dereference(shared));
	free_object(head);
}

int main(void)
{
	call_rcu(&new_object()->head, callback);
	rcu_barrier();
	return 0;
}
