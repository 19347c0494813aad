/* SPDX-License-Identifier: MIT */
/* BUG: a node added to a hash table that is in it already: a traversal never ends */
/* FOUND: added-twice, both places */
#include "bugs.h"

int main(void)
{
	struct cds_lfht *table = new_table();
	struct object *object = new_object();
	unsigned long count;
	long before, after;

	rcu_register_thread();
	rcu_read_lock();
	cds_lfht_add(table, 1, &object->node);
	cds_lfht_add(table, 1, &object->node);
	cds_lfht_count_nodes(table, &before, &count, &after);
	rcu_read_unlock();
	return count != 1;
}
