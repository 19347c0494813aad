/* SPDX-License-Identifier: MIT */
/*
 * Concurrency Kit's ck_ht (one writer at a time), doing what lfht.c does with one thread: the same
 * items, keys, order and output.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ck_ht.h>
#include <ck_malloc.h>

#include "keys.h"

struct item {
	unsigned long room[2], key, head[2];
};

static unsigned long nodes, found;
static struct item *items;
static ck_ht_t table;

static void *ck_allocate(size_t size)
{
	return malloc(size);
}

static void ck_release(void *p, size_t size, bool later)
{
	(void)size;
	(void)later;
	free(p);
}

static struct ck_malloc memory = { .malloc = ck_allocate, .free = ck_release };

static void insert(void)
{
	for (unsigned long i = 0; i < nodes; i++) {
		ck_ht_entry_t entry;
		ck_ht_hash_t hash;

		items[i].key = i + 1;
		ck_ht_hash_direct(&hash, &table, i + 1);
		ck_ht_entry_set_direct(&entry, hash, i + 1, (uintptr_t)&items[i]);
		ck_ht_put_spmc(&table, hash, &entry);
	}
}

static void lookup(unsigned long add)
{
	for (unsigned long i = 0; i < nodes; i++) {
		unsigned long key = scattered(i, nodes) + 1 + add;
		ck_ht_entry_t entry;
		ck_ht_hash_t hash;

		ck_ht_hash_direct(&hash, &table, key);
		ck_ht_entry_key_set_direct(&entry, key);
		/* As a program would: a table of items is asked for items. */
		if (ck_ht_get_spmc(&table, hash, &entry))
			found += ((struct item *)ck_ht_entry_value_direct(&entry))->key == key;
	}
}

static void hit(void)
{
	lookup(0);
}

static void miss(void)
{
	lookup(1UL << 40);
}

static void delete(void)
{
	for (unsigned long i = 0; i < nodes; i++) {
		unsigned long key = scattered(i, nodes) + 1;
		ck_ht_entry_t entry;
		ck_ht_hash_t hash;

		ck_ht_hash_direct(&hash, &table, key);
		ck_ht_entry_key_set_direct(&entry, key);
		found += ck_ht_remove_spmc(&table, hash, &entry);
	}
}

static void iterate(void)
{
	ck_ht_iterator_t iterator = CK_HT_ITERATOR_INITIALIZER;
	ck_ht_entry_t *entry;

	while (ck_ht_next(&table, &iterator, &entry))
		found += ((struct item *)ck_ht_entry_value_direct(entry))->key != 0;
}

static void measure(const char *name, void (*todo)(void))
{
	double start = now();

	todo();
	printf("%s %lu 1 %.1f\n", name, nodes, (now() - start) / (double)nodes);
}

static void init(unsigned long size)
{
	if (!ck_ht_init(&table, CK_HT_MODE_DIRECT, NULL, &memory, size, 42))
		exit(1);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	nodes = strtoul(argv[1], NULL, 0);
	items = malloc(nodes * sizeof(*items));
	memset(items, 1, nodes * sizeof(*items));
	init(2 * nodes);
	measure("insert-sized", insert);
	measure("hit", hit);
	measure("miss", miss);
	measure("iterate", iterate);
	measure("delete", delete);
	if (argc > 3)
		return !found;
	init(8);
	measure("insert-growing", insert);
	measure("hit-grown", hit);
	measure("delete-grown", delete);
	return found == 0;
}
