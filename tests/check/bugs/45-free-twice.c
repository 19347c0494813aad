/* SPDX-License-Identifier: MIT */
/* BUG: an object that was in a table is freed twice */
/* FOUND: freed-twice, both places */
#include "bugs.h"

int main(void)
{
	struct object *object = new_object(), *volatile again = object;
	struct cds_lfht *table = new_table();

	rcu_register_thread();
	rcu_read_lock();
	cds_lfht_add(table, 1, &object->node);
	cds_lfht_del(table, &object->node);
	rcu_read_unlock();
	synchronize_rcu();
	free(object);
	free(again);
	cds_lfht_destroy(table, NULL);
	rcu_unregister_thread();
	return 0;
}
