/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <stdlib.h>

static int runs;

static void count(struct rcu_head *head)
{
	(void)head;
	runs++;
}

/* A constructor may come before the library's own. */
static void __attribute__((constructor)) early(void)
{
	rcu_init();
	rcu_register_thread();
}

int main(void)
{
	static struct rcu_head first, second;

	call_rcu(&first, count);
	rcu_exit();			/* runs what is queued; no thread is left */
	if (runs != 1)
		return EXIT_FAILURE;
	call_rcu(&second, count);	/* goes on, with another thread */
	rcu_barrier();
	rcu_unregister_thread();
	return runs == 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
