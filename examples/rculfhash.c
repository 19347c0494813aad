/* SPDX-License-Identifier: MIT */
/*
 * A dictionary that many threads fill, change and read at once, and that grows as it is filled.
 * Whoever looks at a table is in a section, writers too. What a lookup found is good
 * until that section ends; so an entry that was taken out is freed by call_rcu.
 *
 * cc rculfhash.c -lurcu -lurcu-cds -lpthread
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu.h>
#include <urcu/compiler.h>
#include <urcu/rculfhash.h>

enum { THREADS = 4, KEYS = 5000, MEANINGS = 3 };

struct entry {
	struct cds_lfht_node node;
	struct rcu_head rcu;
	int key;
};

struct counts {
	int added, missing;
};

static struct cds_lfht *table;

/* Spread over the low bits, which choose the bucket. */
static unsigned long hash(int key)
{
	return key * 0x9e3779b9u;
}

/* Asked of entries with the right hash, for other keys may have that too. */
static int match(struct cds_lfht_node *node, const void *key)
{
	return caa_container_of(node, struct entry, node)->key == *(const int *) key;
}

static struct entry *new_entry(int key)
{
	struct entry *entry = malloc(sizeof(*entry));

	if (!entry)
		abort();
	cds_lfht_node_init(&entry->node);
	entry->key = key;
	return entry;
}

static void free_entry(struct rcu_head *head)
{
	free(caa_container_of(head, struct entry, rcu));
}

/* Each thread tries to add each key, and one of them gets it in; key 0 they replace. */
static void *fill(void *arg)
{
	struct counts *counts = arg;
	const int zero = 0;

	rcu_register_thread();
	for (int key = 1; key <= KEYS; key++) {
		struct entry *entry = new_entry(key), *zeroth = new_entry(0);
		struct cds_lfht_node *there, *old;
		struct cds_lfht_iter iter;

		rcu_read_lock();
		there = cds_lfht_add_unique(table, hash(key), match, &key, &entry->node);
		old = cds_lfht_add_replace(table, hash(0), match, &zero, &zeroth->node);
		/* The old and the new change places in one step, so that key 0 is always there. */
		cds_lfht_lookup(table, hash(0), match, &zero, &iter);
		counts->missing += !cds_lfht_iter_get_node(&iter);
		if (old)	/* others may still look at what was in the table */
			call_rcu(&caa_container_of(old, struct entry, node)->rcu, free_entry);
		else		/* there was none, so that it was added */
			counts->added++;
		rcu_read_unlock();
		if (there == &entry->node)
			counts->added++;
		else		/* it never was in the table, and can go at once */
			free(entry);
	}
	rcu_unregister_thread();
	return NULL;
}

int main(void)
{
	int sum = 0, bad = 0, meanings = 0, deleted = 0, key = KEYS + 1;
	struct counts counts[THREADS] = { { 0, 0 } };
	pthread_t thread[THREADS];
	struct cds_lfht_iter iter;
	struct entry *entry;

	rcu_register_thread();
	table = cds_lfht_new(1, 1, 0, CDS_LFHT_AUTO_RESIZE, NULL);
	if (!table)
		return EXIT_FAILURE;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, fill, &counts[i]))
			return EXIT_FAILURE;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		sum += counts[i].added;
		bad += counts[i].missing;
	}

	rcu_read_lock();
	for (int i = 0; i < MEANINGS; i++)	/* add asks nothing: a key may be there many times */
		cds_lfht_add(table, hash(key), &new_entry(key)->node);
	cds_lfht_for_each_entry_duplicate(table, hash(key), match, &key, &iter, entry, node)
		meanings++;
	cds_lfht_for_each_entry(table, &iter, entry, node)	/* all of it, in no order */
		if (cds_lfht_del(table, &entry->node) == 0) {	/* one thread gets 0 and frees */
			call_rcu(&entry->rcu, free_entry);
			deleted++;
		}
	rcu_read_unlock();
	printf("%d keys added, %d meanings of one, %d entries deleted\n", sum, meanings, deleted);

	if (cds_lfht_destroy(table, NULL))	/* it must be empty, and nobody may use it any more */
		return EXIT_FAILURE;
	rcu_barrier();				/* for our callbacks, and those of the table */
	rcu_unregister_thread();
	return sum == 1 + KEYS && !bad && meanings == MEANINGS && deleted == sum + MEANINGS
		? EXIT_SUCCESS : EXIT_FAILURE;
}
