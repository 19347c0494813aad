/* SPDX-License-Identifier: MIT */
/* BUG: an object that has been freed is published again */
/* FOUND: published-after-free, both places */
#include "bugs.h"

int main(void)
{
	struct object *volatile object = new_object();

	rcu_assign_pointer(shared, object);
	rcu_assign_pointer(shared, NULL);
	synchronize_rcu();
	free(object);
	rcu_assign_pointer(shared, object);
	return 0;
}
