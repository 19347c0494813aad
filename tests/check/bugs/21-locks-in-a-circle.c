/* SPDX-License-Identifier: MIT */
/* BUG: a section takes one mutex, which is held where another is taken, which is held in synchronize_rcu */
/* FOUND: deadlock, both places */
#include "bugs.h"

static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;

static void *reader(void *arg)
{
	rcu_register_thread();
	rcu_read_lock();
	pthread_mutex_lock(&one);
	pthread_mutex_unlock(&one);
	rcu_read_unlock();
	rcu_unregister_thread();
	return arg;
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
	pthread_mutex_lock(&other);
	synchronize_rcu();
	pthread_mutex_unlock(&other);
	run(locker);
	run(reader);
	return 0;
}
