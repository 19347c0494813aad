/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <urcu/rculfhash.h>
#include <stdlib.h>

int main(void)
{
	struct cds_lfht *ht;
	struct cds_lfht_node node;
	int status;

	rcu_register_thread();
	/* 16 buckets at first, 16 at least, no maximum; it grows and shrinks by itself. */
	ht = cds_lfht_new(16, 16, 0, CDS_LFHT_AUTO_RESIZE, NULL);
	if (!ht)
		return EXIT_FAILURE;	/* errno says why */

	rcu_read_lock();
	cds_lfht_add(ht, 12345, &node);
	rcu_read_unlock();
	cds_lfht_resize(ht, 1024);	/* before many are added; not in a section */

	if (cds_lfht_destroy(ht, NULL) == 0)
		return EXIT_FAILURE;	/* there is a node: -EPERM */
	rcu_read_lock();
	status = cds_lfht_del(ht, &node);
	rcu_read_unlock();
	synchronize_rcu();		/* before the node's memory is used otherwise */
	if (status || cds_lfht_destroy(ht, NULL))
		return EXIT_FAILURE;
	rcu_barrier();
	rcu_unregister_thread();
	return EXIT_SUCCESS;
}
