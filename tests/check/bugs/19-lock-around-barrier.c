/* SPDX-License-Identifier: MIT */
/* BUG: rcu_barrier with a mutex held that a callback takes */
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
	rcu_barrier();
	pthread_mutex_unlock(&mutex);
	return 0;
}
