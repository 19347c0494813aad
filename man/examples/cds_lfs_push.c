/* SPDX-License-Identifier: MIT */
#include <urcu/lfstack.h>
#include <stdlib.h>

struct event {
	int number;
	struct cds_lfs_node node;
};

int main(void)
{
	static struct event events[3];
	struct __cds_lfs_stack stack;	/* pop_all alone needs no mutex */
	struct cds_lfs_head *all;
	struct cds_lfs_node *node, *next;
	int order = 0;

	__cds_lfs_init(&stack);
	for (int i = 0; i < 3; i++) {
		events[i].number = i + 1;
		cds_lfs_node_init(&events[i].node);
		cds_lfs_push(&stack, &events[i].node);	/* in signal handlers, too */
	}
	all = __cds_lfs_pop_all(&stack);
	cds_lfs_for_each_safe(all, node, next)		/* the newest first */
		order = order * 10 + caa_container_of(node, struct event, node)->number;
	return order == 321 && cds_lfs_empty(&stack) ? EXIT_SUCCESS : EXIT_FAILURE;
}
