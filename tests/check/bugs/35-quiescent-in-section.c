/* SPDX-License-Identifier: MIT */
/* BUG: qsbr: a quiescent state between rcu_read_lock and rcu_read_unlock */
/* FOUND: quiescent-in-section, both places */
/* FLAVOR: qsbr */
#include "bugs.h"

int main(void)
{
	rcu_register_thread();
	rcu_read_lock();
	rcu_quiescent_state();
	look(rcu_dereference(shared));
	rcu_read_unlock();
	rcu_unregister_thread();
	return 0;
}
