/* SPDX-License-Identifier: MIT */
/* BUG: qsbr: a mutex is held in synchronize_rcu that another thread waits for while it is online */
/* FOUND: deadlock, both places */
/* FLAVOR: qsbr */
#include "bugs.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *writer(void *arg)
{
	rcu_register_thread();
	pthread_mutex_lock(&mutex);
	synchronize_rcu();
	pthread_mutex_unlock(&mutex);
	rcu_unregister_thread();
	return arg;
}

int main(void)
{
	run(writer);
	run(writer);
	return 0;
}
