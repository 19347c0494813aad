/* SPDX-License-Identifier: MIT */
#include <urcu/hlist.h>
#include <stdlib.h>

struct entry {
	int key;
	struct cds_hlist_node node;
};

static struct cds_hlist_head chains[8];		/* all empty, by being zero */

int main(void)
{
	static struct entry entries[20];
	struct cds_hlist_node *pos, *next;
	struct entry *entry;
	int found = 0;

	for (int key = 0; key < 20; key++) {
		entries[key].key = key;
		cds_hlist_add_head(&entries[key].node, &chains[key % 8]);
	}
	cds_hlist_for_each_entry_2(entry, &chains[3], node)
		found += entry->key;			/* 19, 11, 3 */
	cds_hlist_for_each_entry_safe(entry, pos, next, &chains[3], node)
		cds_hlist_del(&entry->node);
	return found == 33 && !chains[3].next ? EXIT_SUCCESS : EXIT_FAILURE;
}
