/* SPDX-License-Identifier: MIT */
/* BUG: rcu_barrier in a section */
/* FOUND: wait-in-section, both places */
/* STATIC: wait-in-section */
#include "bugs.h"

int main(void)
{
	rcu_register_thread();
	rcu_read_lock();
	call_rcu(&new_object()->head, free_object);
	rcu_barrier();
	rcu_read_unlock();
	rcu_unregister_thread();
	return 0;
}
