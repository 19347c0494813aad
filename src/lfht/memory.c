/* SPDX-License-Identifier: MIT */
/* What the buckets of a table lie in: one of three schemes. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "system/system.h"
#include "lfht/lfht.h"

/* From this size on pieces are mapped on their own, where the system can use huge pages for them. */
#define HUGE	(2UL << 20)

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

/* ---- Pieces ---- */

static bool is_mapped(const struct cds_lfht *ht, size_t size)
{
	return size >= HUGE && ht->alloc == &quiesce_lfht_malloc && !quiesce_lfht_watched;
}

/* Zeroed memory that begins at a multiple of HUGE. */
static void *map(size_t size)
{
	char *start = mmap(NULL, size + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	size_t skip;

	if (start == MAP_FAILED)
		return NULL;
	skip = -(uintptr_t)start & (HUGE - 1);
	if (skip)
		munmap(start, skip);
	munmap(start + skip + size, HUGE - skip);
	return start + skip;
}

static struct cds_lfht_node *piece_alloc(const struct cds_lfht *ht, unsigned long buckets)
{
	size_t size = buckets * sizeof(struct cds_lfht_node);

	if (is_mapped(ht, size))
		return map(size);
	return ht->alloc->calloc(ht->alloc->state, buckets, sizeof(struct cds_lfht_node));
}

static void piece_free(const struct cds_lfht *ht, struct cds_lfht_node *piece, unsigned long buckets)
{
	size_t size = buckets * sizeof(struct cds_lfht_node);

	if (!piece)
		return;
	if (is_mapped(ht, size))
		munmap(piece, size);
	else
		ht->alloc->free(ht->alloc->state, piece);
}

/* Fill an entry of pieces, unless somebody else does. */
static bool piece_provide(struct cds_lfht *ht, unsigned long entry, unsigned long buckets)
{
	struct cds_lfht_node *piece, *none = NULL;

	if (__atomic_load_n(&ht->pieces[entry], __ATOMIC_ACQUIRE))
		return true;
	piece = piece_alloc(ht, buckets);
	if (!piece)
		return false;
	quiesce_delay();
	if (!__atomic_compare_exchange_n(&ht->pieces[entry], &none, piece, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		piece_free(ht, piece, buckets);
	return true;
}

static struct cds_lfht_node *piece_take(struct cds_lfht *ht, unsigned long entry)
{
	return __atomic_exchange_n(&ht->pieces[entry], NULL, __ATOMIC_ACQ_REL);
}

/* The first piece holds all orders that are never given back. */
static void set_first(struct cds_lfht *ht, struct cds_lfht_node *piece)
{
	for (unsigned int order = 0; order <= ht->order_min; order++)
		ht->pieces[order] = piece + (1UL << order >> 1);
}

/* ---- order: a piece for each ---- */

static bool order_init(struct cds_lfht *ht)
{
	struct cds_lfht_node *first = piece_alloc(ht, 1UL << ht->order_min);

	if (!first)
		return false;
	set_first(ht, first);
	return true;
}

static bool order_provide(struct cds_lfht *ht, unsigned int order)
{
	return piece_provide(ht, order, 1UL << order >> 1);
}

static void order_free(struct cds_lfht *ht, unsigned int order)
{
	if (order > ht->order_min)
		piece_free(ht, piece_take(ht, order), 1UL << order >> 1);
}

static void order_end(struct cds_lfht *ht)
{
	piece_free(ht, ht->pieces[0], 1UL << ht->order_min);
}

/* ---- chunk: pieces of one size ---- */

static bool chunk_init(struct cds_lfht *ht)
{
	return piece_provide(ht, 0, 1UL << ht->order_min);
}

static bool chunk_provide(struct cds_lfht *ht, unsigned int order)
{
	unsigned long first = 1UL << order >> 1 >> ht->order_min, end = 1UL << order >> ht->order_min;

	for (; first < end; first++)
		if (!piece_provide(ht, first, 1UL << ht->order_min))
			return false;
	return true;
}

static void chunk_free(struct cds_lfht *ht, unsigned int order)
{
	unsigned long first = 1UL << order >> 1 >> ht->order_min, end = 1UL << order >> ht->order_min;

	for (; order > ht->order_min && first < end; first++)
		piece_free(ht, piece_take(ht, first), 1UL << ht->order_min);
}

static void chunk_end(struct cds_lfht *ht)
{
	piece_free(ht, ht->pieces[0], 1UL << ht->order_min);
}

/* ---- mmap: all addresses at once ---- */

static size_t mmap_size(const struct cds_lfht *ht)
{
	return sizeof(struct cds_lfht_node) << ht->order_max;
}

static bool mmap_init(struct cds_lfht *ht)
{
	size_t first = sizeof(struct cds_lfht_node) << ht->order_min;
	void *all = mmap(NULL, mmap_size(ht), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			 -1, 0);

	if (all == MAP_FAILED)
		return false;
	if (mprotect(all, first, PROT_READ | PROT_WRITE) != 0) {
		munmap(all, mmap_size(ht));
		return false;
	}
	set_first(ht, all);
	return true;
}

static bool mmap_provide(struct cds_lfht *ht, unsigned int order)
{
	unsigned long first = 1UL << order >> 1;
	struct cds_lfht_node *piece = ht->pieces[0] + first;

	if (__atomic_load_n(&ht->pieces[order], __ATOMIC_ACQUIRE))
		return true;
	if (mprotect(piece, first * sizeof(*piece), PROT_READ | PROT_WRITE) != 0)
		return false;
	quiesce_delay();
	__atomic_store_n(&ht->pieces[order], piece, __ATOMIC_RELEASE);
	return true;
}

/*
 * Mapped anew, it is empty and takes no memory. Only then may it be provided again: it is the same
 * addresses.
 */
static void mmap_free(struct cds_lfht *ht, unsigned int order)
{
	struct cds_lfht_node *piece = __atomic_load_n(&ht->pieces[order], __ATOMIC_ACQUIRE);
	size_t size = (1UL << order >> 1) * sizeof(*piece);

	if (order <= ht->order_min || !piece)
		return;
	if (mmap(piece, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
		 -1, 0) == MAP_FAILED)
		memset(piece, 0, size);
	quiesce_delay();
	piece_take(ht, order);
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

struct cds_lfht *quiesce_table_alloc(const struct memory_scheme *memory, unsigned int lowest,
		unsigned int highest, const struct cds_lfht_alloc *alloc)
{
	unsigned long pieces = memory->chunked ? 1UL << (highest - lowest) : highest + 1;

	return alloc->calloc(alloc->state, 1, sizeof(struct cds_lfht) +
			     pieces * sizeof(struct cds_lfht_node *));
}

bool quiesce_memory_provided(const struct cds_lfht *ht, unsigned int order)
{
	unsigned long first = order, last = order;

	if (order > ht->order_max)
		return false;
	if (ht->memory->chunked) {
		first = 1UL << order >> 1 >> ht->order_min;
		last = ((1UL << order) - 1) >> ht->order_min;
	}
	while (first <= last && __atomic_load_n(&ht->pieces[first], __ATOMIC_ACQUIRE))
		first++;
	return first > last;
}

/* ---- As the interface shows them: for who calls through it, and need not know of a shortage ---- */

static unsigned int order_of(unsigned long size)
{
	return size ? quiesce_bits_in(size) - 1 : ORDER_MAX;
}

static struct cds_lfht *table_alloc(unsigned long min_nr_alloc_buckets,
		unsigned long max_nr_buckets, const struct cds_lfht_alloc *alloc)
{
	return quiesce_table_alloc(&order_scheme, order_of(min_nr_alloc_buckets),
				   order_of(max_nr_buckets), alloc);
}

static struct cds_lfht *chunk_table_alloc(unsigned long min_nr_alloc_buckets,
		unsigned long max_nr_buckets, const struct cds_lfht_alloc *alloc)
{
	return quiesce_table_alloc(&chunk_scheme, order_of(min_nr_alloc_buckets),
				   order_of(max_nr_buckets), alloc);
}

static void bucket_table_alloc(struct cds_lfht *ht, unsigned long order)
{
	ht->memory->provide(ht, (unsigned int)order);
}

static void bucket_table_free(struct cds_lfht *ht, unsigned long order)
{
	ht->memory->free(ht, (unsigned int)order);
}

static struct cds_lfht_node *bucket_at(struct cds_lfht *ht, unsigned long index)
{
	return quiesce_bucket(ht, index);
}

const struct cds_lfht_mm_type cds_lfht_mm_order = {
	table_alloc, bucket_table_alloc, bucket_table_free, bucket_at,
};
const struct cds_lfht_mm_type cds_lfht_mm_chunk = {
	chunk_table_alloc, bucket_table_alloc, bucket_table_free, bucket_at,
};
const struct cds_lfht_mm_type cds_lfht_mm_mmap = {
	table_alloc, bucket_table_alloc, bucket_table_free, bucket_at,
};
