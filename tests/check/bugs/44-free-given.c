/* SPDX-License-Identifier: MIT */
/* BUG: free of an object that urcu_free_rcu was given */
/* FOUND: freed-twice, both places */
#include "bugs.h"

int main(void)
{
	struct object *object = new_object();

	rcu_register_thread();
	rcu_read_lock();
	urcu_free_rcu(object);
	free(object);
	rcu_read_unlock();
	rcu_unregister_thread();
	return 0;
}
