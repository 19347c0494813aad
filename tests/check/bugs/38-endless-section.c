/* SPDX-License-Identifier: MIT */
/* BUG: a reader sleeps in a section, and a grace period waits for it */
/* FOUND: endless-section, both places */
/* OPTIONS: stall=200 */
#include "bugs.h"

static void *reader(void *arg)
{
	rcu_register_thread();
	rcu_read_lock();
	reach(1);
	await(2);
	rcu_read_unlock();
	rcu_unregister_thread();
	return arg;
}

int main(void)
{
	pthread_t thread = start(reader);

	await(1);
	synchronize_rcu();
	reach(2);
	pthread_join(thread, NULL);
	return 0;
}
