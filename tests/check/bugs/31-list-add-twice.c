/* SPDX-License-Identifier: MIT */
/* BUG: an element is added to a list that it is in already: traversals never end */
/* FOUND: added-twice, both places */
#include "bugs.h"

int main(void)
{
	struct object *one = new_object(), *other = new_object();
	struct cds_list_head *element;

	rcu_register_thread();
	cds_list_add_rcu(&one->link, &list);
	cds_list_add_rcu(&other->link, &list);
	cds_list_add_rcu(&one->link, &list);
	cds_list_add_rcu(&one->link, &list);
	rcu_read_lock();
	cds_list_for_each_rcu(element, &list)
		look(cds_list_entry(element, struct object, link));
	rcu_read_unlock();
	rcu_unregister_thread();
	return 0;
}
