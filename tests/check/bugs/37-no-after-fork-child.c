/* SPDX-License-Identifier: MIT */
/* BUG: call_rcu_after_fork_child is forgotten */
/* FOUND: after-fork-child-forgotten, both places */
/* STATIC: fork-hooks */
#include "bugs.h"

int main(void)
{
	int status = 1;

	call_rcu(&new_object()->head, free_object);
	call_rcu_before_fork();
	if (fork() == 0) {
		call_rcu(&new_object()->head, free_object);
		rcu_barrier();
		_exit(0);
	}
	call_rcu_after_fork_parent();
	wait(&status);
	return WEXITSTATUS(status);
}
