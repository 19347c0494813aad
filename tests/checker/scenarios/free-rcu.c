/* SPDX-License-Identifier: MIT */
/* urcu_free_rcu beside a reader, and rcu_barrier, which frees it. */
#include "checker/rcu.h"

#include <urcu/free-rcu.h>

struct item *shared;

static void *reader(void *arg)
{
	struct item *item;

	rcu_register_thread();
	rcu_read_lock();
	item = rcu_dereference(shared);
	if (item)
		assert(item->value == 1);
	rcu_read_unlock();
	rcu_unregister_thread();
	return arg;
}

static void *writer(void *arg)
{
	struct item *item = shared;

	rcu_register_thread();
	rcu_assign_pointer(shared, NULL);
	urcu_free_rcu(item);
	rcu_barrier();
	rcu_unregister_thread();
	return arg;
}

int main(void)
{
	shared = make_item(1);
	run(reader, writer, NULL);
	return 0;
}
