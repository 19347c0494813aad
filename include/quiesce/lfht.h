/* SPDX-License-Identifier: MIT */
/* What our hash table has beside liburcu's. Flags that liburcu does not know it ignores. */
#ifndef QUIESCE_LFHT_H
#define QUIESCE_LFHT_H

#include <urcu/compiler.h>
#include <urcu/rculfhash.h>

/* For #ifdef: that there is quiesce_lfht_lookup_many, and the flag below. */
#define QUIESCE_LFHT_LOOKUP_MANY 1
#define QUIESCE_LFHT_HUGE_PAGES QUIESCE_LFHT_HUGE_PAGES

_URCU_EXTERN_C_BEGIN

enum {
	/*
	 * For the flags of cds_lfht_new and its other forms. The table's pointers to nodes, in its buckets
	 * and in `next` of nodes, are addresses and, in the lowest three bits, flags: for programs whose
	 * collector, leak finder or checkpoint looks for pointers in memory, and takes one into an object
	 * for one to it. Otherwise, on x86-64, 16 bits above an address hold a piece of the hash, which
	 * saves lookups most cache misses. What leads on to a bucket is its number, in any table. To find
	 * buckets, a collector needs to know the memory that they lie in: give the table the collector's
	 * allocator (cds_lfht_new_with_flavor_alloc).
	 *
	 * Not needed for LeakSanitizer and valgrind, which are noticed, nor for nodes at addresses that leave
	 * no room (5-level paging, linear address masking): these are pointed to so in any table.
	 */
	QUIESCE_LFHT_NO_TAGS	= 1 << 24,
	/*
	 * Likewise. Buckets' memory that the table maps itself (pieces of 2 MB and more, and the mmap scheme's)
	 * is given to madvise(2) as MADV_HUGEPAGE. That saves the processor walks through page tables where
	 * huge pages are cheap, and makes lookups slower where they are not (some virtual machines); and after a
	 * fork each first write to one copies 2 MB. So a table asks for none by itself: measure. A kernel that
	 * has none leaves the table as it is.
	 */
	QUIESCE_LFHT_HUGE_PAGES	= 1 << 25
};

/*
 * What cds_lfht_lookup does, for many at once: find for each of `number` the first node of hashes[i] that match
 * accepts for keys[i], in iters[i]; without one its node is NULL. Returns how many were found. Each
 * is a lookup of its own, at some moment during the call, in no order among them; a hash or a key may be
 * there several times, and number may be 0. Keys are given to match alone.
 *
 * In a table that does not fit into the cache that takes less time than one after the other (doc/performance.md,
 * hit-many): what they read is fetched for several at a time. To be called, and iters used, as with
 * cds_lfht_lookup: all in one section, by a reader, in signal handlers too. Allocates nothing and waits for nobody.
 */
extern unsigned long quiesce_lfht_lookup_many(struct cds_lfht *ht, unsigned long number,
		const unsigned long *hashes, cds_lfht_match_fct match, const void *const *keys,
		struct cds_lfht_iter *iters);

_URCU_EXTERN_C_END

#endif /* QUIESCE_LFHT_H */
