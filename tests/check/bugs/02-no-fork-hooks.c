/* SPDX-License-Identifier: MIT */
/* BUG: fork without the hooks, and call_rcu in the child */
/* FOUND: fork-without-hooks, both places */
#include "bugs.h"

int main(void)
{
	int status = 1;

	rcu_register_thread();
	call_rcu(&new_object()->head, free_object);
	if (fork() == 0) {
		call_rcu(&new_object()->head, free_object);
		rcu_barrier();
		_exit(0);
	}
	wait(&status);
	rcu_barrier();
	rcu_unregister_thread();
	return WEXITSTATUS(status);
}
