/* SPDX-License-Identifier: MIT */
/* A reader and a writer: what was reachable in a section is not freed before it ends. */
#include "checker/rcu.h"

static void *reader(void *arg)
{
	struct item *item;

	rcu_register_thread();
	for (int i = 0; i < 2; i++) {
		rcu_read_lock();
		item = rcu_dereference(shared);
		assert(item->value == 1 || item->value == 2);
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	return arg;
}

static void *writer(void *arg)
{
	struct item *item = shared;

	rcu_assign_pointer(shared, make_item(2));
	synchronize_rcu();
	item->value = 3;
	free(item);
	return arg;
}

int main(void)
{
	shared = make_item(1);
	run(reader, writer, NULL);
	free(shared);
	return 0;
}
