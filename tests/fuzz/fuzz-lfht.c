/* SPDX-License-Identifier: MIT */
/*
 * One thread's operations on a hash table, beside a list of what must be in it. The first bytes choose the table: its
 * sizes, flags, scheme, how keys become hashes, and which of its allocations fails. Resizes go on in the worker.
 */
#include <errno.h>

#include <quiesce/lfht.h>
#include <urcu.h>
#include <urcu/rculfhash.h>

#include "fuzz.h"

enum { ITEMS = 512, KEYS = 64, OPERATIONS = 1500, MANY = 8 };

struct item {
	struct cds_lfht_node node;
	struct rcu_head head;
	unsigned int key, added;	/* by cds_lfht_add: in which order; others: 0 */
	unsigned int met;		/* in which traversal */
};

static struct table {
	struct cds_lfht *ht;
	struct item *items[ITEMS];	/* those in it */
	unsigned int count, added, spread, traversals;
	bool is_counted;
} table;

/* ---- Memory that comes to an end, and is all given back ---- */

static long pieces, fails_at;

static void *counted_calloc(void *state, size_t count, size_t size)
{
	void *memory = NULL;

	(void)state;
	if (!fails_at || __atomic_sub_fetch(&fails_at, 1, __ATOMIC_RELAXED))
		memory = calloc(count, size);
	__atomic_fetch_add(&pieces, memory != NULL, __ATOMIC_RELAXED);
	return memory;
}

static void counted_free(void *state, void *memory)
{
	(void)state;
	__atomic_fetch_sub(&pieces, memory != NULL, __ATOMIC_RELAXED);
	free(memory);
}

static const struct cds_lfht_alloc counted = { .calloc = counted_calloc, .free = counted_free };

/* ---- Items ---- */

static unsigned long hash_of(unsigned int key)
{
	switch (table.spread) {
	case 0: return key;
	case 1: return key % 3;				/* nearly all the same */
	case 2: return (unsigned long)key << 58 | key % 2;	/* different in the highest bits alone */
	default: return key * 0x9e3779b97f4a7c15UL;
	}
}

static int match(struct cds_lfht_node *node, const void *key)
{
	return caa_container_of(node, struct item, node)->key == *(const unsigned int *)key;
}

static struct item *make(unsigned int key)
{
	struct item *item = calloc(1, sizeof(*item));

	must(item);
	item->key = key;
	cds_lfht_node_init(&item->node);
	return item;
}

static void release(struct rcu_head *head)
{
	free(caa_container_of(head, struct item, head));
}

static struct item *first_of(unsigned int key)
{
	for (unsigned int i = 0; i < table.count; i++)
		if (table.items[i]->key == key)
			return table.items[i];
	return NULL;
}

static unsigned int place_of(const struct cds_lfht_node *node)
{
	for (unsigned int i = 0; i < table.count; i++)
		if (&table.items[i]->node == node)
			return i;
	must(!"a node that is in the model");
	return 0;
}

/* It is in the table no more. */
static void leaves(struct cds_lfht_node *node)
{
	unsigned int i = place_of(node);
	struct item *item = table.items[i];

	must(cds_lfht_is_node_deleted(node));
	table.items[i] = table.items[--table.count];
	call_rcu(&item->head, release);
}

static void comes(struct item *item)
{
	must(!cds_lfht_is_node_deleted(&item->node));
	table.items[table.count++] = item;
}

/* ---- Operations ---- */

static void add(unsigned int key)
{
	struct item *item = make(key);

	item->added = ++table.added;
	cds_lfht_add(table.ht, hash_of(key), &item->node);
	comes(item);
}

static void add_unique(unsigned int key)
{
	struct item *item = make(key), *had = first_of(key);
	struct cds_lfht_node *found = cds_lfht_add_unique(table.ht, hash_of(key), match, &key, &item->node);

	must((found == &item->node) == !had);
	if (!had) {
		comes(item);
		return;
	}
	must(table.items[place_of(found)]->key == key);
	free(item);
}

static void add_replace(unsigned int key)
{
	struct item *item = make(key), *had = first_of(key);
	struct cds_lfht_node *old = cds_lfht_add_replace(table.ht, hash_of(key), match, &key, &item->node);

	must(!old == !had);
	if (old) {
		must(table.items[place_of(old)]->key == key);
		leaves(old);
	}
	comes(item);
}

/* By what a lookup of one key found, with a node of another, perhaps, and of a node that was deleted meanwhile. */
static void replace(unsigned int key, unsigned int new_key, bool is_deleted)
{
	struct item *item = make(new_key), *had = first_of(key);
	struct cds_lfht_iter iter;
	int status;

	cds_lfht_lookup(table.ht, hash_of(key), match, &key, &iter);
	must(!iter.node == !had);
	if (iter.node && is_deleted) {
		must(!cds_lfht_del(table.ht, iter.node));
		leaves(iter.node);
	}
	status = cds_lfht_replace(table.ht, &iter, hash_of(new_key), match, &new_key, &item->node);
	if (had && key == new_key && !is_deleted) {
		must(!status);
		leaves(iter.node);
		comes(item);
		return;
	}
	/* Of two reasons either will do. */
	must((status == -ENOENT && (!had || is_deleted)) || (status == -EINVAL && had && key != new_key));
	free(item);
}

static void delete(unsigned int key, bool is_again)
{
	struct cds_lfht_iter iter;

	cds_lfht_lookup(table.ht, hash_of(key), match, &key, &iter);
	must(!iter.node == !first_of(key));
	must(cds_lfht_del(table.ht, iter.node) == (iter.node ? 0 : -ENOENT));
	if (!iter.node)
		return;
	if (is_again)
		must(cds_lfht_del(table.ht, iter.node) == -ENOENT);
	leaves(iter.node);
}

static void duplicates(unsigned int key)
{
	struct cds_lfht_iter iter;
	struct item *item;
	unsigned int found = 0, wanted = 0, added = 0;

	for (unsigned int i = 0; i < table.count; i++)
		wanted += table.items[i]->key == key;
	cds_lfht_for_each_entry_duplicate(table.ht, hash_of(key), match, &key, &iter, item, node) {
		must(item->key == key && found < wanted);
		must(!item->added || item->added > added);
		added = item->added ? item->added : added;
		found++;
	}
	must(found == wanted);
}

static void look_up_many(struct input *input)
{
	unsigned int keys[MANY], number = take_below(input, MANY + 1);
	unsigned long hashes[MANY] = { 0 }, wanted = 0;
	struct cds_lfht_iter iters[MANY];
	const void *pointers[MANY] = { NULL };

	for (unsigned int i = 0; i < number; i++) {
		keys[i] = take_below(input, KEYS);
		hashes[i] = hash_of(keys[i]);
		pointers[i] = &keys[i];
		wanted += first_of(keys[i]) != NULL;
	}
	must(quiesce_lfht_lookup_many(table.ht, number, hashes, match, pointers, iters) == wanted);
	for (unsigned int i = 0; i < number; i++) {
		must(!iters[i].node == !first_of(keys[i]));
		must(!iters[i].node || table.items[place_of(iters[i].node)]->key == keys[i]);
	}
}

/* All of it, each once, nodes of one hash together. */
static void traverse(void)
{
	struct cds_lfht_iter iter;
	struct item *item;
	unsigned int met = 0, added = 0;
	unsigned long hash = 0, left[ITEMS], gone = 0;

	table.traversals++;
	cds_lfht_for_each_entry(table.ht, &iter, item, node) {
		must(table.items[place_of(&item->node)] == item && item->met != table.traversals);
		if (met++ && hash != hash_of(item->key)) {
			left[gone++] = hash;
			added = 0;
		}
		hash = hash_of(item->key);
		for (unsigned long i = 0; i < gone; i++)
			must(left[i] != hash);
		must(!item->added || item->added > added);
		added = item->added ? item->added : added;
		item->met = table.traversals;
	}
	must(met == table.count);
}

static void count(void)
{
	unsigned long nodes;
	long before, after;

	cds_lfht_count_nodes(table.ht, &before, &nodes, &after);
	must(nodes == table.count);
	must(table.is_counted || (!before && !after));
}

static void resize(struct input *input)
{
	unsigned long size = 1UL << take_below(input, 14);

	/* Also what is out of bounds, or no power of two. */
	switch (take_below(input, 4)) {
	case 0: size = 0; break;
	case 1: size += take(input); break;
	}
	rcu_read_unlock();
	cds_lfht_resize(table.ht, size);
	rcu_read_lock();
}

/* Wait for resizes and releases. */
static void settle(void)
{
	rcu_read_unlock();
	rcu_barrier();
	rcu_read_lock();
}

static void operate(struct input *input)
{
	unsigned int what = take(input), key = take_below(input, KEYS);

	switch (what % 16) {
	case 0: case 1: case 2: add(key); break;
	case 3: case 4: add_unique(key); break;
	case 5: add_replace(key); break;
	case 6: replace(key, key, what & 16); break;
	case 7: replace(key, take_below(input, KEYS), what & 16); break;
	case 8: case 9: case 10: delete(key, what & 16); break;
	case 11: duplicates(key); break;
	case 12: what & 16 ? traverse() : count(); break;
	case 13: look_up_many(input); break;
	case 14: resize(input); break;
	default: what & 16 ? traverse() : settle();
	}
}

/* ---- Tables ---- */

static bool is_size(unsigned long size)
{
	return size && !(size & (size - 1));
}

static unsigned long take_size(struct input *input)
{
	unsigned int byte = take(input);

	return byte < 16 ? 1UL << byte % 14 : byte == 16 ? 0 : byte < 220 ? 1UL << byte % 8 : byte;
}

/* NULL where the model says so, or without memory. */
static bool make_table(struct input *input)
{
	static const struct cds_lfht_mm_type *const schemes[] = {
		NULL, &cds_lfht_mm_order, &cds_lfht_mm_chunk, &cds_lfht_mm_mmap,
	};
	unsigned long init = take_size(input), least = take_size(input), most = take_size(input);
	unsigned int byte = take(input), scheme = byte % 4, failing = take(input);
	int flags = (int)(byte >> 2 & 3) | (byte & 16 ? QUIESCE_LFHT_NO_TAGS : 0) | (byte & 32 ? 1 << 9 : 0);
	bool is_right = is_size(init) && is_size(least) && (is_size(most) || (!most && scheme < 2));

	table = (struct table) { .spread = byte >> 6, .is_counted = flags & (CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING) };
	fails_at = failing < 128 ? 0 : failing - 127;
	table.ht = _cds_lfht_new_with_alloc(init, least, most, flags, schemes[scheme], &rcu_flavor,
					    failing & 1 ? &counted : NULL, NULL);
	if (!table.ht)
		must(errno == (is_right ? ENOMEM : EINVAL) && (!is_right || (failing & 1 && failing >= 128)));
	else
		must(is_right);
	return table.ht;
}

static void end_table(void)
{
	if (table.count)
		must(cds_lfht_destroy(table.ht, NULL) == -EPERM);
	rcu_read_lock();
	traverse();
	while (table.count) {
		struct cds_lfht_node *node = &table.items[table.count - 1]->node;

		must(!cds_lfht_del(table.ht, node));
		leaves(node);
	}
	traverse();
	rcu_read_unlock();
	must(!cds_lfht_destroy(table.ht, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, data + size };
	static bool is_registered;

	if (!is_registered)
		rcu_register_thread();
	is_registered = true;
	if (make_table(&input)) {
		rcu_read_lock();
		for (int i = 0; i < OPERATIONS && has_more(&input) && table.count < ITEMS - 1; i++)
			operate(&input);
		rcu_read_unlock();
		end_table();
	}
	rcu_barrier();
	must(!pieces);
	return 0;
}
