/* SPDX-License-Identifier: MIT */
/* BUG: urcu_free_rcu of an object that is in a hash table */
/* FOUND: freed-while-in-table, both places */
#include "bugs.h"

int main(void)
{
	struct cds_lfht *table = new_table();
	struct object *object = new_object();
	struct cds_lfht_iter iter;

	rcu_register_thread();
	rcu_read_lock();
	cds_lfht_add(table, 1, &object->node);
	rcu_read_unlock();
	urcu_free_rcu(object);
	rcu_barrier();
	rcu_read_lock();
	cds_lfht_first(table, &iter);
	look(iter.node ? caa_container_of(iter.node, struct object, node) : NULL);
	rcu_read_unlock();
	rcu_unregister_thread();
	return 0;
}
