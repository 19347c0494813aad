/* SPDX-License-Identifier: MIT */
/* A node of a list is whole for who finds it. */
#include "checker/rcu.h"

#include <urcu/rcuhlist.h>
#include <urcu/rculist.h>

struct node {
	int value;
	struct cds_list_head list;
	struct cds_hlist_node hlist;
};

CDS_LIST_HEAD(list);
CDS_HLIST_HEAD(hlist);

static struct node *make(int value)
{
	struct node *node = malloc(sizeof(*node));

	node->value = value;
	return node;
}

static void *writer(void *arg)
{
	struct node *first = make(1), *second = make(1);

	cds_list_add_rcu(&first->list, &list);
	cds_hlist_add_head_rcu(&first->hlist, &hlist);
	cds_list_replace_rcu(&first->list, &second->list);
	cds_hlist_del_rcu(&first->hlist);
	synchronize_rcu();
	first->value = 2;
	free(first);
	return arg;
}

static void *reader(void *arg)
{
	struct node *node;

	rcu_register_thread();
	rcu_read_lock();
	cds_list_for_each_entry_rcu(node, &list, list)
		assert(node->value == 1);
	cds_hlist_for_each_entry_rcu_2(node, &hlist, hlist)
		assert(node->value == 1);
	rcu_read_unlock();
	rcu_unregister_thread();
	return arg;
}

int main(void)
{
	run(reader, writer, NULL);
	free(cds_list_entry(list.next, struct node, list));
	return 0;
}
