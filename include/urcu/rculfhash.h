/* SPDX-License-Identifier: MIT */
#ifndef _URCU_RCULFHASH_H
#define _URCU_RCULFHASH_H

/*
 * A hash table whose lookups are wait-free and whose updates are lock-free, and that is resized
 * while both go on. It needs RCU, of any flavor: the one it was made with.
 *
 * The program embeds a struct cds_lfht_node in its own structure, and gives a hash with each call.
 * Hashes should be spread over their low bits. Nodes of one hash, and of one key, may be in a table
 * several times (duplicates), unless only add_unique and add_replace put that key there.
 *
 * Where: every function but new, resize and destroy is called inside a read-side critical section
 * of the table's flavor by a registered thread; in call_rcu callbacks too. What lookup, first and
 * next found may be used until that section ends. Lookups may be called in a signal handler, in a
 * section of its own; the functions that change a table may not, for some of them allocate.
 *
 * A node that was deleted or replaced may be freed, or added again, only after a grace period.
 *
 * Ordering: what a thread wrote to a node before it added it happens before what another does with
 * the node that it found. add, a successful add_unique, add_replace, replace and del imply a full
 * memory barrier before and after they take effect; a failed add_unique orders as a lookup does.
 *
 * A traversal (first and next to the end) meets each node that is in the table from its beginning
 * to its end exactly once, whatever else is added, deleted or resized meanwhile; of a key that is
 * replaced meanwhile it meets one node, old or new. Others it may meet or not. Nodes with one hash
 * follow upon each other, those of cds_lfht_add in the order in which they were added. A key that only
 * add_unique and add_replace put there is met once at most, deleted and added again too.
 *
 * Fork: between the call_rcu fork hooks a table may be in any state, resizing too; parent and child
 * go on with it (doc/design/hash-table.md).
 */

#include <pthread.h>
#include <stdint.h>

#include <urcu/call-rcu.h>
#include <urcu/compiler.h>
#include <urcu/flavor.h>

_URCU_EXTERN_C_BEGIN

/*
 * To be embedded in the program's own structure, aligned to 8 bytes, wherever the kernel lets a program
 * have memory. Both fields are the table's.
 */
struct cds_lfht_node {
	struct cds_lfht_node *next;
	unsigned long reverse_hash;
} __attribute__((__aligned__(8)));

/* Where a lookup or a traversal is. Good until the section ends. */
struct cds_lfht_iter {
	struct cds_lfht_node *node, *next;
};

/* The node that was found; NULL: none. */
static inline struct cds_lfht_node *cds_lfht_iter_get_node(const struct cds_lfht_iter *iter)
{
	return iter->node;
}

struct cds_lfht;

/* Whether node is what key looks for: non-zero if so. Called only for nodes of the same hash. */
typedef int (*cds_lfht_match_fct)(struct cds_lfht_node *node, const void *key);

enum {
	/* The table grows and shrinks with the number of its nodes, by itself. */
	CDS_LFHT_AUTO_RESIZE	= 1U << 0,
	/* Count the nodes, for cds_lfht_count_nodes; tables that resize themselves always do. */
	CDS_LFHT_ACCOUNTING	= 1U << 1
};

/*
 * Where a table gets its memory. Each function's first argument is state. A table calls calloc, which may
 * fail, and free alone: in new and destroy, in whoever adds or resizes, in a section there, and in the
 * worker's thread; several threads may be in them at once.
 */
struct cds_lfht_alloc {
	void *(*malloc)(void *state, size_t size);
	void *(*calloc)(void *state, size_t count, size_t size);
	void *(*realloc)(void *state, void *p, size_t size);
	void *(*aligned_alloc)(void *state, size_t alignment, size_t size);
	void (*free)(void *state, void *p);
	void *state;
};

/*
 * How the buckets lie in memory: the functions are the library's own.
 *	order	a piece for each doubling; any size. What NULL stands for.
 *	chunk	pieces of min_nr_alloc_buckets each; needs max_nr_buckets
 *	mmap	addresses for max_nr_buckets reserved at once, memory as needed
 */
struct cds_lfht_mm_type {
	struct cds_lfht *(*alloc_cds_lfht)(unsigned long min_nr_alloc_buckets,
			unsigned long max_nr_buckets, const struct cds_lfht_alloc *alloc);
	void (*alloc_bucket_table)(struct cds_lfht *ht, unsigned long order);
	void (*free_bucket_table)(struct cds_lfht *ht, unsigned long order);
	struct cds_lfht_node *(*bucket_at)(struct cds_lfht *ht, unsigned long index);
};

extern const struct cds_lfht_mm_type cds_lfht_mm_order, cds_lfht_mm_chunk, cds_lfht_mm_mmap;

/*
 * Make a table.
 *	init_size		buckets to begin with; a table that resizes itself does not shrink
 *				below that
 *	min_nr_alloc_buckets	buckets that are never given back
 *	max_nr_buckets		never more than that; 0: no limit. Above 2^40 (2^27 on 32 bits): the same
 *				as that
 *	flags			of the enumeration above, and of quiesce/lfht.h; others are ignored
 *	mm			one of the three above, or NULL
 *	flavor			whose readers look at the table
 *	alloc			where its memory comes from; NULL: malloc. Kept: it must outlive the table
 *	attr			handed back by destroy, and not looked at
 * The sizes are powers of two; an init_size out of the bounds of the others is brought within.
 * Resizes are call_rcu callbacks, the first of which new queues for a table with CDS_LFHT_AUTO_RESIZE.
 * So the worker of the calling thread's callbacks, which is the standard one unless the program chose
 * another, has its thread on return, if one can be had; other tables start none before they are resized.
 * Returns NULL with errno EINVAL for other sizes, no flavor, or chunk and mmap without a maximum, and
 * ENOMEM. Anywhere but in signal handlers.
 */
extern struct cds_lfht *_cds_lfht_new(unsigned long init_size, unsigned long min_nr_alloc_buckets,
		unsigned long max_nr_buckets, int flags, const struct cds_lfht_mm_type *mm,
		const struct rcu_flavor_struct *flavor, pthread_attr_t *attr);
extern struct cds_lfht *_cds_lfht_new_with_alloc(unsigned long init_size,
		unsigned long min_nr_alloc_buckets, unsigned long max_nr_buckets, int flags,
		const struct cds_lfht_mm_type *mm, const struct rcu_flavor_struct *flavor,
		const struct cds_lfht_alloc *alloc, pthread_attr_t *attr);

/* The same, with all that is not named left to the library. */
static inline struct cds_lfht *cds_lfht_new_flavor(unsigned long init_size,
		unsigned long min_nr_alloc_buckets, unsigned long max_nr_buckets, int flags,
		const struct rcu_flavor_struct *flavor, pthread_attr_t *attr)
{
	return _cds_lfht_new(init_size, min_nr_alloc_buckets, max_nr_buckets, flags, NULL, flavor,
			     attr);
}

static inline struct cds_lfht *cds_lfht_new_with_flavor_alloc(unsigned long init_size,
		unsigned long min_nr_alloc_buckets, unsigned long max_nr_buckets, int flags,
		const struct rcu_flavor_struct *flavor, const struct cds_lfht_alloc *alloc,
		pthread_attr_t *attr)
{
	return _cds_lfht_new_with_alloc(init_size, min_nr_alloc_buckets, max_nr_buckets, flags, NULL,
					flavor, alloc, attr);
}

/*
 * Take down a table that nobody uses any more. Returns 0, or -EPERM if nodes are left in it, and
 * then does nothing. If attr is not NULL, *attr becomes what new was given. A callback that is
 * queued, the first too, frees the table's memory when it finds it destroyed: wait for that, before
 * the library is unloaded above all, with one rcu_barrier. Anywhere but in signal handlers, callbacks
 * too.
 */
extern int cds_lfht_destroy(struct cds_lfht *ht, pthread_attr_t **attr);

/*
 * Count the nodes by a traversal. *approx_before and *approx_after become what the counters of a
 * table that counts said before and after; 0 in others.
 */
extern void cds_lfht_count_nodes(struct cds_lfht *ht, long *approx_before, unsigned long *count,
		long *approx_after);

/* Find the first node of hash that match accepts. */
extern void cds_lfht_lookup(struct cds_lfht *ht, unsigned long hash, cds_lfht_match_fct match,
		const void *key, struct cds_lfht_iter *iter);
/* Go on to the next node that match accepts, of the hash of iter's node. */
extern void cds_lfht_next_duplicate(struct cds_lfht *ht, cds_lfht_match_fct match, const void *key,
		struct cds_lfht_iter *iter);
/* Find the first node of the table, in whatever order; go on to the next. */
extern void cds_lfht_first(struct cds_lfht *ht, struct cds_lfht_iter *iter);
extern void cds_lfht_next(struct cds_lfht *ht, struct cds_lfht_iter *iter);

/* Prepare a node. Not needed before it is added. */
static inline void cds_lfht_node_init(struct cds_lfht_node *node)
{
	(void)node;
}

/* Prepare a node so that it counts as deleted until it is added. */
extern void cds_lfht_node_init_deleted(struct cds_lfht_node *node);

/* Add a node, whatever is in the table already. */
extern void cds_lfht_add(struct cds_lfht *ht, unsigned long hash, struct cds_lfht_node *node);
/* Add a node unless there is one that match accepts: returns node, or that one. */
extern struct cds_lfht_node *cds_lfht_add_unique(struct cds_lfht *ht, unsigned long hash,
		cds_lfht_match_fct match, const void *key, struct cds_lfht_node *node);
/* Add a node in the place of one that match accepts: returns that one, or NULL if there was none. */
extern struct cds_lfht_node *cds_lfht_add_replace(struct cds_lfht *ht, unsigned long hash,
		cds_lfht_match_fct match, const void *key, struct cds_lfht_node *node);
/*
 * Put new_node in the place of old_iter's node, in one step. Returns 0; -ENOENT if that node is
 * NULL or not in the table any more; -EINVAL if it has another hash, or match does not accept it.
 */
extern int cds_lfht_replace(struct cds_lfht *ht, struct cds_lfht_iter *old_iter, unsigned long hash,
		cds_lfht_match_fct match, const void *key, struct cds_lfht_node *new_node);
/* Take a node out. Returns 0, or -ENOENT if it is NULL or somebody else has done so. */
extern int cds_lfht_del(struct cds_lfht *ht, struct cds_lfht_node *node);
/* Whether a node was deleted or replaced: non-zero if so. */
extern int cds_lfht_is_node_deleted(const struct cds_lfht_node *node);

/*
 * Give a table new_size buckets, rounded up to a power of two and brought within its bounds. A
 * larger size is in force on return, or as large a one as there is memory for. A smaller one comes
 * into force, and memory is given back, in call_rcu callbacks; so does a larger one at the moment in
 * which memory is given back. Without memory for the callback's request that waits for the next
 * resize, by this or by the table itself, which goes on to resize itself if it does. A registered
 * thread, outside sections; one of qsbr that is offline is online meanwhile.
 */
extern void cds_lfht_resize(struct cds_lfht *ht, unsigned long new_size);

_URCU_EXTERN_C_END

/* The structure that ptr, a node, is member of; NULL stays NULL. */
#define cds_lfht_entry(ptr, type, member)					\
	caa_container_of_check_null(ptr, type, member)

/* Loops over all nodes, and over those that match; the iterator is declared by the caller. */
#define cds_lfht_for_each(ht, iter, node)					\
	for (cds_lfht_first(ht, iter), node = cds_lfht_iter_get_node(iter);	\
	     node;								\
	     cds_lfht_next(ht, iter), node = cds_lfht_iter_get_node(iter))

#define cds_lfht_for_each_duplicate(ht, hash, match, key, iter, node)		\
	for (cds_lfht_lookup(ht, hash, match, key, iter),			\
		     node = cds_lfht_iter_get_node(iter);			\
	     node;								\
	     cds_lfht_next_duplicate(ht, match, key, iter),			\
		     node = cds_lfht_iter_get_node(iter))

#define cds_lfht_for_each_entry(ht, iter, pos, member)				\
	for (cds_lfht_first(ht, iter),						\
		     pos = cds_lfht_entry(cds_lfht_iter_get_node(iter),		\
					  __typeof__(*(pos)), member);		\
	     pos;								\
	     cds_lfht_next(ht, iter),						\
		     pos = cds_lfht_entry(cds_lfht_iter_get_node(iter),		\
					  __typeof__(*(pos)), member))

#define cds_lfht_for_each_entry_duplicate(ht, hash, match, key, iter, pos, member)	\
	for (cds_lfht_lookup(ht, hash, match, key, iter),			\
		     pos = cds_lfht_entry(cds_lfht_iter_get_node(iter),		\
					  __typeof__(*(pos)), member);		\
	     pos;								\
	     cds_lfht_next_duplicate(ht, match, key, iter),			\
		     pos = cds_lfht_entry(cds_lfht_iter_get_node(iter),		\
					  __typeof__(*(pos)), member))

#endif

#if defined(URCU_API_MAP) && defined(rcu_flavor) && !defined(_URCU_RCULFHASH_NEW)
#define _URCU_RCULFHASH_NEW

_URCU_EXTERN_C_BEGIN

/* A table of the flavor whose names are in force. */
static inline struct cds_lfht *cds_lfht_new(unsigned long init_size,
		unsigned long min_nr_alloc_buckets, unsigned long max_nr_buckets, int flags,
		pthread_attr_t *attr)
{
	return _cds_lfht_new(init_size, min_nr_alloc_buckets, max_nr_buckets, flags, NULL,
			     &rcu_flavor, attr);
}

_URCU_EXTERN_C_END

#endif
