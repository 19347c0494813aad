/* SPDX-License-Identifier: MIT */
/* A poll that says yes: no reader of before is left. Somebody else's grace period may be the one. */
#include <sched.h>

#include "checker/rcu.h"

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
	run(read_once, poller, waiter);
	return 0;
}
