/* SPDX-License-Identifier: MIT */
#define CDS_WFQ_DEPRECATED	/* without it the compiler warns */
#include <urcu/wfqueue.h>
#include <stdlib.h>

int main(void)
{
	struct cds_wfq_queue queue;
	struct cds_wfq_node nodes[2];

	cds_wfq_init(&queue);
	for (int i = 0; i < 2; i++) {
		cds_wfq_node_init(&nodes[i]);
		cds_wfq_enqueue(&queue, &nodes[i]);
	}
	if (cds_wfq_dequeue_blocking(&queue) != &nodes[0] ||
	    cds_wfq_dequeue_blocking(&queue) != &nodes[1] ||
	    cds_wfq_dequeue_blocking(&queue) != NULL)
		return EXIT_FAILURE;
	cds_wfq_destroy(&queue);
	return EXIT_SUCCESS;
}
