/* SPDX-License-Identifier: MIT */
/* defer_rcu: run by whoever calls the barrier, or by the thread that is there for it. */
#include "checker/rcu.h"

static void free_item(void *item)
{
	((struct item *)item)->value = 3;
	free(item);
}

static void *writer(void *arg)
{
	struct item *item = shared;

	rcu_register_thread();
	if (rcu_defer_register_thread() != 0) {
		rcu_unregister_thread();
		return arg;
	}
	rcu_assign_pointer(shared, NULL);
	defer_rcu(free_item, item);
	rcu_defer_barrier();
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
	return arg;
}

int main(void)
{
	shared = make_item(1);
	run(read_once, writer, NULL);
	free(shared);
	return 0;
}
