/* SPDX-License-Identifier: MIT */
/* urcu_free_rcu beside a reader, and rcu_barrier, which frees it. */
#include "checker/rcu.h"

#include <urcu/free-rcu.h>

static void *writer(void *arg)
{
	struct item *item = shared;

	rcu_register_thread();
	rcu_assign_pointer(shared, NULL);
	urcu_free_rcu(item);
	rcu_barrier();
	rcu_unregister_thread();
	return arg;
}

int main(void)
{
	shared = make_item(1);
	run(read_once, writer, NULL);
	return 0;
}
