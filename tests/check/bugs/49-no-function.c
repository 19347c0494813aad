/* SPDX-License-Identifier: MIT */
/* BUG: call_rcu without a function */
/* FOUND: no-function */
#include "bugs.h"

int main(void)
{
	struct object *object = new_object();

	call_rcu(&object->head, NULL);
	rcu_barrier();
	free(object);
	return 0;
}
