/* SPDX-License-Identifier: MIT */
/* As free-alone.c, for deferred calls: nobody waits for them but for what they do, and the worker has to run them. */
#include "checker/rcu.h"
#include "checker/told.h"

static void release_it(void *block)
{
	free(block);
	tell();
}

int main(void)
{
	rcu_register_thread();
	assert(rcu_defer_register_thread() == 0);
	for (int i = 1; i <= 3; i++) {
		defer_rcu(release_it, malloc(1));
		await(i);
	}
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
	return 0;
}
