/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The hash table: one sorted list, and buckets that are places in it to start from.
 *
 *	list.c		the list: words, find, link, unlink
 *	buckets.c	places to start from: made where they are missing, and taken away
 *	memory.c	what buckets lie in: order, chunk, mmap
 *	count.c		how many nodes there are
 *	resize.c	how many buckets there should be
 *	table.c lookup.c update.c	the interface
 *
 * The list is sorted by the hash with its bits reversed (split order: Shalev and Shavit, "Split-
 * Ordered Lists: Lock-Free Extensible Hash Tables", 2006). The nodes of bucket i of 2^k, those
 * whose hash ends in the k bits of i, then lie together, and a bucket of 2^(k+1) is one half of
 * such a stretch: the table grows without moving a node. Before the stretch lies the bucket itself, a
 * word that leads to it, so that operations start there. A bucket that is missing is no harm: its stretch
 * is part of that of its parent, i without its highest bit, and so the operation starts at the nearest
 * ancestor that is there. Bucket 0 always is.
 *
 * So nobody waits for a resize. Growing is to provide memory and to write a new size; whoever adds a
 * node makes its bucket if it is missing, and some others, and a callback makes those that are
 * left. Shrinking takes buckets out in callbacks, with grace periods between its steps.
 * doc/design/hash-table.md has the argument for both.
 */

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include <urcu/rculfhash.h>

/* A place in the list to start from. Its reversed hash is that of its index. */
struct bucket {
	struct cds_lfht_node *next;	/* a word */
} __attribute__((__aligned__(8)));

/*
 * ---- Words: what the `next` of a node or a bucket holds ----
 *
 * To a node an address leads, to a bucket its index. Functions take the address of a word, &node->next.
 */

enum {
	/* Of the holder: it is deleted, and its word does not change any more. */
	WORD_REMOVED	= 1 << 0,
	/* Of what comes next: it is a bucket, whose index follows the flags, below the tag. */
	WORD_BUCKET	= 1 << 1,
	/* Of the holder, a bucket: operations may start here. */
	WORD_READY	= 1 << 2,

	WORD_HOLDER	= WORD_REMOVED | WORD_READY,
	WORD_FLAGS	= WORD_REMOVED | WORD_BUCKET | WORD_READY,
	WORD_FLAG_BITS	= 3,
};

/* The end of the list, which counts as a bucket: that of index 0, to which no word leads, as it comes first. */
#define WORD_END	((unsigned long)WORD_BUCKET)

/*
 * Of a bucket that is not in the list: nobody has claimed it; somebody has, and is about to link it,
 * and until it is ready the word may point anywhere but is not WORD_MISSING.
 */
#define WORD_MISSING	0UL
#define WORD_CLAIMED	WORD_END

/*
 * Where an address leaves the upper quarter of a word free, that may hold a tag: the second quarter of
 * the reversed hash of the node pointed to, and in place of its lowest bit, at the top, WORD_TAGGED. In a
 * table of so many buckets that the first quarter is the same all through a bucket, that tells whether
 * the next node is past a place in the list without looking at it, which nearly always saves a cache miss.
 *
 * Each word says of itself whether it has a tag, so that those with and without may be in one list: a
 * node at an address that leaves no room is pointed to without one, whenever it comes, and readers
 * need not know how the table was made. No program has an address with the highest bit: that half is the
 * kernel's, with 5-level paging too, and linear address masking (LAM) leaves that bit alone.
 */
#define QUARTER		(sizeof(unsigned long) * CHAR_BIT / 4)
#if defined(__x86_64__) && defined(__LP64__)
#define WORD_TAGGED	(1UL << (4 * QUARTER - 1))
#define WORD_TAG	(~0UL << 3 * QUARTER)
#else
#define WORD_TAGGED	0UL
#define WORD_TAG	0UL
#endif

/* Addresses from here on leave no room. */
#define WORD_ROOM	(WORD_TAG & -WORD_TAG)

static inline unsigned long quiesce_reverse(unsigned long bits)
{
	const unsigned long ones = ~0UL / 3, twos = ~0UL / 5, fours = ~0UL / 17;

	bits = (bits >> 1 & ones) | (bits & ones) << 1;
	bits = (bits >> 2 & twos) | (bits & twos) << 2;
	bits = (bits >> 4 & fours) | (bits & fours) << 4;
	return sizeof(bits) == 8 ? (unsigned long)__builtin_bswap64(bits) :
	       __builtin_bswap32((uint32_t)bits);
}

/* Nearly all are, or none: a guess is right, and its result is there before the word is. */
static inline bool quiesce_is_tagged(unsigned long word)
{
	return __builtin_expect((word & WORD_TAGGED) != 0, WORD_TAGGED != 0);
}

static inline struct cds_lfht_node *quiesce_word_node(unsigned long word)
{
	if (quiesce_is_tagged(word))
		word &= ~WORD_TAG;
	return (struct cds_lfht_node *)(word & ~(unsigned long)WORD_FLAGS);
}

static inline unsigned long quiesce_word_index(unsigned long word)
{
	return (word & ~WORD_TAG) >> WORD_FLAG_BITS;
}

/* What points to the same node, without the holder's flags. */
static inline unsigned long quiesce_word_link(unsigned long word)
{
	return word & ~(unsigned long)WORD_HOLDER;
}

static inline unsigned long quiesce_tag_of(unsigned long reverse_hash)
{
	return (WORD_TAGGED | reverse_hash << QUARTER >> 1) & WORD_TAG;
}

/* With a tag in any table: no address is in the way. */
static inline unsigned long quiesce_word_to_bucket(unsigned long index)
{
	return index << WORD_FLAG_BITS | WORD_BUCKET | quiesce_tag_of(quiesce_reverse(index));
}

/*
 * How what word points to lies to reverse_hash, as far as its tag tells: positive if it is past, 0 if
 * that must be looked at, negative if it comes before or has another first quarter. The holder is
 * known to have the same first quarter; then what follows has that too, or a greater one.
 */
static inline long quiesce_word_order(unsigned long word, unsigned long reverse_hash)
{
	if (!quiesce_is_tagged(word))
		return 0;
	return (long)(word >> 3 * QUARTER) - (long)(quiesce_tag_of(reverse_hash) >> 3 * QUARTER);
}

static inline bool quiesce_same_quarter(unsigned long a, unsigned long b)
{
	return (a ^ b) >> 3 * QUARTER == 0;
}

/* The same of hashes that are not reversed. */
static inline bool quiesce_same_first(unsigned long a, unsigned long b)
{
	return (a ^ b) << 3 * QUARTER == 0;
}

/*
 * Whether a bucket, or the end, lies behind the nodes of that hash. Of reversed numbers that one is
 * greater which has the lowest bit that they differ in.
 */
static inline bool quiesce_is_behind(unsigned long index, unsigned long hash)
{
	unsigned long differ = index ^ hash;

	return !index || (differ & -differ & index);
}

/* Pairs with the release of quiesce_word_swap: what the word points to is written. */
static inline unsigned long quiesce_word(struct cds_lfht_node *const *at)
{
	return (uintptr_t)__atomic_load_n(at, __ATOMIC_ACQUIRE);
}

/* One that the caller alone can see. */
static inline void quiesce_word_set(struct cds_lfht_node **at, unsigned long word)
{
	__atomic_store_n(at, (struct cds_lfht_node *)word, __ATOMIC_RELAXED);
}

/* Replace a word if it is still old. Whether it was. */
static inline bool quiesce_word_swap(struct cds_lfht_node **at, unsigned long old, unsigned long word)
{
	struct cds_lfht_node *expected = (struct cds_lfht_node *)old;

	return __atomic_compare_exchange_n(at, &expected, (struct cds_lfht_node *)word, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE);
}

/* Add flags to a word. Returns the word before. */
unsigned long quiesce_word_flag(struct cds_lfht_node **at, unsigned long flags);

static inline bool quiesce_may_start(unsigned long word)
{
	return (word & WORD_HOLDER) == WORD_READY;
}

/* ---- The list (list.c) ---- */

/* A place in the list: the holder's word, which was word, points to what comes next. */
struct place {
	struct cds_lfht_node **at;
	unsigned long word;
	bool near;	/* the holder's hash has the same first quarter, reversed, as the one looked for */
};

/* A bucket to start at. */
struct start {
	struct bucket *bucket;
	unsigned long index;
};

enum found {
	FOUND_NO_START,	/* start is being taken away: look for another */
	FOUND_PLACE,
	FOUND_EQUAL,	/* the place is in front of a node of that hash */
};

/*
 * Find the place where a node of that hash goes: behind all that are not greater, or in front of the
 * first equal one, no bucket. Removed nodes on the way are unlinked.
 */
enum found quiesce_list_find(const struct cds_lfht *ht, struct start start, unsigned long hash,
		bool front, struct place *place);

/* Unlink what has that hash and word, which is marked as removed. False if start is being taken away. */
bool quiesce_list_unlink(const struct cds_lfht *ht, struct start start, unsigned long hash,
		struct cds_lfht_node *const *at);

/* The first node of that hash from word on that match accepts. NULL if there is none. */
struct cds_lfht_node *quiesce_list_search(const struct cds_lfht *ht, unsigned long word,
		unsigned long hash, cds_lfht_match_fct match, const void *key);

/* ---- Sizes ---- */

/*
 * The size in force and what is being done about it, in one word, so that each change is one
 * compare-and-exchange: the order (2^order buckets), the phase, and a number that grows with each
 * change.
 */
enum phase {
	PHASE_NONE,
	/* The size was reduced; the buckets beyond are whole, and growing takes them back. */
	PHASE_RETIRING,
	/* A grace period later: the callback takes the buckets beyond out of the list. */
	PHASE_UNLINKING,
	/* The table grew meanwhile: those taken out are made missing, a grace period later. */
	PHASE_REVIVING,
	/* All beyond are out, and a grace period has passed: their memory is being given back. */
	PHASE_FREEING,
};

#define SHAPE_ORDER_BITS	8
#define SHAPE_PHASE_BITS	4
#define SHAPE_CHANGE		(1UL << (SHAPE_ORDER_BITS + SHAPE_PHASE_BITS))

static inline unsigned int quiesce_shape_order(unsigned long shape)
{
	return shape & ((1U << SHAPE_ORDER_BITS) - 1);
}

static inline enum phase quiesce_shape_phase(unsigned long shape)
{
	return (enum phase)(shape >> SHAPE_ORDER_BITS & ((1U << SHAPE_PHASE_BITS) - 1));
}

/* ---- The table ---- */

/* A table this many times too large shrinks. */
#define SHRINK_RATIO	8

/* Tables from this size on do not fit in a core's own cache. */
#define ORDER_UNCACHED	15

/* Of a table without a limit; its buckets alone would take 8 TiB. Three bits more are an index in a word. */
#define ORDER_MAX (sizeof(unsigned long) == 8 ? 40U : 27U)

struct counter {
	long count;	/* atomically; less than COUNT_STEP either way, nearly always */
	char apart[64 - sizeof(long)];	/* no two on a cache line */
};

struct memory_scheme;

struct cds_lfht {
	/* Read by every operation. */
	/* Written by compare-and-exchange: to grow by any updater, otherwise by the callback. */
	unsigned long shape;
	/* Never written after new. */
	bool chunked;			/* as memory has it */
	unsigned char order_min;	/* never given back */
	unsigned char order_floor;	/* not shrunk below by itself */
	unsigned char order_max;
	int flags;
	const struct memory_scheme *memory;
	const struct rcu_flavor_struct *flavor;
	unsigned long tagged_below;	/* words that lead to addresses below have a tag */
	struct counter *counters;	/* NULL while the table is small; set once, atomically */

	/* Seldom used, and so between the former and the next, which updates write: 64 bytes. */
	const struct cds_lfht_alloc *alloc;	/* never written after new */
	pthread_attr_t *attr;		/* the same */
	/* The request under way, and flags in its lowest bits. Atomically (resize.c). */
	uintptr_t request;
	/* The callback's own. */
	unsigned long shape_seen;	/* at the callback before */
	unsigned long shrink_first;	/* buckets to take out: from here... */
	unsigned long shrink_top;	/* up to here, exclusive: none was ever linked beyond; */
	unsigned long shrink_next;	/* from here on they are out */
	bool drained;			/* all of them are */
	bool mapped;			/* large pieces are, on their own; never written after new */
	unsigned char order_wanted;	/* by cds_lfht_resize; atomically, by anybody */
	bool destroyed;			/* by cds_lfht_destroy, atomically: free the table */

	/* Nodes, but for what is in the split counters. Atomically. */
	long count;
	/* All buckets below are made, or somebody is at it. Atomically. */
	unsigned long made;
	char apart[64];

	/*
	 * Where buckets lie: pieces[k] holds those with k bits in their index. Chunked: it points to
	 * the chunks with k bits in theirs, bucket i being in chunk i / 2^order_min. Who sets one, and
	 * when it may be relied upon, is in memory.c.
	 */
	void *pieces[];
};

static inline unsigned long quiesce_word_to(const struct cds_lfht *ht,
		const struct cds_lfht_node *node)
{
	return (uintptr_t)node |
	       ((uintptr_t)node < ht->tagged_below ? quiesce_tag_of(node->reverse_hash) : 0);
}

static inline unsigned int quiesce_bits_in(unsigned long index)
{
	/* Where a machine counts from the other end, the exclusive or is its own undone. */
	return index ? ((unsigned int)__builtin_clzl(index) ^ (sizeof(index) * CHAR_BIT - 1)) + 1 : 0;
}

static inline struct bucket *quiesce_bucket_in_chunk(const struct cds_lfht *ht,
		unsigned long index)
{
	unsigned long chunk = index >> ht->order_min;
	unsigned int bits = quiesce_bits_in(chunk);
	struct bucket **chunks = __atomic_load_n(&ht->pieces[bits], __ATOMIC_ACQUIRE);

	return chunks[chunk - (1UL << bits >> 1)] + (index & ((1UL << ht->order_min) - 1));
}

static inline struct bucket *quiesce_bucket(const struct cds_lfht *ht, unsigned long index)
{
	unsigned int bits = quiesce_bits_in(index);
	struct bucket *piece;

	if (__builtin_expect(ht->chunked, 0))
		return quiesce_bucket_in_chunk(ht, index);
	piece = __atomic_load_n(&ht->pieces[bits], __ATOMIC_ACQUIRE);
	return piece + (index - (1UL << bits >> 1));
}

static inline unsigned long quiesce_shape(const struct cds_lfht *ht)
{
	return __atomic_load_n(&ht->shape, __ATOMIC_ACQUIRE);
}

static inline unsigned long quiesce_bucket_index(const struct cds_lfht *ht, unsigned long hash)
{
	return hash & ((1UL << quiesce_shape_order(quiesce_shape(ht))) - 1);
}

/* ---- Buckets (buckets.c) ---- */

/* The nearest ancestor of a bucket, or it itself, where operations may start. */
struct start quiesce_ancestor(const struct cds_lfht *ht, unsigned long index);

/* Where an operation on hash starts. */
static inline struct start quiesce_start(const struct cds_lfht *ht, unsigned long hash)
{
	unsigned long index = quiesce_bucket_index(ht, hash);
	struct bucket *bucket = quiesce_bucket(ht, index);

	if (__builtin_expect(quiesce_may_start(quiesce_word(&bucket->next)), 1))
		return (struct start) { bucket, index };
	return quiesce_ancestor(ht, index);
}

/* The same for an update, which makes the bucket, and its neighbours, if they are missing. */
struct start quiesce_start_update(struct cds_lfht *ht, unsigned long hash);

/* Link the first 2^order buckets of a table that nobody sees yet. */
void quiesce_buckets_init(struct cds_lfht *ht, unsigned int order);

/* In a section: make the missing buckets from first up to end. Returns how many. */
unsigned long quiesce_buckets_make(struct cds_lfht *ht, unsigned long first, unsigned long end);

/* The same for up to so many that nobody is at yet. */
unsigned long quiesce_buckets_make_more(struct cds_lfht *ht, unsigned long size, unsigned long most);

/*
 * In a section: take the bucket out of the list, if it is there. False if the shape is
 * not what it was any more, and nothing was done.
 */
bool quiesce_bucket_unlink(struct cds_lfht *ht, unsigned long index, unsigned long shape);

/* A grace period after it was taken out: it may be made again. */
void quiesce_bucket_forget(struct cds_lfht *ht, unsigned long index);

/* ---- Memory (memory.c) ---- */

/* How buckets get their memory: an order at a time, each twice as large as those below together. */
struct memory_scheme {
	bool chunked;	/* pieces of one size */
	bool bounded;	/* needs order_max to be the program's */
	bool paged;	/* order_min takes at least a page */
	/* Provide the orders that are never given back. False if there is no memory. */
	bool (*init)(struct cds_lfht *ht);
	/*
	 * See to it that an order above order_min has its memory. False if there is none. Of use to
	 * who read the shape before, found no FREEING, and swaps it afterwards (memory.c).
	 */
	bool (*provide)(struct cds_lfht *ht, unsigned int order);
	/* In FREEING: give back what is there of that order, above order_min, and all above. */
	void (*free)(struct cds_lfht *ht, unsigned int order);
	/* Give back all, of a table that nobody sees any more. */
	void (*end)(struct cds_lfht *ht);
};

extern const struct cds_lfht_alloc quiesce_lfht_malloc;

/* The scheme that a program means by type; NULL if it is none of ours. */
const struct memory_scheme *quiesce_memory_scheme(const struct cds_lfht_mm_type *type);

/* A table's own structure, zeroed, with room for the pieces of orders up to highest. */
struct cds_lfht *quiesce_table_alloc(unsigned int highest, const struct cds_lfht_alloc *alloc);

/* ---- Counting (count.c) ---- */

/* Add delta, 1 or -1. Returns whether it is time to compare the number with the size. */
bool quiesce_count(struct cds_lfht *ht, long delta);
long quiesce_count_sum(const struct cds_lfht *ht);
/* After a growth: split the counter if it is worth while. */
void quiesce_count_split(struct cds_lfht *ht);
/* A grace period after the table became small: make ht->count exact. */
void quiesce_count_join(struct cds_lfht *ht);
/* 2 to this is more than what ht->count is off by while it is split. */
unsigned int quiesce_count_order(void);

/* ---- Resizing (resize.c) ---- */

/*
 * Queue the first request of a new table, which starts the thread that all will run on: later a
 * sandbox may forbid it. False if there is no memory.
 */
bool quiesce_resize_begin(struct cds_lfht *ht);
/* In a section, after the number of nodes changed: see to it that the size follows. */
void quiesce_resize_check(struct cds_lfht *ht);
void quiesce_resize_to(struct cds_lfht *ht, unsigned int order);
/*
 * For destroy: keep the callback from doing anything, and undo that. Hold returns whether there is a
 * callback: then it is that which frees the table, once `destroyed` is set.
 */
bool quiesce_resize_hold(struct cds_lfht *ht);
void quiesce_resize_release(struct cds_lfht *ht);
/* Free all memory of a table. */
void quiesce_table_free(struct cds_lfht *ht);
