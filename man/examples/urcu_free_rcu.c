/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <stdlib.h>
#include <string.h>

struct item {
	int key;
	struct rcu_head head;
};

static char *name;
static struct item *shared;

int main(void)
{
	rcu_register_thread();
	for (int i = 0; i < 1000; i++) {
		char *old = rcu_xchg_pointer(&name, strdup("one"));
		struct item *item = calloc(1, sizeof(*item));

		if (!item)
			return EXIT_FAILURE;
		urcu_free_rcu(old);		/* anything that free takes; NULL, too */
		item = rcu_xchg_pointer(&shared, item);
		if (item)
			urcu_free_rcu_head(item, head);	/* allocates nothing */
	}
	urcu_free_rcu(name);
	urcu_free_rcu(shared);
	rcu_barrier();				/* all is freed */
	rcu_unregister_thread();
	return EXIT_SUCCESS;
}
