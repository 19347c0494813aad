/* SPDX-License-Identifier: MIT */
/* BUG: a node that was taken out of a table is added again without a grace period */
/* FOUND: added-without-grace-period, both places */
/* OPTIONS: strict=1 */
#include "bugs.h"

int main(void)
{
	struct object *object = new_object();
	struct cds_lfht *table = new_table();

	rcu_register_thread();
	rcu_read_lock();
	cds_lfht_add(table, 1, &object->node);
	cds_lfht_del(table, &object->node);
	cds_lfht_add(table, 2, &object->node);
	cds_lfht_del(table, &object->node);
	rcu_read_unlock();
	synchronize_rcu();
	free(object);
	cds_lfht_destroy(table, NULL);
	rcu_unregister_thread();
	return 0;
}
