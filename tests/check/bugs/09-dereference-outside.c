/* SPDX-License-Identifier: MIT */
/* BUG: rcu_dereference outside of a section */
/* FOUND: dereference-outside-section */
#include "bugs.h"

static void *reader(void *arg)
{
	struct object *object;

	rcu_register_thread();
	object = rcu_dereference(shared);
	reach(1);
	await(2);
	look(object);
	rcu_unregister_thread();
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
