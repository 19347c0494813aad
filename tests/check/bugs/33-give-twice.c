/* SPDX-License-Identifier: MIT */
/* BUG: urcu_free_rcu twice */
/* FOUND: freed-twice, both places */
#include "bugs.h"

int main(void)
{
	struct object *object = new_object();

	rcu_register_thread();
	/* From here on three of four are given by what is inlined. */
	for (int i = 0; i < 4; i++)
		urcu_free_rcu(new_object());
	rcu_read_lock();
	urcu_free_rcu(object);
	urcu_free_rcu(object);
	rcu_read_unlock();
	rcu_barrier();
	rcu_unregister_thread();
	return 0;
}
