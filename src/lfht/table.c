/* SPDX-License-Identifier: MIT */
/* Tables made, taken down, and given a size. */
#include <errno.h>
#include <unistd.h>

#include <quiesce/lfht.h>

#include "system/system.h"
#include "lfht/lfht.h"

static bool is_power_of_two(unsigned long size)
{
	return size && !(size & (size - 1));
}

static unsigned int order_of(unsigned long size)
{
	return quiesce_bits_in(size) - 1;
}

static unsigned int bring_within(unsigned int order, unsigned int lowest, unsigned int highest)
{
	order = order < highest ? order : highest;
	return order > lowest ? order : lowest;
}

static unsigned int page_order(void)
{
	return order_of((unsigned long)sysconf(_SC_PAGESIZE) / sizeof(struct bucket));
}

static struct cds_lfht *fail(int error)
{
	errno = error;
	return NULL;
}

struct cds_lfht *_cds_lfht_new_with_alloc(unsigned long init_size,
		unsigned long min_nr_alloc_buckets, unsigned long max_nr_buckets, int flags,
		const struct cds_lfht_mm_type *mm, const struct rcu_flavor_struct *flavor,
		const struct cds_lfht_alloc *alloc, pthread_attr_t *attr)
{
	const struct memory_scheme *memory = quiesce_memory_scheme(mm);
	bool watched = quiesce_is_watched();
	unsigned int lowest, highest, first;
	struct cds_lfht *ht;

	if (!is_power_of_two(init_size) || !is_power_of_two(min_nr_alloc_buckets) ||
	    (max_nr_buckets && !is_power_of_two(max_nr_buckets)) || !flavor || !memory ||
	    (memory->bounded && !max_nr_buckets))
		return fail(EINVAL);
	lowest = order_of(min_nr_alloc_buckets);
	highest = max_nr_buckets ? bring_within(order_of(max_nr_buckets), 0, ORDER_MAX) : ORDER_MAX;
	highest = highest > lowest ? highest : lowest;
	if (memory->paged)
		lowest = bring_within(page_order(), lowest, highest);
	first = bring_within(order_of(init_size), lowest, highest);
	if (highest > ORDER_MAX)
		return fail(ENOMEM);
	/*
	 * For requests, which may come in a sandbox later. This library has a generation of its own, which no
	 * worker's thread has watched. Of a table that asks for none the program expects no system call.
	 */
	if (flags & CDS_LFHT_AUTO_RESIZE)
		quiesce_generation_watch();
	if (!alloc)
		alloc = &quiesce_lfht_malloc;
	ht = quiesce_table_alloc(highest, alloc);
	if (!ht)
		return fail(ENOMEM);
	ht->chunked = memory->chunked;
	ht->mapped = !watched && alloc == &quiesce_lfht_malloc;
	ht->order_min = (unsigned char)lowest;
	ht->order_max = (unsigned char)highest;
	ht->order_floor = (unsigned char)first;
	ht->flags = flags;
	ht->memory = memory;
	ht->flavor = flavor;
	ht->tagged_below = watched || flags & QUIESCE_LFHT_NO_TAGS ? 0 : WORD_ROOM;
	ht->alloc = alloc;
	ht->attr = attr;
	if (!memory->init(ht)) {
		alloc->free(alloc->state, ht);
		return fail(ENOMEM);
	}
	for (unsigned int order = lowest + 1; order <= first; order++) {
		if (!memory->provide(ht, order)) {
			quiesce_table_free(ht);
			return fail(ENOMEM);
		}
	}
	quiesce_buckets_init(ht, first);
	ht->shape = first;
	ht->made = 1UL << first;
	quiesce_count_split(ht);
	if (flags & CDS_LFHT_AUTO_RESIZE && !quiesce_resize_begin(ht)) {
		quiesce_table_free(ht);
		return fail(ENOMEM);
	}
	return ht;
}

struct cds_lfht *_cds_lfht_new(unsigned long init_size, unsigned long min_nr_alloc_buckets,
		unsigned long max_nr_buckets, int flags, const struct cds_lfht_mm_type *mm,
		const struct rcu_flavor_struct *flavor, pthread_attr_t *attr)
{
	return _cds_lfht_new_with_alloc(init_size, min_nr_alloc_buckets, max_nr_buckets, flags, mm,
					flavor, NULL, attr);
}

int cds_lfht_destroy(struct cds_lfht *ht, pthread_attr_t **attr)
{
	bool callback = quiesce_resize_hold(ht);
	struct cds_lfht_iter iter;

	cds_lfht_first(ht, &iter);
	if (iter.node) {
		quiesce_resize_release(ht);
		return -EPERM;
	}
	if (attr)
		*attr = ht->attr;
	if (callback)
		__atomic_store_n(&ht->destroyed, true, __ATOMIC_RELEASE);
	else
		quiesce_table_free(ht);
	return 0;
}

void cds_lfht_resize(struct cds_lfht *ht, unsigned long new_size)
{
	unsigned int order = new_size > 1 ? quiesce_bits_in(new_size - 1) : 0;

	quiesce_resize_to(ht, bring_within(order, ht->order_min, ht->order_max));
}
