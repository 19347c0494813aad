/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <stdlib.h>
#include <string.h>

static char *name;
static int freed;

static void free_name(void *p)
{
	free(p);
	freed++;
}

int main(void)
{
	rcu_register_thread();
	if (rcu_defer_register_thread())
		return EXIT_FAILURE;
	for (int i = 0; i < 100; i++) {
		char *old = rcu_xchg_pointer(&name, strdup("one"));

		defer_rcu(free_name, old);	/* may wait, if the queue is full */
	}
	rcu_defer_barrier();
	free(name);
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
	return freed == 100 ? EXIT_SUCCESS : EXIT_FAILURE;
}
