/* SPDX-License-Identifier: MIT */
/* A poll that says yes: no reader of before is left. Somebody else's grace period may be the one. */
#include <sched.h>

#include "checker/rcu.h"

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

static void *poller(void *arg)
{
	struct item *item = shared;
	struct urcu_gp_poll_state state;

	rcu_register_thread();
	rcu_assign_pointer(shared, NULL);
	state = start_poll_synchronize_rcu();
	for (int i = 0; i < 20 && !poll_state_synchronize_rcu(state); i++)
		sched_yield();
	if (poll_state_synchronize_rcu(state)) {
		item->value = 3;
		free(item);
	}
	rcu_unregister_thread();
	return arg;
}

static void *waiter(void *arg)
{
	synchronize_rcu();
	return arg;
}

int main(void)
{
	shared = make_item(1);
	run(reader, poller, waiter);
	return 0;
}
