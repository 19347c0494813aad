/* SPDX-License-Identifier: MIT */
/* BUG: call_rcu_after_fork_parent is forgotten: no callback runs any more */
/* FOUND: after-fork-parent-forgotten */
/* STATIC: fork-hooks */
#include "bugs.h"

int main(void)
{
	rcu_register_thread();
	call_rcu(&new_object()->head, free_object);
	call_rcu_before_fork();
	if (fork() == 0) {
		call_rcu_after_fork_child();
		_exit(0);
	}
	wait(NULL);
	call_rcu(&new_object()->head, free_object);
	rcu_unregister_thread();
	return 0;
}
