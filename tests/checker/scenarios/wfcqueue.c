/* SPDX-License-Identifier: MIT */
/* Two enqueue while one dequeues: each node comes out once, and each producer's in their order. */
#include <urcu/wfcqueue.h>

#include "checker/scenario.h"

struct entry {
	int producer, number;
	struct cds_wfcq_node node;
};

struct cds_wfcq_head head;
struct cds_wfcq_tail tail;
int next[2];

static void *produce(int producer)
{
	for (int i = 0; i < 2; i++) {
		struct entry *entry = malloc(sizeof(*entry));

		entry->producer = producer;
		entry->number = i;
		cds_wfcq_node_init(&entry->node);
		cds_wfcq_enqueue(&head, &tail, &entry->node);
	}
	return NULL;
}

static void *first(void *arg)
{
	(void)arg;
	return produce(0);
}

static void *second(void *arg)
{
	(void)arg;
	return produce(1);
}

static bool take(void)
{
	struct cds_wfcq_node *node = cds_wfcq_dequeue_blocking(&head, &tail);
	struct entry *entry;

	if (!node)
		return false;
	entry = caa_container_of(node, struct entry, node);
	assert(entry->number == next[entry->producer]++);
	free(entry);
	return true;
}

static void *consume(void *arg)
{
	take();
	take();
	return arg;
}

int main(void)
{
	cds_wfcq_init(&head, &tail);
	run(first, second, consume);
	while (take())
		continue;
	assert(next[0] == 2 && next[1] == 2);
	return 0;
}
