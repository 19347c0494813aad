/* SPDX-License-Identifier: MIT */
/* BUG: defer_rcu in a section: waits for itself when its queue is full */
/* FOUND: wait-in-section, both places */
#include "bugs.h"

int main(void)
{
	rcu_register_thread();
	rcu_defer_register_thread();
	rcu_read_lock();
	defer_rcu(free, new_object());
	rcu_read_unlock();
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
	return 0;
}
