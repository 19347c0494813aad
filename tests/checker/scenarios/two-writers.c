/* SPDX-License-Identifier: MIT */
/* Two writers and a reader: one leads, the other waits with it or leads the next; nobody sleeps for ever. */
#include "checker/rcu.h"

static void *reader(void *arg)
{
	struct item *item;

	rcu_register_thread();
	rcu_read_lock();
	item = rcu_dereference(shared);
	assert(item->value == 1 || item->value == 2);
	rcu_read_unlock();
	rcu_unregister_thread();
	return arg;
}

static void *writer(void *arg)
{
	struct item *item = rcu_xchg_pointer(&shared, make_item(2));

	synchronize_rcu();
	item->value = 3;
	free(item);
	return arg;
}

int main(void)
{
	shared = make_item(1);
	run(writer, writer, reader);
	free(shared);
	return 0;
}
