/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <stdio.h>
#include <stdlib.h>

struct item {
	int key;
	struct rcu_head head;
};

static struct item *shared;
static int freed;			/* of the worker's thread, until rcu_barrier */

static void free_item(struct rcu_head *head)
{
	struct item *item = caa_container_of(head, struct item, head);

	freed += item->key;
	free(item);
}

int main(void)
{
	struct item *item, *old;

	rcu_register_thread();
	for (int key = 1; key <= 3; key++) {
		item = malloc(sizeof(*item));
		if (!item)
			return EXIT_FAILURE;
		item->key = key;
		old = rcu_xchg_pointer(&shared, item);
		if (old)
			call_rcu(&old->head, free_item);	/* does not wait */
	}
	call_rcu(&rcu_xchg_pointer(&shared, NULL)->head, free_item);
	rcu_barrier();			/* all three have run */
	printf("freed: %d\n", freed);
	rcu_unregister_thread();
	return freed == 6 ? EXIT_SUCCESS : EXIT_FAILURE;
}
