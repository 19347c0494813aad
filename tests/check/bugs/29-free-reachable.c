/* SPDX-License-Identifier: MIT */
/* BUG: an object is freed after a grace period, but readers can still reach it */
/* FOUND: reachable-after-free, both places */
#include "bugs.h"

static void *reader(void *arg)
{
	rcu_register_thread();
	rcu_read_lock();
	look(rcu_dereference(shared));
	rcu_read_unlock();
	rcu_unregister_thread();
	return arg;
}

int main(void)
{
	struct object *first = new_object();

	rcu_assign_pointer(shared, first);
	synchronize_rcu();
	free(first);
	run(reader);
	return 0;
}
