/* SPDX-License-Identifier: MIT */
/* BUG: an element of a list is freed, but not taken out */
/* FOUND: reachable-after-free, both places */
#include "bugs.h"

int main(void)
{
	struct object *object = new_object();
	struct cds_list_head *element;

	rcu_register_thread();
	cds_list_add_rcu(&object->link, &list);
	synchronize_rcu();
	free(object);
	rcu_read_lock();
	cds_list_for_each_rcu(element, &list)
		look(cds_list_entry(element, struct object, link));
	rcu_read_unlock();
	rcu_unregister_thread();
	return 0;
}
