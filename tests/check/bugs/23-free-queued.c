/* SPDX-License-Identifier: MIT */
/* BUG: free of an object whose rcu_head is queued */
/* FOUND: freed-while-queued, both places */
#include "bugs.h"

int main(void)
{
	struct object *object = new_object();

	rcu_register_thread();
	rcu_read_lock();
	call_rcu(&object->head, free_object);
	free(object);
	rcu_read_unlock();
	rcu_barrier();
	rcu_unregister_thread();
	return 0;
}
