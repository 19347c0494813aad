/* SPDX-License-Identifier: MIT */
/*
 * A fork at any step of a thread that fills a table, and so asks for its growth: in the child the table has the nodes
 * that were there, takes more, grows again, and can be destroyed once it is empty.
 */

#include <quiesce/stall.h>
#include <urcu/rculfhash.h>

#include "checker/rcu.h"
#include "checker/child.h"

#define KEYS 6

struct node {
	unsigned long key;
	struct cds_lfht_node node;
};

struct cds_lfht *table;

static int has_key(struct cds_lfht_node *node, const void *key)
{
	return caa_container_of(node, struct node, node)->key == *(const unsigned long *)key;
}

static bool find(unsigned long key, struct cds_lfht_iter *iter)
{
	cds_lfht_lookup(table, key, has_key, &key, iter);
	return cds_lfht_iter_get_node(iter);
}

static void fill(unsigned long from, unsigned long to)
{
	for (unsigned long key = from; key < to; key++) {
		struct node *node = malloc(sizeof(*node));

		node->key = key;
		cds_lfht_node_init(&node->node);
		rcu_read_lock();
		cds_lfht_add(table, key, &node->node);
		rcu_read_unlock();
	}
}

static void *other(void *arg)
{
	rcu_register_thread();
	fill(1, 4);
	rcu_unregister_thread();
	return arg;
}

static void use(void)
{
	struct cds_lfht_iter iter;

	fill(4, KEYS);
	assert(cds_lfht_destroy(table, NULL) == -EPERM);
	cds_lfht_resize(table, 8);
	rcu_read_lock();
	assert(find(0, &iter) && find(4, &iter) && find(KEYS - 1, &iter));
	for (unsigned long key = 0; key < KEYS; key++)
		if (find(key, &iter))
			assert(cds_lfht_del(table, cds_lfht_iter_get_node(&iter)) == 0);
	rcu_read_unlock();
	assert(cds_lfht_destroy(table, NULL) == 0);
	rcu_barrier();
}

int main(void)
{
	pthread_t thread;
	pid_t pid;

	quiesce_set_stall_timeout(0);
	rcu_register_thread();
	table = _cds_lfht_new(1, 1, 8, CDS_LFHT_AUTO_RESIZE, NULL, &rcu_flavor, NULL);
	if (!table)
		abort();
	fill(0, 1);
	if (pthread_create(&thread, NULL, other, NULL) != 0)
		abort();
	call_rcu_before_fork();
	pid = fork();
	if (pid == 0) {
		call_rcu_after_fork_child();
		use();
		_exit(0);
	}
	call_rcu_after_fork_parent();
	await_child(pid);
	pthread_join(thread, NULL);
	use();
	rcu_unregister_thread();
	return 0;
}
