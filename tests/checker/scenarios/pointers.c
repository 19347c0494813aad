/* SPDX-License-Identifier: MIT */
/* The functions behind rcu_dereference and rcu_assign_pointer, as old programs call them: who finds an item finds it whole. */
#include "checker/rcu.h"

#include <urcu/pointer.h>

static void *publish(void *arg)
{
	rcu_set_pointer_sym((void **)&shared, make_item(1));
	return arg;
}

/* Such a program loads the pointer itself. */
static void *find(void *arg)
{
	struct item *item = rcu_dereference_sym(GET(shared, relaxed));

	if (item)
		assert(item->value == 1);
	return arg;
}

int main(void)
{
	run(publish, find, find);
	free(shared);
	return 0;
}
