/* SPDX-License-Identifier: MIT */
/* BUG: a reader that has not called rcu_register_thread */
/* FOUND: reader-not-registered */
#include "bugs.h"

static void *reader(void *arg)
{
	struct object *object;

	rcu_read_lock();
	object = rcu_dereference(shared);
	reach(1);
	await(2);
	look(object);
	rcu_read_unlock();
	return arg;
}

int main(void)
{
	struct object *first = new_object();
	pthread_t thread;

	rcu_register_thread();
	rcu_assign_pointer(shared, first);
	thread = start(reader);
	await(1);
	rcu_assign_pointer(shared, NULL);
	synchronize_rcu();
	free(first);
	reach(2);
	pthread_join(thread, NULL);
	rcu_unregister_thread();
	return 0;
}
