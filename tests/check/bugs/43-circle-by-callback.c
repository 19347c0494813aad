/* SPDX-License-Identifier: MIT */
/* BUG: a callback takes one mutex, which is held where another is taken, which is held in rcu_barrier */
/* FOUND: deadlock, both places */
#include "bugs.h"

static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;

static void callback(struct rcu_head *head)
{
	pthread_mutex_lock(&one);
	pthread_mutex_unlock(&one);
	free_object(head);
}

static void *locker(void *arg)
{
	pthread_mutex_lock(&one);
	pthread_mutex_lock(&other);
	pthread_mutex_unlock(&other);
	pthread_mutex_unlock(&one);
	return arg;
}

int main(void)
{
	run(locker);
	call_rcu(&new_object()->head, callback);
	pthread_mutex_lock(&other);
	rcu_barrier();
	pthread_mutex_unlock(&other);
	return 0;
}
