/* SPDX-License-Identifier: MIT */
/* A queue is spliced onto another one while somebody enqueues. */
#include <urcu/wfcqueue.h>

#include "checker/scenario.h"

struct entry {
	int number;
	struct cds_wfcq_node node;
};

struct cds_wfcq_head from, to;
struct cds_wfcq_tail from_tail, to_tail;
int seen;

static void *produce(void *arg)
{
	for (int i = 0; i < 2; i++) {
		struct entry *entry = malloc(sizeof(*entry));

		entry->number = i;
		cds_wfcq_node_init(&entry->node);
		cds_wfcq_enqueue(&from, &from_tail, &entry->node);
	}
	return arg;
}

static void *move(void *arg)
{
	__cds_wfcq_splice_blocking(&to, &to_tail, &from, &from_tail);
	__cds_wfcq_splice_blocking(&to, &to_tail, &from, &from_tail);
	return arg;
}

int main(void)
{
	struct cds_wfcq_node *node;

	cds_wfcq_init(&from, &from_tail);
	cds_wfcq_init(&to, &to_tail);
	run(produce, move, NULL);
	__cds_wfcq_splice_blocking(&to, &to_tail, &from, &from_tail);
	while ((node = __cds_wfcq_dequeue_blocking(&to, &to_tail))) {
		struct entry *entry = caa_container_of(node, struct entry, node);

		assert(entry->number == seen++);
		free(entry);
	}
	assert(seen == 2);
	return 0;
}
