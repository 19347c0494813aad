/* SPDX-License-Identifier: MIT */
/* BUG: defer_rcu in a thread that has not called rcu_defer_register_thread */
/* FOUND: defer-not-registered */
#include "bugs.h"

int main(void)
{
	defer_rcu(free, new_object());
	rcu_defer_barrier();
	return 0;
}
