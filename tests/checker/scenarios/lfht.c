/* SPDX-License-Identifier: MIT */
/* A hash table: adds, lookups and deletes while it grows or shrinks. What is in it throughout is found. */
#include "checker/rcu.h"

#include <urcu/rculfhash.h>

struct entry {
	int key;
	struct cds_lfht_node node;
};

struct cds_lfht *table;
struct entry *entries[3];

static int match(struct cds_lfht_node *node, const void *key)
{
	return caa_container_of(node, struct entry, node)->key == *(const int *)key;
}

static struct entry *look_up(int key)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_lookup(table, (unsigned long)key, match, &key, &iter);
	node = cds_lfht_iter_get_node(&iter);
	return node ? caa_container_of(node, struct entry, node) : NULL;
}

static void add(int key)
{
	entries[key] = malloc(sizeof(struct entry));
	entries[key]->key = key;
	cds_lfht_node_init(&entries[key]->node);
	cds_lfht_add(table, (unsigned long)key, &entries[key]->node);
}

/* 1 is there all the time, 2 for a while. */
static void *reader(void *arg)
{
	rcu_register_thread();
	rcu_read_lock();
	assert(look_up(1) == entries[1]);
	look_up(2);
	rcu_read_unlock();
	rcu_unregister_thread();
	return arg;
}

static void *writer(void *arg)
{
	rcu_register_thread();
	rcu_read_lock();
	add(2);
	assert(look_up(2) == entries[2]);
	if (cds_lfht_del(table, &entries[2]->node) != 0)
		abort();
	assert(!look_up(2));
	rcu_read_unlock();
	synchronize_rcu();
	entries[2]->key = 3;
	free(entries[2]);
	rcu_unregister_thread();
	return arg;
}

static void *resizer(void *arg)
{
	rcu_register_thread();
#ifdef SHRINK
	cds_lfht_resize(table, 1);
#else
	cds_lfht_resize(table, 4);
#endif
	rcu_unregister_thread();
	return arg;
}

int main(void)
{
	rcu_register_thread();
#ifdef SHRINK
	table = cds_lfht_new(4, 1, 0, 0, NULL);
#else
	table = cds_lfht_new(1, 1, 0, 0, NULL);
#endif
	if (!table)
		return 0;
	rcu_read_lock();
	add(1);
	rcu_read_unlock();
	run(reader, writer, resizer);
	rcu_read_lock();
	assert(look_up(1) == entries[1]);
	if (cds_lfht_del(table, &entries[1]->node) != 0)
		abort();
	rcu_read_unlock();
	synchronize_rcu();
	free(entries[1]);
	if (cds_lfht_destroy(table, NULL) != 0)
		abort();
	rcu_unregister_thread();
	return 0;
}
