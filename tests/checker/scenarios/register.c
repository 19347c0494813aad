/* SPDX-License-Identifier: MIT */
/* Threads register and leave beside a grace period: one that the leader does not count sees what was published. */
#include "checker/rcu.h"

static void *read_twice(void *arg)
{
	read_once(arg);
	return read_once(arg);
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
	run(read_twice, writer, NULL);
	return 0;
}
