/* SPDX-License-Identifier: MIT */
#include <urcu/wfstack.h>
#include <stdlib.h>

struct buffer {
	struct cds_wfs_node node;
	char bytes[512];
};

int main(void)
{
	static struct buffer buffers[3];
	struct cds_wfs_stack pool;
	struct cds_wfs_node *node, *next;
	int left = 0;

	cds_wfs_init(&pool);
	for (int i = 0; i < 3; i++) {
		cds_wfs_node_init(&buffers[i].node);
		cds_wfs_push(&pool, &buffers[i].node);	/* any thread, at any time */
	}
	node = cds_wfs_pop_blocking(&pool);		/* takes the mutex */
	if (node != &buffers[2].node)
		return EXIT_FAILURE;
	cds_wfs_for_each_blocking_safe(cds_wfs_pop_all_blocking(&pool), node, next)
		left++;
	if (!cds_wfs_empty(&pool))
		return EXIT_FAILURE;
	cds_wfs_destroy(&pool);
	return left == 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
