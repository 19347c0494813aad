/* SPDX-License-Identifier: MIT */
/* BUG: free of a table's node without a grace period, while a section looks into the table */
/* FOUND: freed-while-held, both places */
/* STATIC: free-without-grace-period */
#include "bugs.h"

static struct cds_lfht *table;

static void *reader(void *arg)
{
	struct cds_lfht_iter iter;

	rcu_register_thread();
	rcu_read_lock();
	cds_lfht_first(table, &iter);
	reach(1);
	await(2);
	cds_lfht_next(table, &iter);
	rcu_read_unlock();
	rcu_unregister_thread();
	return arg;
}

int main(void)
{
	struct object *one = new_object(), *other = new_object();
	pthread_t thread;

	rcu_register_thread();
	table = new_table();
	rcu_read_lock();
	cds_lfht_add(table, 1, &one->node);
	cds_lfht_add(table, 1, &other->node);
	rcu_read_unlock();
	thread = start(reader);
	await(1);
	rcu_read_lock();
	cds_lfht_del(table, &other->node);
	rcu_read_unlock();
	free(other);
	reach(2);
	pthread_join(thread, NULL);
	rcu_unregister_thread();
	return 0;
}
