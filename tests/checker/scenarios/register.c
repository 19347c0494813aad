/* SPDX-License-Identifier: MIT */
/* Threads register and leave beside a grace period: one that the leader does not count sees what was published. */
#include "checker/rcu.h"

static void *reader(void *arg)
{
	struct item *item;

	for (int i = 0; i < 2; i++) {
		rcu_register_thread();
		rcu_read_lock();
		item = rcu_dereference(shared);
		if (item)
			assert(item->value == 1);
		rcu_read_unlock();
		rcu_unregister_thread();
	}
	return arg;
}

static void *writer(void *arg)
{
	struct item *item = shared;

	rcu_register_thread();
	rcu_assign_pointer(shared, NULL);
	synchronize_rcu();
	item->value = 3;
	free(item);
	rcu_unregister_thread();
	return arg;
}

int main(void)
{
	shared = make_item(1);
	run(reader, writer, NULL);
	return 0;
}
