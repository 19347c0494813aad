/* SPDX-License-Identifier: MIT */
/*
 * qsbr: a reader that stays online and announces now and then, beside two grace periods: it answers each request
 * of a leader that sleeps, also where it is still answering the one before.
 */
#include "checker/rcu.h"

struct item *shared;

static void *reader(void *arg)
{
	struct item *item;

	urcu_qsbr_register_thread();
	for (int i = 0; i < 4; i++) {
		item = rcu_dereference(shared);
		if (item)
			assert(item->value == 1);
		urcu_qsbr_quiescent_state();
	}
	urcu_qsbr_unregister_thread();
	return arg;
}

static void *writer(void *arg)
{
	struct item *item = shared;

	rcu_assign_pointer(shared, NULL);
	urcu_qsbr_synchronize_rcu();
	item->value = 3;
	free(item);
	urcu_qsbr_synchronize_rcu();
	return arg;
}

int main(void)
{
	shared = make_item(1);
	run(reader, writer, NULL);
	return 0;
}
