/* SPDX-License-Identifier: MIT */
/* BUG: call_rcu_before_fork in a section: liburcu waits for itself */
/* FOUND: wait-in-section, both places */
/* OPTIONS: strict=1 */
#include "bugs.h"

int main(void)
{
	rcu_register_thread();
	rcu_read_lock();
	call_rcu_before_fork();
	call_rcu_after_fork_parent();
	rcu_read_unlock();
	rcu_unregister_thread();
	return 0;
}
