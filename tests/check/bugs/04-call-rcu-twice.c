/* SPDX-License-Identifier: MIT */
/* BUG: call_rcu of a head that is queued already */
/* FOUND: queued-twice, both places */
#include "bugs.h"

static int calls;

static void count(struct rcu_head *head)
{
	(void)head;
	calls++;
}

int main(void)
{
	struct object *object = new_object();

	rcu_register_thread();
	rcu_read_lock();
	call_rcu(&object->head, count);
	call_rcu(&object->head, count);
	rcu_read_unlock();
	rcu_barrier();
	free(object);
	rcu_unregister_thread();
	return calls != 2;
}
