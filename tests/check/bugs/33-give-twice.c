/* SPDX-License-Identifier: MIT */
/* BUG: urcu_free_rcu twice */
/* FOUND: freed-twice, both places */
#include "bugs.h"

int main(void)
{
	struct object *object = new_object();

	urcu_free_rcu(object);
	urcu_free_rcu(object);
	rcu_barrier();
	return 0;
}
