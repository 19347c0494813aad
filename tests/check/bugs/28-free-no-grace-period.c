/* SPDX-License-Identifier: MIT */
/* BUG: free without a grace period, while no section happens to hold the object */
/* FOUND: freed-without-grace-period, both places */
/* OPTIONS: strict=1 */
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
	run(reader);
	rcu_assign_pointer(shared, NULL);
	free(first);
	run(reader);
	return 0;
}
