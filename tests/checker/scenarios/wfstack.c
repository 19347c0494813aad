/* SPDX-License-Identifier: MIT */
/* Two push while one pops, and takes all: each node comes out once, whole. */
#include <urcu/wfstack.h>

#include "checker/scenario.h"

struct entry {
	int number;
	struct cds_wfs_node node;
};

struct cds_wfs_stack stack;
int seen;

static void *push(void *arg)
{
	struct entry *entry = malloc(sizeof(*entry));

	entry->number = 1;
	cds_wfs_node_init(&entry->node);
	cds_wfs_push(&stack, &entry->node);
	return arg;
}

static void count(struct cds_wfs_node *node)
{
	struct entry *entry = caa_container_of(node, struct entry, node);

	seen += entry->number;
	free(entry);
}

static void take_all(void)
{
	struct cds_wfs_head *head = cds_wfs_pop_all_blocking(&stack);
	struct cds_wfs_node *node, *after;

	if (head)
		cds_wfs_for_each_blocking_safe(head, node, after)
			count(node);
}

static void *pop(void *arg)
{
	struct cds_wfs_node *node = cds_wfs_pop_blocking(&stack);

	if (node)
		count(node);
	take_all();
	return arg;
}

int main(void)
{
	cds_wfs_init(&stack);
	run(push, push, pop);
	take_all();
	assert(seen == 2);
	return 0;
}
