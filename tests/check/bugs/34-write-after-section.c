/* SPDX-License-Identifier: MIT */
/* BUG: a reader writes to an object after its section, when it has been freed */
/* FOUND: written-after-free */
#include "bugs.h"

static void *reader(void *arg)
{
	struct object *object;

	rcu_register_thread();
	rcu_read_lock();
	object = rcu_dereference(shared);
	rcu_read_unlock();
	reach(1);
	await(2);
	object->value++;
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
	synchronize_rcu();
	free(first);
	reach(2);
	pthread_join(thread, NULL);
	return 0;
}
