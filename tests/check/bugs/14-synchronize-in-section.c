/* SPDX-License-Identifier: MIT */
/* BUG: synchronize_rcu in a section */
/* FOUND: wait-in-section, both places */
/* STATIC: wait-in-section */
#include "bugs.h"

int main(void)
{
	rcu_register_thread();
	rcu_read_lock();
	synchronize_rcu();
	rcu_read_unlock();
	rcu_unregister_thread();
	return 0;
}
