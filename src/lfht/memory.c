/* SPDX-License-Identifier: MIT */
/*
 * What the buckets of a table lie in: one of three schemes.
 *
 * Several threads may provide an order at once, for sizes that do not come into force, and as late as
 * they like: while the callback gives it back, and after. What makes that safe:
 * 1. Memory is given back in FREEING alone, and no swap of the shape succeeds from there but the
 *    callback's own. Each change has its number. So whoever reads the shape, finds no FREEING, provides
 *    orders, and swaps that very shape, knows that none was given back in between. Only then is the
 *    memory touched; a swap that fails says nothing, and all is provided anew.
 * 2. What an entry of pieces holds is complete and all missing when it is published, does not change
 *    in what it holds, and is taken out by the callback before it is freed. So one that comes late,
 *    into an order that was given back, is as good as a new one.
 * 3. With mmap there is nothing to publish: each asks the kernel himself, between reading the shape
 *    and swapping it. To remember that it was done would be 2 without its truth, for the callback
 *    takes the memory away from whatever a late thread says of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <quiesce/lfht.h>

#include "system/system.h"
#include "lfht/lfht.h"

/*
 * From this size on pieces are mapped on their own: empty at once, and the system's again as soon as
 * they are freed.
 */
#define MAPPED_SIZE	(2UL << 20)

static void *default_malloc(void *state, size_t size)
{
	(void)state;
	return malloc(size);
}

static void *default_calloc(void *state, size_t count, size_t size)
{
	(void)state;
	return calloc(count, size);
}

static void *default_realloc(void *state, void *p, size_t size)
{
	(void)state;
	return realloc(p, size);
}

static void *default_aligned_alloc(void *state, size_t alignment, size_t size)
{
	(void)state;
	return aligned_alloc(alignment, size);
}

static void default_free(void *state, void *p)
{
	(void)state;
	free(p);
}

const struct cds_lfht_alloc quiesce_lfht_malloc = {
	.malloc = default_malloc,
	.calloc = default_calloc,
	.realloc = default_realloc,
	.aligned_alloc = default_aligned_alloc,
	.free = default_free,
};

/* ---- Buckets ---- */

static bool is_mapped(const struct cds_lfht *ht, size_t size)
{
	return ht->mapped && size >= MAPPED_SIZE;
}

/* Huge pages, for a program that wants them. It is advice: a kernel without them may refuse it. */
static void advise(const struct cds_lfht *ht, void *memory, size_t size)
{
	int saved_errno = errno;

	if (ht->flags & QUIESCE_LFHT_HUGE_PAGES)
		madvise(memory, size, MADV_HUGEPAGE);
	errno = saved_errno;
}

static struct bucket *buckets_alloc(const struct cds_lfht *ht, unsigned long number)
{
	size_t size = number * sizeof(struct bucket);
	void *buckets;

	if (!is_mapped(ht, size))
		return ht->alloc->calloc(ht->alloc->state, number, sizeof(struct bucket));
	buckets = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buckets == MAP_FAILED)
		return NULL;
	advise(ht, buckets, size);
	return buckets;
}

static void buckets_free(const struct cds_lfht *ht, struct bucket *buckets,
		unsigned long number)
{
	size_t size = number * sizeof(struct bucket);

	if (is_mapped(ht, size))
		munmap(buckets, size);
	else
		ht->alloc->free(ht->alloc->state, buckets);
}

/* ---- Entries of pieces, for order and chunk ---- */

static bool is_there(const struct cds_lfht *ht, unsigned int entry)
{
	return __atomic_load_n(&ht->pieces[entry], __ATOMIC_ACQUIRE);
}

/* Fill an entry, unless somebody else does. */
static bool publish(struct cds_lfht *ht, unsigned int entry, void *piece)
{
	void *none = NULL;

	quiesce_delay();
	return __atomic_compare_exchange_n(&ht->pieces[entry], &none, piece, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static void *take(struct cds_lfht *ht, unsigned int entry)
{
	return __atomic_exchange_n(&ht->pieces[entry], NULL, __ATOMIC_ACQ_REL);
}

/* The first piece holds all orders that are never given back. */
static void set_first(struct cds_lfht *ht, struct bucket *piece, unsigned int highest)
{
	for (unsigned int order = 0; order <= highest; order++)
		ht->pieces[order] = piece + (1UL << order >> 1);
}

/* ---- order: a piece for each ---- */

static bool order_init(struct cds_lfht *ht)
{
	struct bucket *first = buckets_alloc(ht, 1UL << ht->order_min);

	if (!first)
		return false;
	set_first(ht, first, ht->order_min);
	return true;
}

static bool order_provide(struct cds_lfht *ht, unsigned int order)
{
	unsigned long number = 1UL << order >> 1;
	struct bucket *piece;

	if (is_there(ht, order))
		return true;
	piece = buckets_alloc(ht, number);
	if (piece && !publish(ht, order, piece))
		buckets_free(ht, piece, number);
	return piece;
}

static void order_free(struct cds_lfht *ht, unsigned int order)
{
	for (; order <= ht->order_max; order++) {
		struct bucket *piece = take(ht, order);

		if (piece)
			buckets_free(ht, piece, 1UL << order >> 1);
	}
}

static void order_end(struct cds_lfht *ht)
{
	order_free(ht, ht->order_min + 1U);
	buckets_free(ht, ht->pieces[0], 1UL << ht->order_min);
}

/* ---- chunk: pieces of one size, those of an order in an array ---- */

static void chunks_free(const struct cds_lfht *ht, struct bucket **chunks,
		unsigned long number)
{
	for (unsigned long i = 0; i < number && chunks[i]; i++)
		buckets_free(ht, chunks[i], 1UL << ht->order_min);
	ht->alloc->free(ht->alloc->state, chunks);
}

static struct bucket **chunks_alloc(const struct cds_lfht *ht, unsigned long number)
{
	struct bucket **chunks = ht->alloc->calloc(ht->alloc->state, number, sizeof(*chunks));

	for (unsigned long i = 0; chunks && i < number; i++) {
		chunks[i] = buckets_alloc(ht, 1UL << ht->order_min);
		if (!chunks[i]) {
			chunks_free(ht, chunks, number);
			return NULL;
		}
	}
	return chunks;
}

static bool chunk_init(struct cds_lfht *ht)
{
	ht->pieces[0] = chunks_alloc(ht, 1);
	return ht->pieces[0];
}

static bool chunk_provide(struct cds_lfht *ht, unsigned int order)
{
	unsigned int entry = order - ht->order_min;
	unsigned long number = 1UL << entry >> 1;
	struct bucket **chunks;

	if (is_there(ht, entry))
		return true;
	chunks = chunks_alloc(ht, number);
	if (chunks && !publish(ht, entry, chunks))
		chunks_free(ht, chunks, number);
	return chunks;
}

static void chunk_free(struct cds_lfht *ht, unsigned int order)
{
	for (; order <= ht->order_max; order++) {
		struct bucket **chunks = take(ht, order - ht->order_min);

		if (chunks)
			chunks_free(ht, chunks, 1UL << (order - ht->order_min) >> 1);
	}
}

static void chunk_end(struct cds_lfht *ht)
{
	chunk_free(ht, ht->order_min + 1U);
	chunks_free(ht, ht->pieces[0], 1);
}

/* ---- mmap: all addresses at once ---- */

static size_t mmap_size(const struct cds_lfht *ht)
{
	return sizeof(struct bucket) << ht->order_max;
}

static bool mmap_init(struct cds_lfht *ht)
{
	size_t first = sizeof(struct bucket) << ht->order_min;
	void *all = mmap(NULL, mmap_size(ht), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			 -1, 0);

	if (all == MAP_FAILED)
		return false;
	advise(ht, all, mmap_size(ht));
	if (mprotect(all, first, PROT_READ | PROT_WRITE) != 0) {
		munmap(all, mmap_size(ht));
		return false;
	}
	set_first(ht, all, ht->order_max);
	return true;
}

static bool mmap_provide(struct cds_lfht *ht, unsigned int order)
{
	size_t size = (1UL << order >> 1) * sizeof(struct bucket);

	return mprotect(ht->pieces[order], size, PROT_READ | PROT_WRITE) == 0;
}

/* Mapped anew, it is empty and takes no memory. */
static void mmap_free(struct cds_lfht *ht, unsigned int order)
{
	unsigned long first = 1UL << order >> 1, end = 1UL << ht->order_max;
	struct bucket *all = ht->pieces[0];
	void *anew;

	if (first == end)
		return;
	anew = mmap(&all[first], (end - first) * sizeof(*all), PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	if (anew != MAP_FAILED)
		advise(ht, anew, (end - first) * sizeof(*all));
	/* Then it keeps its memory, which was in use up to there. */
	else if (first < ht->shrink_top)
		memset(&all[first], 0, (ht->shrink_top - first) * sizeof(*all));
}

static void mmap_end(struct cds_lfht *ht)
{
	munmap(ht->pieces[0], mmap_size(ht));
}

/* ---- The three of them ---- */

static const struct memory_scheme order_scheme = {
	.init = order_init, .provide = order_provide, .free = order_free, .end = order_end,
};
static const struct memory_scheme chunk_scheme = {
	.chunked = true, .bounded = true,
	.init = chunk_init, .provide = chunk_provide, .free = chunk_free, .end = chunk_end,
};
static const struct memory_scheme mmap_scheme = {
	.bounded = true, .paged = true,
	.init = mmap_init, .provide = mmap_provide, .free = mmap_free, .end = mmap_end,
};

const struct memory_scheme *quiesce_memory_scheme(const struct cds_lfht_mm_type *type)
{
	if (type == &cds_lfht_mm_chunk)
		return &chunk_scheme;
	if (type == &cds_lfht_mm_mmap)
		return &mmap_scheme;
	return type && type != &cds_lfht_mm_order ? NULL : &order_scheme;
}

struct cds_lfht *quiesce_table_alloc(unsigned int highest, const struct cds_lfht_alloc *alloc)
{
	return alloc->calloc(alloc->state, 1, sizeof(struct cds_lfht) +
			     (highest + 1) * sizeof(void *));
}

/* ---- As the interface shows them: for who calls through it, and need not know of a shortage ---- */

static struct cds_lfht *table_alloc(unsigned long min_nr_alloc_buckets,
		unsigned long max_nr_buckets, const struct cds_lfht_alloc *alloc)
{
	(void)min_nr_alloc_buckets;
	return quiesce_table_alloc(max_nr_buckets ? quiesce_bits_in(max_nr_buckets) - 1 : ORDER_MAX,
				   alloc);
}

static void bucket_table_alloc(struct cds_lfht *ht, unsigned long order)
{
	if (order > ht->order_min)
		ht->memory->provide(ht, (unsigned int)order);
}

static void bucket_table_free(struct cds_lfht *ht, unsigned long order)
{
	if (order > ht->order_min)
		ht->memory->free(ht, (unsigned int)order);
}

/* Its word alone. */
static struct cds_lfht_node *bucket_at(struct cds_lfht *ht, unsigned long index)
{
	return (struct cds_lfht_node *)quiesce_bucket(ht, index);
}

const struct cds_lfht_mm_type cds_lfht_mm_order = {
	table_alloc, bucket_table_alloc, bucket_table_free, bucket_at,
};
const struct cds_lfht_mm_type cds_lfht_mm_chunk = {
	table_alloc, bucket_table_alloc, bucket_table_free, bucket_at,
};
const struct cds_lfht_mm_type cds_lfht_mm_mmap = {
	table_alloc, bucket_table_alloc, bucket_table_free, bucket_at,
};
