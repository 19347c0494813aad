/* SPDX-License-Identifier: MIT */
/*
 * Buckets: places in the list to start from. One is missing until somebody claims it, links it
 * and marks it ready. A claim whose owner a fork has left behind stays one: the bucket's stretch
 * remains part of its parent's, until a shrinking takes it away like any other.
 */
#include "system/system.h"
#include "lfht/lfht.h"

/* Buckets that share a cache line are made together. */
#define GROUP	(64 / sizeof(struct bucket))

static unsigned long parent_of(unsigned long index)
{
	return index & ~(1UL << (quiesce_bits_in(index) - 1));
}

/* The nearest ancestor of a bucket, or it itself, where operations may start. */
static struct start ancestor_from(const struct cds_lfht *ht, struct start start)
{
	while (!quiesce_may_start(quiesce_word(&start.bucket->next))) {
		start.index = parent_of(start.index);
		start.bucket = quiesce_bucket(ht, start.index);
	}
	return start;
}

struct start quiesce_ancestor(const struct cds_lfht *ht, unsigned long index)
{
	return ancestor_from(ht, (struct start) { quiesce_bucket(ht, index), index });
}

static void link_bucket(struct cds_lfht *ht, unsigned long index, struct bucket *bucket, struct start start)
{
	const unsigned long word = quiesce_word_to_bucket(index);
	struct place place;

	do {
		while (quiesce_list_find(ht, start, index, true, &place) == FOUND_NO_START)
			start = quiesce_ancestor(ht, parent_of(index));
		quiesce_word_set(&bucket->next, quiesce_word_link(place.word));
		quiesce_delay();
	} while (!quiesce_word_swap(place.at, place.word, word | (place.word & WORD_HOLDER)));
	quiesce_delay();
	quiesce_word_flag(&bucket->next, WORD_READY);
}

/* Make a bucket and the ancestors that it misses. Whether it was this thread that did. */
static bool make(struct cds_lfht *ht, unsigned long index)
{
	struct bucket *bucket = quiesce_bucket(ht, index);
	struct start parent;

	if (quiesce_word(&bucket->next) != WORD_MISSING)
		return false;
	parent.index = parent_of(index);
	parent.bucket = quiesce_bucket(ht, parent.index);
	if (quiesce_word(&parent.bucket->next) == WORD_MISSING)
		make(ht, parent.index);
	if (!quiesce_word_swap(&bucket->next, WORD_MISSING, WORD_CLAIMED))
		return false;
	quiesce_delay();
	link_bucket(ht, index, bucket, ancestor_from(ht, parent));
	return true;
}

/* What will be looked at to make a bucket, most likely. */
static void prefetch(const struct cds_lfht *ht, unsigned long index)
{
	unsigned long word = index ? quiesce_word(&quiesce_bucket(ht, parent_of(index))->next) : WORD_END;

	if (!(word & WORD_BUCKET))
		__builtin_prefetch(quiesce_word_node(word));
}

unsigned long quiesce_buckets_make(struct cds_lfht *ht, unsigned long first, unsigned long end)
{
	unsigned long made = 0;

	while (first < end) {
		unsigned long stop = end - first < GROUP ? end : first + GROUP;

		/* Where the cache holds the table, to ask takes longer than to wait. */
		for (unsigned long i = first; i < stop && first >= 1UL << ORDER_UNCACHED >> 1; i++)
			if (quiesce_word(&quiesce_bucket(ht, i)->next) == WORD_MISSING)
				prefetch(ht, i);
		for (; first < stop; first++)
			made += make(ht, first);
	}
	return made;
}

unsigned long quiesce_buckets_make_more(struct cds_lfht *ht, unsigned long size, unsigned long most)
{
	unsigned long first = __atomic_load_n(&ht->made, __ATOMIC_RELAXED), end;

	if (first >= size)
		return 0;
	end = size - first < most ? size : first + most;
	if (!__atomic_compare_exchange_n(&ht->made, &first, end, false, __ATOMIC_RELAXED,
					 __ATOMIC_RELAXED))
		return 0;
	return quiesce_buckets_make(ht, first, end);
}

struct start quiesce_start_update(struct cds_lfht *ht, unsigned long hash)
{
	unsigned long size = 1UL << quiesce_shape_order(quiesce_shape(ht)), index = hash & (size - 1);
	struct bucket *bucket = quiesce_bucket(ht, index);
	unsigned long word = quiesce_word(&bucket->next), first = index & ~(GROUP - 1);

	if (__builtin_expect(quiesce_may_start(word), 1))
		return (struct start) { bucket, index };
	if (word == WORD_MISSING)
		quiesce_buckets_make(ht, first, size - first < GROUP ? size : first + GROUP);
	return quiesce_ancestor(ht, index);
}

/* The children of bucket i come right behind it, the youngest first. */
void quiesce_buckets_init(struct cds_lfht *ht, unsigned int order)
{
	quiesce_word_set(&quiesce_bucket(ht, 0)->next, WORD_END | WORD_READY);
	for (unsigned long i = 1; i < 1UL << order; i++) {
		struct bucket *bucket = quiesce_bucket(ht, i);
		struct bucket *parent = quiesce_bucket(ht, parent_of(i));

		quiesce_word_set(&bucket->next, quiesce_word(&parent->next));
		quiesce_word_set(&parent->next, quiesce_word_to_bucket(i) | WORD_READY);
	}
}

/*
 * One that is not ready was left by a fork, or was claimed since the table grew again. In that case
 * the claim, which was read, comes after the growth, so that the shape read now shows it.
 */
bool quiesce_bucket_unlink(struct cds_lfht *ht, unsigned long index, unsigned long shape)
{
	struct bucket *bucket = quiesce_bucket(ht, index);
	unsigned long word = quiesce_word(&bucket->next);

	if (quiesce_shape(ht) != shape)
		return false;
	if (word == WORD_MISSING)
		return true;
	quiesce_delay();
	quiesce_word_flag(&bucket->next, WORD_REMOVED);
	quiesce_delay();
	while (!quiesce_list_unlink(ht, quiesce_ancestor(ht, parent_of(index)), index, &bucket->next))
		;
	return true;
}

void quiesce_bucket_forget(struct cds_lfht *ht, unsigned long index)
{
	struct bucket *bucket = quiesce_bucket(ht, index);

	if (quiesce_word(&bucket->next) & WORD_REMOVED)
		quiesce_word_set(&bucket->next, WORD_MISSING);
}
