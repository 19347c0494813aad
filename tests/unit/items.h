/* SPDX-License-Identifier: MIT */
/*
 * Items that threads put into a queue or a stack, and the plain producer of them. Who includes this has defined
 * STRUCTURE and NODE, the kind's types, and put(STRUCTURE *, NODE *), which initializes the node as well.
 */
#ifndef TESTS_UNIT_ITEMS_H
#define TESTS_UNIT_ITEMS_H

#include "structures.h"

struct item {
	struct stamp stamp;
	NODE node;
	struct rcu_head rcu;		/* where a grace period comes before free */
};

static inline struct item *item_new(unsigned int producer, unsigned int number)
{
	struct item *item = (struct item *) malloc(sizeof(*item));

	item->stamp.producer = producer;
	item->stamp.number = number;
	return item;
}

static inline struct item *item_of(NODE *node)
{
	return container(node, struct item, node);
}

static inline void free_item(struct rcu_head *head)
{
	free(container(head, struct item, rcu));
}

/* All items of one producer. */
static inline void make_items(STRUCTURE *s, unsigned int producer)
{
	for (unsigned int i = 0; i < ITEMS; i++)
		put(s, &item_new(producer, i)->node);
}

#endif /* TESTS_UNIT_ITEMS_H */
