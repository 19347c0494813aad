/* SPDX-License-Identifier: MIT */
/*
 * A table is told one size after the other while its callback runs: it gets the last of them. That is not to be seen
 * through the interface, so this looks inside.
 */
#include "checker/rcu.h"

#include <urcu/rculfhash.h>

#include "lfht/lfht.h"

#define RUNS	5

struct cds_lfht *table;

/* Shrinking takes five runs of the callback. Before the last one, which only looks, a look is wanted for nothing. */
static void *resize(void *arg)
{
	rcu_register_thread();
	cds_lfht_resize(table, 2);
	for (int i = 0; i < RUNS; i++)
		rcu_barrier();
	cds_lfht_resize(table, 1);
	cds_lfht_resize(table, 2);
	rcu_unregister_thread();
	return arg;
}

int main(void)
{
	rcu_register_thread();
	table = cds_lfht_new(4, 1, 4, 0, NULL);
	if (!table)
		return 0;
	run(resize, NULL, NULL);
	cds_lfht_resize(table, 1);
	for (int i = 0; i < 8 && quiesce_shape_order(quiesce_shape(table)); i++)
		rcu_barrier();
	assert(quiesce_shape_order(quiesce_shape(table)) == 0);
	rcu_unregister_thread();
	return 0;
}
