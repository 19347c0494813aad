/* SPDX-License-Identifier: MIT */
/* BUG: rcu_register_thread twice */
/* FOUND: registered-twice, both places */
#include "bugs.h"

int main(void)
{
	rcu_register_thread();
	rcu_register_thread();
	synchronize_rcu();
	rcu_unregister_thread();
	return 0;
}
