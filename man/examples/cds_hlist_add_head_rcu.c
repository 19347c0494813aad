/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <urcu/rcuhlist.h>
#include <stdlib.h>

struct entry {
	int key;
	struct cds_hlist_node node;
	struct rcu_head head;
};

static struct cds_hlist_head chain;

static void free_entry(struct rcu_head *head)
{
	free(caa_container_of(head, struct entry, head));
}

static int has(int key)
{
	struct entry *entry;
	int found = 0;

	rcu_read_lock();
	cds_hlist_for_each_entry_rcu_2(entry, &chain, node)
		found |= entry->key == key;
	rcu_read_unlock();
	return found;
}

int main(void)
{
	struct entry *entry = malloc(sizeof(*entry));
	int before, after;

	if (!entry)
		return EXIT_FAILURE;
	rcu_register_thread();
	entry->key = 5;
	cds_hlist_add_head_rcu(&entry->node, &chain);	/* one writer, or a lock */
	before = has(5);
	cds_hlist_del_rcu(&entry->node);
	call_rcu(&entry->head, free_entry);
	after = has(5);
	rcu_barrier();
	rcu_unregister_thread();
	return before && !after ? EXIT_SUCCESS : EXIT_FAILURE;
}
