/* SPDX-License-Identifier: MIT */
/* BUG: rcu_unregister_thread in a section */
/* FOUND: unregister-in-section, both places */
#include "bugs.h"

int main(void)
{
	rcu_register_thread();
	rcu_read_lock();
	look(rcu_dereference(shared));
	rcu_unregister_thread();
	return 0;
}
