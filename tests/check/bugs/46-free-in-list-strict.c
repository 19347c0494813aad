/* SPDX-License-Identifier: MIT */
/* BUG: an element is freed that is in a list, and nobody looks */
/* FOUND: freed-while-in-list, both places */
/* OPTIONS: strict=1 */
#include "bugs.h"

int main(void)
{
	struct object *object = new_object();

	cds_list_add_rcu(&object->link, &list);
	synchronize_rcu();
	free(object);
	return 0;
}
