/* SPDX-License-Identifier: MIT */
#define CDS_LFS_RCU_DEPRECATED	/* without it the compiler warns */
#include <urcu.h>
#include <urcu/rculfstack.h>
#include <stdlib.h>

int main(void)
{
	struct cds_lfs_stack_rcu stack;
	struct cds_lfs_node_rcu nodes[2], *top;

	rcu_register_thread();
	cds_lfs_init_rcu(&stack);
	for (int i = 0; i < 2; i++) {
		cds_lfs_node_init_rcu(&nodes[i]);
		cds_lfs_push_rcu(&stack, &nodes[i]);
	}
	rcu_read_lock();
	top = cds_lfs_pop_rcu(&stack);
	rcu_read_unlock();
	synchronize_rcu();	/* before it is pushed again or freed */
	rcu_unregister_thread();
	return top == &nodes[1] ? EXIT_SUCCESS : EXIT_FAILURE;
}
