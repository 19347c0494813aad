/* SPDX-License-Identifier: MIT */
/* BUG: an element is taken out of a list twice: others are lost */
/* FOUND: taken-out-twice, both places */
#include "bugs.h"

int main(void)
{
	struct object *one = new_object(), *other = new_object();

	cds_list_add_rcu(&one->link, &list);
	cds_list_del_rcu(&one->link);
	cds_list_add_rcu(&other->link, &list);
	cds_list_del_rcu(&one->link);
	return cds_list_empty(&list);
}
