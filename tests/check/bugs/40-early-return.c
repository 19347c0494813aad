/* SPDX-License-Identifier: MIT */
/* BUG: a function returns in a section, on one of its paths */
/* FOUND: wait-in-section, both places */
/* STATIC: left-in-section */
#include "bugs.h"

static int find(void)
{
	struct object *object;
	int value;

	rcu_read_lock();
	object = rcu_dereference(shared);
	if (!object)
		return -1;
	value = object->value;
	rcu_read_unlock();
	return value;
}

int main(void)
{
	int value;

	rcu_register_thread();
	value = find();
	synchronize_rcu();
	rcu_unregister_thread();
	return value != -1;
}
