/* SPDX-License-Identifier: MIT */
/*
 * qsbr: a reader that is online and announces now and then, beside two grace periods: it answers each request of a
 * leader that sleeps, also where it is still answering the one before. It stays registered, as in hold.c.
 */
#include "checker/rcu.h"

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
	struct item *item;
	pthread_t thread;

	shared = make_item(1);
	urcu_qsbr_register_thread();
	if (pthread_create(&thread, NULL, writer, NULL) != 0)
		abort();
	for (int i = 0; i < 3; i++) {
		item = rcu_dereference(shared);
		if (item)
			assert(item->value == 1);
		urcu_qsbr_quiescent_state();
	}
	urcu_qsbr_thread_offline();
	pthread_join(thread, NULL);
	urcu_qsbr_unregister_thread();
	return 0;
}
