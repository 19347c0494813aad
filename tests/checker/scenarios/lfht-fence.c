/* SPDX-License-Identifier: MIT */
/* To change a table is a full barrier: one of two threads that store, change and look sees the other's store. */
#include "checker/rcu.h"

#include <urcu/rculfhash.h>

struct entry {
	struct cds_lfht_node node;
};

struct cds_lfht *table;
struct entry entries[2];
int x, y, a, b;

static void *first(void *arg)
{
	rcu_register_thread();
	rcu_read_lock();
	SET(x, 1, relaxed);
	if (cds_lfht_del(table, &entries[0].node) != 0)
		abort();
	a = GET(y, relaxed);
	rcu_read_unlock();
	rcu_unregister_thread();
	return arg;
}

static void *second(void *arg)
{
	rcu_register_thread();
	rcu_read_lock();
	SET(y, 1, relaxed);
	cds_lfht_add(table, 2, &entries[1].node);
	b = GET(x, relaxed);
	rcu_read_unlock();
	rcu_unregister_thread();
	return arg;
}

int main(void)
{
	rcu_register_thread();
	table = cds_lfht_new(4, 4, 4, 0, NULL);
	if (!table)
		return 0;
	rcu_read_lock();
	cds_lfht_add(table, 1, &entries[0].node);
	rcu_read_unlock();
	run(first, second, NULL);
	assert(a || b);
	rcu_unregister_thread();
	return 0;
}
