/* SPDX-License-Identifier: MIT */
/* BUG: a thread ends without rcu_unregister_thread */
/* FOUND: thread-ends-registered, both places */
#include "bugs.h"

static void *reader(void *arg)
{
	rcu_register_thread();
	rcu_read_lock();
	look(rcu_dereference(shared));
	rcu_read_unlock();
	return arg;
}

int main(void)
{
	run(reader);
	synchronize_rcu();
	return 0;
}
