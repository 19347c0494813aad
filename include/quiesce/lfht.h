/* SPDX-License-Identifier: MIT */
/* What our hash table has beside liburcu's. Flags that liburcu does not know it ignores. */
#ifndef QUIESCE_LFHT_H
#define QUIESCE_LFHT_H

#include <urcu/compiler.h>

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
	QUIESCE_LFHT_NO_TAGS	= 1 << 24
};

#endif /* QUIESCE_LFHT_H */
