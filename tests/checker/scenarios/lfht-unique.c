/* SPDX-License-Identifier: MIT */
/* Two add_unique of one key: one of them wins. A replace: the key is found at each moment. */
#include "checker/rcu.h"

#include <urcu/rculfhash.h>

struct entry {
	int key;
	struct cds_lfht_node node;
};

struct cds_lfht *table;
int won;

static int match(struct cds_lfht_node *node, const void *key)
{
	return caa_container_of(node, struct entry, node)->key == *(const int *)key;
}

static struct entry *make(int key)
{
	struct entry *entry = malloc(sizeof(*entry));

	entry->key = key;
	cds_lfht_node_init(&entry->node);
	return entry;
}

static void *adder(void *arg)
{
	struct entry *entry = make(1);

	rcu_register_thread();
	rcu_read_lock();
	if (cds_lfht_add_unique(table, 1, match, &entry->key, &entry->node) == &entry->node)
		__atomic_fetch_add(&won, 1, relaxed);
	rcu_read_unlock();
	rcu_unregister_thread();
	return arg;
}

/* 2 was there before, and one or the other of it is, at each moment. */
static void *replacer(void *arg)
{
	struct entry *entry = make(2);
	struct cds_lfht_node *old;

	rcu_register_thread();
	rcu_read_lock();
	old = cds_lfht_add_replace(table, 1, match, &entry->key, &entry->node);
	assert(old);
	rcu_read_unlock();
	synchronize_rcu();
	free(caa_container_of(old, struct entry, node));
	rcu_unregister_thread();
	return arg;
}

int main(void)
{
	struct entry *entry = make(2);
	struct cds_lfht_iter iter;
	pthread_t threads[3];
	int key = 2;

	rcu_register_thread();
	table = cds_lfht_new(1, 1, 0, 0, NULL);
	if (!table)
		return 0;
	rcu_read_lock();
	cds_lfht_add(table, 1, &entry->node);
	rcu_read_unlock();
	for (int i = 0; i < 3; i++)
		if (pthread_create(&threads[i], NULL, i < 2 ? adder : replacer, NULL) != 0)
			abort();
	rcu_read_lock();
	cds_lfht_lookup(table, 1, match, &key, &iter);
	assert(cds_lfht_iter_get_node(&iter));
	rcu_read_unlock();
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert(won == 1);
	rcu_unregister_thread();
	return 0;
}
