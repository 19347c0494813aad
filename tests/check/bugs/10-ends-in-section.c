/* SPDX-License-Identifier: MIT */
/* BUG: a thread ends in a section */
/* FOUND: thread-ends-in-section, both places */
#include "bugs.h"

static void *reader(void *arg)
{
	rcu_register_thread();
	rcu_read_lock();
	look(rcu_dereference(shared));
	return arg;
}

int main(void)
{
	run(reader);
	synchronize_rcu();
	return 0;
}
