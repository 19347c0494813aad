/* SPDX-License-Identifier: MIT */
/* What the tests of the hash table share: nodes with a key, and an allocator that keeps a ledger. */
#ifndef TESTS_UNIT_LFHT_ITEMS_H
#define TESTS_UNIT_LFHT_ITEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <urcu/rculfhash.h>

struct item {
	struct cds_lfht_node node;
	unsigned long key, hash;
	unsigned long met;		/* in the traversal of that number */
	struct rcu_head head;
};

static inline struct item *item_of(struct cds_lfht_node *node)
{
	return cds_lfht_entry(node, struct item, node);
}

static inline int match_key(struct cds_lfht_node *node, const void *key)
{
	return item_of(node)->key == *(const unsigned long *)key;
}

static inline unsigned long spread(unsigned long key)
{
	uint64_t wide = key;

	wide ^= wide >> 33;
	wide *= 0xff51afd7ed558ccdULL;
	wide ^= wide >> 33;
	wide *= 0xc4ceb9fe1a85ec53ULL;
	return (unsigned long)(wide ^ wide >> 33);
}

static inline struct item *item_new(unsigned long key)
{
	struct item *item = calloc(1, sizeof(*item));

	if (!item)
		abort();
	item->key = key;
	item->hash = spread(key);
	return item;
}

static inline void item_free(struct rcu_head *head)
{
	free(caa_container_of(head, struct item, head));
}

#define SCHEMES 3

static const struct cds_lfht_mm_type *const scheme_of[SCHEMES] = {
	&cds_lfht_mm_order, &cds_lfht_mm_chunk, &cds_lfht_mm_mmap,
};

#define ALL_FLAGS (CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING)

/* Of one bucket. */
static inline struct cds_lfht *table_new(unsigned int scheme, int flags)
{
	struct cds_lfht *ht = _cds_lfht_new(1, 1, 1 << 16, flags, scheme_of[scheme], &rcu_flavor,
					    NULL);

	if (!ht)
		abort();
	return ht;
}

static inline void enter(void)
{
	rcu_read_lock();
}

static inline void leave(void)
{
	rcu_read_unlock();
#ifndef QUIESCE_FORK_HARNESS_H	/* there threads are offline outside sections */
	rcu_quiescent_state();
#endif
}

/* A request under way frees the table's memory up to three grace periods later. */
static inline void await_requests(void)
{
	for (int i = 0; i < 3; i++)
		rcu_barrier();
}

static inline struct item *find(struct cds_lfht *ht, unsigned long hash, unsigned long key)
{
	struct cds_lfht_iter iter;

	cds_lfht_lookup(ht, hash, match_key, &key, &iter);
	return item_of(cds_lfht_iter_get_node(&iter));
}

static inline unsigned long count_all(struct cds_lfht *ht)
{
	unsigned long count;
	long before, after;

	cds_lfht_count_nodes(ht, &before, &count, &after);
	return count;
}

/* ---- An allocator that counts, and fails when told to ---- */

struct ledger {
	long live;			/* pieces allocated and not freed */
	unsigned long calls, bytes;	/* asked for, those that failed too */
	unsigned long fail_from, fail_to;	/* calls of these numbers fail */
};

static inline void *ledger_note(struct ledger *ledger, void *p)
{
	if (p)
		__atomic_fetch_add(&ledger->live, 1, __ATOMIC_RELAXED);
	return p;
}

static inline bool ledger_allows(struct ledger *ledger, size_t size)
{
	unsigned long call = __atomic_add_fetch(&ledger->calls, 1, __ATOMIC_RELAXED);

	__atomic_add_fetch(&ledger->bytes, size, __ATOMIC_RELAXED);
	return call < ledger->fail_from || call > ledger->fail_to;
}

static inline void *ledger_malloc(void *state, size_t size)
{
	return ledger_allows(state, size) ? ledger_note(state, malloc(size)) : NULL;
}

static inline void *ledger_calloc(void *state, size_t count, size_t size)
{
	return ledger_allows(state, count * size) ? ledger_note(state, calloc(count, size)) : NULL;
}

static inline void *ledger_realloc(void *state, void *p, size_t size)
{
	if (!ledger_allows(state, size))
		return NULL;
	return p ? realloc(p, size) : ledger_note(state, malloc(size));
}

static inline void *ledger_aligned_alloc(void *state, size_t alignment, size_t size)
{
	return ledger_allows(state, size) ? ledger_note(state, aligned_alloc(alignment, size)) : NULL;
}

static inline void ledger_free(void *state, void *p)
{
	if (p)
		__atomic_fetch_sub(&((struct ledger *)state)->live, 1, __ATOMIC_RELAXED);
	free(p);
}

static inline struct cds_lfht_alloc ledger_alloc(struct ledger *ledger)
{
	return (struct cds_lfht_alloc) {
		ledger_malloc, ledger_calloc, ledger_realloc, ledger_aligned_alloc, ledger_free,
		ledger,
	};
}

#endif
