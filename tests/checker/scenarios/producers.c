/* SPDX-License-Identifier: MIT */
/* Two producers, one after the other's barrier too: the worker is woken from its sleep, and runs one at a time. */
#include "checker/rcu.h"

int ran[2];

static void count(struct rcu_head *head)
{
	struct item *item = caa_container_of(head, struct item, head);

	ran[item->value]++;
	free(item);
}

static void *produce(int who)
{
	rcu_register_thread();
	for (int i = 0; i < 2; i++)
		call_rcu(&make_item(who)->head, count);
	rcu_barrier();
	assert(ran[who] == 2);
	rcu_unregister_thread();
	return NULL;
}

static void *first(void *arg)
{
	(void)arg;
	return produce(0);
}

static void *second(void *arg)
{
	(void)arg;
	return produce(1);
}

int main(void)
{
	run(first, second, NULL);
	assert(ran[0] == 2 && ran[1] == 2);
	call_rcu(&make_item(1)->head, count);
	rcu_barrier();
	assert(ran[1] == 3);
	return 0;
}
