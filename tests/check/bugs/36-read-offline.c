/* SPDX-License-Identifier: MIT */
/* BUG: qsbr: a section in a thread that is offline */
/* FOUND: reader-offline, both places */
/* FLAVOR: qsbr */
#include "bugs.h"

int main(void)
{
	rcu_register_thread();
	rcu_thread_offline();
	rcu_read_lock();
	look(rcu_dereference(shared));
	rcu_read_unlock();
	rcu_thread_online();
	rcu_unregister_thread();
	return 0;
}
