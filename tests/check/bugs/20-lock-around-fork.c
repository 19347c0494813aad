/* SPDX-License-Identifier: MIT */
/* BUG: call_rcu_before_fork with a mutex held that a callback takes */
/* FOUND: deadlock, both places */
#include "bugs.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void callback(struct rcu_head *head)
{
	pthread_mutex_lock(&mutex);
	free_object(head);
	pthread_mutex_unlock(&mutex);
	reach(1);
}

int main(void)
{
	call_rcu(&new_object()->head, callback);
	await(1);
	pthread_mutex_lock(&mutex);
	call_rcu_before_fork();
	if (fork() == 0) {
		call_rcu_after_fork_child();
		_exit(0);
	}
	call_rcu_after_fork_parent();
	pthread_mutex_unlock(&mutex);
	wait(NULL);
	return 0;
}
