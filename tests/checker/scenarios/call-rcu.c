/* SPDX-License-Identifier: MIT */
/* A callback frees what a reader may hold; rcu_barrier returns after it, and sees what it did. */
#include "checker/rcu.h"

int freed;

static void free_item(struct rcu_head *head)
{
	struct item *item = caa_container_of(head, struct item, head);

	item->value = 3;
	free(item);
	freed++;
}

static void *writer(void *arg)
{
	struct item *item = shared;

	rcu_register_thread();
	rcu_assign_pointer(shared, NULL);
	call_rcu(&item->head, free_item);
	rcu_barrier();
	assert(freed == 1);
	rcu_unregister_thread();
	return arg;
}

int main(void)
{
	shared = make_item(1);
	run(read_once, writer, NULL);
	return 0;
}
