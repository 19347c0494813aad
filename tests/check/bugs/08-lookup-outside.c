/* SPDX-License-Identifier: MIT */
/* BUG: lookup in a hash table outside of a section */
/* FOUND: lookup-outside-section */
#include "bugs.h"

static struct cds_lfht *table;

static void *reader(void *arg)
{
	struct cds_lfht_iter iter;
	int key = 0;

	rcu_register_thread();
	cds_lfht_lookup(table, 1, match, &key, &iter);
	reach(1);
	await(2);
	look(iter.node ? caa_container_of(iter.node, struct object, node) : NULL);
	rcu_unregister_thread();
	return arg;
}

int main(void)
{
	struct object *object = new_object();
	pthread_t thread;

	rcu_register_thread();
	table = new_table();
	rcu_read_lock();
	cds_lfht_add(table, 1, &object->node);
	rcu_read_unlock();
	thread = start(reader);
	await(1);
	rcu_read_lock();
	cds_lfht_del(table, &object->node);
	rcu_read_unlock();
	synchronize_rcu();
	free(object);
	reach(2);
	pthread_join(thread, NULL);
	cds_lfht_destroy(table, NULL);
	rcu_unregister_thread();
	return 0;
}
