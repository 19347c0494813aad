/* SPDX-License-Identifier: MIT */
/* Lookups and traversals: loads alone, so that they are wait-free. */
#include <quiesce/lfht.h>

#include "system/sanitize.h"
#include "lfht/lfht.h"

/*
 * The first node from word on that match accepts; *after is its word then. Near: the word's holder
 * has the same first quarter. NULL if there is none.
 */
static inline __attribute__((always_inline)) struct cds_lfht_node *search(
		const struct cds_lfht *ht, unsigned long word, unsigned long hash, bool near,
		cds_lfht_match_fct match, const void *key, unsigned long *after)
{
	const unsigned long reverse_hash = quiesce_reverse(hash);

	for (;;) {
		struct cds_lfht_node *node = quiesce_word_node(word);
		/* First: what tells the end nearly always, be it a bucket or a node, is one branch. */
		long order = near ? quiesce_word_order(word, reverse_hash) : 0;

		if (order > 0)
			return NULL;
		if (word & WORD_BUCKET) {
			unsigned long index = quiesce_word_index(word);

			if (__builtin_expect(quiesce_is_behind(index, hash), 1))
				return NULL;
			near = quiesce_same_first(index, hash);
			word = quiesce_word(&quiesce_bucket(ht, index)->next);
			continue;
		}
		*after = quiesce_word(&node->next);
		near = quiesce_same_quarter(node->reverse_hash, reverse_hash);
		/*
		 * Told by the word, which was there before the node is: so the processor need not guess
		 * until then whether to go on, and can be at the next lookup already.
		 */
		if (order < 0 && near) {
			word = *after;
			continue;
		}
		if (node->reverse_hash > reverse_hash)
			return NULL;
		if (node->reverse_hash == reverse_hash && !(*after & WORD_REMOVED)) {
			quiesce_tell_acquire(node);
			if (match(node, key))
				return node;
		}
		word = *after;
	}
}

struct cds_lfht_node *quiesce_list_search(const struct cds_lfht *ht, unsigned long word,
		unsigned long hash, cds_lfht_match_fct match, const void *key)
{
	unsigned long after;

	return search(ht, word, hash, false, match, key, &after);
}

static inline void set_iter(struct cds_lfht_iter *iter, struct cds_lfht_node *node, unsigned long after)
{
	iter->node = node;
	iter->next = node ? (struct cds_lfht_node *)after : NULL;
}

/* What a lookup needs to go on from its bucket. */
struct begun {
	unsigned long word;
	bool near;	/* as in search */
};

static inline struct begun begin(const struct cds_lfht *ht, unsigned long hash)
{
	struct start start = quiesce_start(ht, hash);

	return (struct begun) { quiesce_word(&start.bucket->next), quiesce_same_first(start.index, hash) };
}

static inline void finish(const struct cds_lfht *ht, struct begun begun, unsigned long hash,
		cds_lfht_match_fct match, const void *key, struct cds_lfht_iter *iter)
{
	unsigned long after = WORD_END;
	struct cds_lfht_node *node = search(ht, begun.word, hash, begun.near, match, key, &after);

	set_iter(iter, node, after);
}

void cds_lfht_lookup(struct cds_lfht *ht, unsigned long hash, cds_lfht_match_fct match,
		const void *key, struct cds_lfht_iter *iter)
{
	finish(ht, begin(ht, hash), hash, match, key, iter);
}

/* More than a core can wait for at once is of no use. */
#define TOGETHER	16UL

/* The buckets are on their way first, then the first nodes, unless a tag tells that they are past. */
static void begin_some(const struct cds_lfht *ht, unsigned long number, const unsigned long *hashes,
		struct begun *begun)
{
	for (unsigned long i = 0; i < number; i++)
		__builtin_prefetch(quiesce_bucket(ht, quiesce_bucket_index(ht, hashes[i])));
	for (unsigned long i = 0; i < number; i++) {
		begun[i] = begin(ht, hashes[i]);
		if (!(begun[i].word & WORD_BUCKET) &&
		    !(begun[i].near && quiesce_word_order(begun[i].word, quiesce_reverse(hashes[i])) > 0))
			__builtin_prefetch(quiesce_word_node(begun[i].word));
	}
}

unsigned long quiesce_lfht_lookup_many(struct cds_lfht *ht, unsigned long number,
		const unsigned long *hashes, cds_lfht_match_fct match, const void *const *keys,
		struct cds_lfht_iter *iters)
{
	struct begun begun[TOGETHER];
	unsigned long found = 0;

	for (unsigned long i = 0; i < number; i++) {
		if (i % TOGETHER == 0)
			begin_some(ht, number - i < TOGETHER ? number - i : TOGETHER, &hashes[i], begun);
		finish(ht, begun[i % TOGETHER], hashes[i], match, keys[i], &iters[i]);
		found += iters[i].node != NULL;
	}
	return found;
}

void cds_lfht_next_duplicate(struct cds_lfht *ht, cds_lfht_match_fct match, const void *key,
		struct cds_lfht_iter *iter)
{
	unsigned long after = WORD_END;
	struct cds_lfht_node *node = search(ht, (uintptr_t)iter->next,
			quiesce_reverse(iter->node->reverse_hash), true, match, key, &after);

	set_iter(iter, node, after);
}

/* In a table of 2^order buckets, the one so many behind that of reverse_hash; NULL: past the last. */
static struct bucket *bucket_ahead(const struct cds_lfht *ht, unsigned int order,
		unsigned long reverse_hash, unsigned long places)
{
	unsigned long step = 1UL << (4 * QUARTER - order), ahead = reverse_hash + places * step;

	return ahead <= reverse_hash ? NULL : quiesce_bucket(ht, quiesce_reverse(ahead & -step));
}

/*
 * A traversal waits for each node that it comes to. It knows which buckets it will come to, so those
 * can be on their way, and what is behind them.
 */
static void prefetch(const struct cds_lfht *ht, unsigned int order, unsigned long reverse_hash)
{
	const struct bucket *far = bucket_ahead(ht, order, reverse_hash, 8);
	const struct bucket *near = bucket_ahead(ht, order, reverse_hash, 4);
	unsigned long word, is_node;

	if (!far)
		return;
	__builtin_prefetch(far);
	word = quiesce_word(&near->next);
	/* A choice without a branch: nobody could predict it. */
	is_node = (word & WORD_BUCKET) / WORD_BUCKET - 1;
	__builtin_prefetch((const void *)((uintptr_t)quiesce_word_node(word) & is_node));
}

/* The first node from word on, of any hash. */
static inline void find_any(const struct cds_lfht *ht, unsigned long word, struct cds_lfht_iter *iter)
{
	unsigned int order = quiesce_shape_order(quiesce_shape(ht));
	struct cds_lfht_node *node = NULL;
	unsigned long after = WORD_END;

	for (;; word = after) {
		if (word & WORD_BUCKET) {
			unsigned long index = quiesce_word_index(word);

			if (!index)
				break;
			if (order >= ORDER_UNCACHED)
				prefetch(ht, order, quiesce_reverse(index));
			after = quiesce_word(&quiesce_bucket(ht, index)->next);
			continue;
		}
		node = quiesce_word_node(word);
		after = quiesce_word(&node->next);
		if (!(after & WORD_REMOVED)) {
			quiesce_tell_acquire(node);
			break;
		}
		node = NULL;
	}
	set_iter(iter, node, after);
}

void cds_lfht_first(struct cds_lfht *ht, struct cds_lfht_iter *iter)
{
	find_any(ht, quiesce_word(&quiesce_bucket(ht, 0)->next), iter);
}

void cds_lfht_next(struct cds_lfht *ht, struct cds_lfht_iter *iter)
{
	/* Behind the last there is none. */
	find_any(ht, iter->next ? (uintptr_t)iter->next : WORD_END, iter);
}

void cds_lfht_count_nodes(struct cds_lfht *ht, long *approx_before, unsigned long *count,
		long *approx_after)
{
	bool counts = ht->flags & (CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING);
	struct cds_lfht_iter iter;

	*approx_before = counts ? quiesce_count_sum(ht) : 0;
	*count = 0;
	for (cds_lfht_first(ht, &iter); iter.node; cds_lfht_next(ht, &iter))
		++*count;
	*approx_after = counts ? quiesce_count_sum(ht) : 0;
}

int cds_lfht_is_node_deleted(const struct cds_lfht_node *node)
{
	return (quiesce_word(&node->next) & WORD_REMOVED) != 0;
}
