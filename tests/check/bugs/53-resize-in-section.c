/* SPDX-License-Identifier: MIT */
/* BUG: cds_lfht_resize in a section */
/* FOUND: wait-in-section, both places */
#include "bugs.h"

int main(void)
{
	struct cds_lfht *table = new_table();

	rcu_register_thread();
	rcu_read_lock();
	cds_lfht_resize(table, 64);
	rcu_read_unlock();
	cds_lfht_destroy(table, NULL);
	rcu_unregister_thread();
	return 0;
}
