/* SPDX-License-Identifier: MIT */
/* What situations.c does with hash tables. */
#ifndef TESTS_CONDUCT_SITUATIONS_TABLE_H
#define TESTS_CONDUCT_SITUATIONS_TABLE_H

#include <urcu/rculfhash.h>

/* So many that buckets are mapped on their own; liburcu's test takes fewer, for want of growth. */
#ifndef NODES
#define NODES 300000
#endif
static struct cds_lfht *table;
static struct cds_lfht_node *nodes;

static void table_new(void)
{
	table = cds_lfht_new(1, 1, 0, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING, NULL);
	want(table);
}

static unsigned long hash(int i)
{
	return (unsigned long)i * 0x9e3779b97f4a7c15UL;
}

static void table_ready(void)
{
	rcu_register_thread();
	nodes = calloc(NODES, sizeof(*nodes));
	want(nodes);
	memset(nodes, 1, NODES * sizeof(*nodes));
	table_new();
}

/* In steps: when it is filled at once, liburcu's may stay small, and slow, for ever. */
static void table_grow(void)
{
	for (int i = 0; i < NODES; i++) {
		rcu_read_lock();
		cds_lfht_add(table, hash(i), &nodes[i]);
		rcu_read_unlock();
		if ((i & (i - 1)) == 0)
			settle();
	}
}

static void table_full(void)
{
	table_ready();
	table_grow();
}

static void table_destroy(void)
{
	for (int i = 0; i < NODES; i++) {
		rcu_read_lock();
		want(cds_lfht_del(table, &nodes[i]) == 0);
		rcu_read_unlock();
		if (i % (NODES / 4) == 0)
			settle();
	}
	synchronize_rcu();
	want(cds_lfht_destroy(table, NULL) == 0);
}

/* One that does not resize itself. */
static void table_fixed(void)
{
	static struct cds_lfht_node node;

	table = cds_lfht_new(64, 64, 64, CDS_LFHT_ACCOUNTING, NULL);
	want(table);
	rcu_read_lock();
	cds_lfht_add(table, 1, &node);
	want(cds_lfht_del(table, &node) == 0);
	rcu_read_unlock();
	want(cds_lfht_destroy(table, NULL) == 0);
}

#endif
