/* SPDX-License-Identifier: MIT */
/* BUG: free without a grace period, while a section holds the object */
/* FOUND: freed-while-held, both places */
#include "bugs.h"

static void *reader(void *arg)
{
	struct object *object;

	rcu_register_thread();
	rcu_read_lock();
	object = rcu_dereference(shared);
	reach(1);
	await(2);
	look(object);
	rcu_read_unlock();
	rcu_unregister_thread();
	return arg;
}

int main(void)
{
	struct object *first = new_object();
	pthread_t thread;

	rcu_assign_pointer(shared, first);
	thread = start(reader);
	await(1);
	rcu_assign_pointer(shared, NULL);
	free(first);
	reach(2);
	pthread_join(thread, NULL);
	return 0;
}
