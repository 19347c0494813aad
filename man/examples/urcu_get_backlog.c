/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <stdio.h>
#include <stdlib.h>

static int passed;

static void shed_load(const struct urcu_backlog *backlog, void *arg)
{
	(void)backlog;
	(void)arg;
	uatomic_inc(&passed);	/* must not wait */
}

static void free_head(struct rcu_head *head)
{
	free(head);
}

int main(void)
{
	struct urcu_backlog backlog;

	urcu_set_backlog_handler(shed_load, NULL);
	urcu_set_backlog_limit(32 << 20, 1000);	/* bytes of urcu_free_rcu, and callbacks */
	for (int i = 0; i < 10000; i++) {
		struct rcu_head *head = malloc(sizeof(*head));

		if (!head)
			return EXIT_FAILURE;
		call_rcu(head, free_head);	/* waits while 1000 are queued */
	}
	urcu_get_backlog(&backlog);
	printf("%lu wait; %lu waits, %lu overruns\n",
	       backlog.callbacks, backlog.waits, backlog.overruns);
	rcu_barrier();
	urcu_get_backlog(&backlog);
	return backlog.callbacks == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
