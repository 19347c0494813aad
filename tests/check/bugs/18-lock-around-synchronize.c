/* SPDX-License-Identifier: MIT */
/* BUG: synchronize_rcu with a mutex held that a section takes */
/* FOUND: deadlock, both places */
#include "bugs.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *reader(void *arg)
{
	rcu_register_thread();
	rcu_read_lock();
	pthread_mutex_lock(&mutex);
	look(rcu_dereference(shared));
	pthread_mutex_unlock(&mutex);
	rcu_read_unlock();
	rcu_unregister_thread();
	return arg;
}

int main(void)
{
	pthread_mutex_lock(&mutex);
	synchronize_rcu();
	pthread_mutex_unlock(&mutex);
	run(reader);
	return 0;
}
