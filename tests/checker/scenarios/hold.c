/* SPDX-License-Identifier: MIT */
/*
 * A reader that stays in its section until the writer's store can be seen, or for a while: the leader goes to
 * sleep, and it is the reader's unlock that wakes it. The reader stays registered: to leave would wake the leader too.
 */
#include <sched.h>

#include <quiesce/stall.h>

#include "checker/rcu.h"

static void *writer(void *arg)
{
	struct item *item = shared;

	rcu_assign_pointer(shared, NULL);
	synchronize_rcu();
	item->value = 3;
	free(item);
	synchronize_rcu();
	return arg;
}

int main(void)
{
	struct item *item;
	pthread_t thread;

	/* Time passes when nobody can run, so that ten seconds are soon over. */
	quiesce_set_stall_timeout(0);
	shared = make_item(1);
	rcu_register_thread();
	if (pthread_create(&thread, NULL, writer, NULL) != 0)
		abort();
	for (int i = 0; i < 2; i++) {
		rcu_read_lock();
		item = rcu_dereference(shared);
		for (int j = 0; j < 3 && item && item == GET(shared, relaxed); j++)
			sched_yield();
		if (item)
			assert(item->value == 1);
		rcu_read_unlock();
	}
	pthread_join(thread, NULL);
	rcu_unregister_thread();
	return 0;
}
