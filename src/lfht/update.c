/* SPDX-License-Identifier: MIT */
/* Changes to a table. Each takes effect in one step, by commit, or was not possible. */
#include <errno.h>
#include <stdlib.h>

#include <urcu/uatomic.h>

#include "system/system.h"
#include "system/sanitize.h"
#include "lfht/lfht.h"

/*
 * With a full barrier on both sides, as the interface promises. Their partners are the program's own;
 * nothing here relies on them, for the swap itself publishes and takes effect.
 */
static bool commit(struct cds_lfht_node **at, unsigned long old, unsigned long word)
{
	bool done;

	quiesce_delay();
	cmm_smp_mb__before_uatomic_add();
	done = quiesce_word_swap(at, old, word);
	cmm_smp_mb__after_uatomic_add();
	return done;
}

static void check_node(const struct cds_lfht_node *node, const char *function)
{
	if (node && !((uintptr_t)node & (WORD_TAGGED | WORD_FLAGS)))
		return;
	quiesce_report("%s: %p cannot be a node: it must be aligned to 8 bytes%s", function,
		       (const void *)node, WORD_TAGGED ? " and below 2^63" : "");
	abort();
}

/* ---- Adding ---- */

/* As quiesce_list_find, from the bucket of hash. */
static enum found find_place(struct cds_lfht *ht, unsigned long hash, bool front, struct place *place)
{
	enum found found;

	do
		found = quiesce_list_find(ht, quiesce_start_update(ht, hash), hash, front, place);
	while (found == FOUND_NO_START);
	return found;
}

/* The place in front of all nodes of that hash; and the first of those that match accepts. */
static struct cds_lfht_node *find_unique(struct cds_lfht *ht, unsigned long hash,
		cds_lfht_match_fct match, const void *key, struct place *place)
{
	if (find_place(ht, hash, true, place) == FOUND_PLACE)
		return NULL;
	return quiesce_list_search(ht, place->word, hash, match, key);
}

static bool add_at(const struct cds_lfht *ht, const struct place *place, struct cds_lfht_node *node)
{
	quiesce_word_set(&node->next, quiesce_word_link(place->word));
	quiesce_tell_release(node);
	return commit(place->at, place->word,
		      quiesce_word_to(ht, node) | (place->word & WORD_HOLDER));
}

/* Who makes a table grow makes buckets that nobody came to, in its turn with all who do. */
#define MAKE_MORE	4UL

static void count(struct cds_lfht *ht, long delta)
{
	if ((ht->flags & (CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING)) && quiesce_count(ht, delta))
		quiesce_resize_check(ht);
}

static void added(struct cds_lfht *ht)
{
	quiesce_delay();
	count(ht, 1);
	quiesce_buckets_make_more(ht, 1UL << quiesce_shape_order(quiesce_shape(ht)), MAKE_MORE);
}

void cds_lfht_add(struct cds_lfht *ht, unsigned long hash, struct cds_lfht_node *node)
{
	struct place place;

	check_node(node, __func__);
	node->reverse_hash = quiesce_reverse(hash);
	do
		find_place(ht, hash, false, &place);
	while (!add_at(ht, &place, node));
	added(ht);
}

struct cds_lfht_node *cds_lfht_add_unique(struct cds_lfht *ht, unsigned long hash,
		cds_lfht_match_fct match, const void *key, struct cds_lfht_node *node)
{
	struct cds_lfht_node *equal;
	struct place place;

	check_node(node, __func__);
	node->reverse_hash = quiesce_reverse(hash);
	do {
		equal = find_unique(ht, hash, match, key, &place);
		if (equal)
			return equal;
	} while (!add_at(ht, &place, node));
	added(ht);
	return node;
}

/* ---- Replacing: mark a node, and let it point to the one that takes its place, in one step ---- */

static void unlink_node(struct cds_lfht *ht, struct cds_lfht_node *node)
{
	unsigned long hash = quiesce_reverse(node->reverse_hash);

	while (!quiesce_list_unlink(ht, quiesce_start(ht, hash), hash, &node->next))
		;
}

static bool replace(struct cds_lfht *ht, struct cds_lfht_node *old, struct cds_lfht_node *node)
{
	unsigned long word;

	quiesce_tell_release(node);
	do {
		word = quiesce_word(&old->next);
		if (word & WORD_REMOVED)
			return false;
		quiesce_word_set(&node->next, word);
	} while (!commit(&old->next, word, quiesce_word_to(ht, node) | WORD_REMOVED));
	quiesce_delay();
	unlink_node(ht, old);
	return true;
}

struct cds_lfht_node *cds_lfht_add_replace(struct cds_lfht *ht, unsigned long hash,
		cds_lfht_match_fct match, const void *key, struct cds_lfht_node *node)
{
	struct cds_lfht_node *equal;
	struct place place;

	check_node(node, __func__);
	node->reverse_hash = quiesce_reverse(hash);
	for (;;) {
		equal = find_unique(ht, hash, match, key, &place);
		if (equal && replace(ht, equal, node))
			return equal;
		if (!equal && add_at(ht, &place, node))
			break;
	}
	added(ht);
	return NULL;
}

int cds_lfht_replace(struct cds_lfht *ht, struct cds_lfht_iter *old_iter, unsigned long hash,
		cds_lfht_match_fct match, const void *key, struct cds_lfht_node *new_node)
{
	struct cds_lfht_node *old = old_iter->node;

	check_node(new_node, __func__);
	if (!old)
		return -ENOENT;
	if (old->reverse_hash != quiesce_reverse(hash) || old == new_node || !match(old, key))
		return -EINVAL;
	new_node->reverse_hash = old->reverse_hash;
	return replace(ht, old, new_node) ? 0 : -ENOENT;
}

/* ---- Deleting ---- */

int cds_lfht_del(struct cds_lfht *ht, struct cds_lfht_node *node)
{
	unsigned long word;

	if (!node)
		return -ENOENT;
	do {
		word = quiesce_word(&node->next);
		if (word & WORD_REMOVED)
			return -ENOENT;
	} while (!commit(&node->next, word, word | WORD_REMOVED));
	quiesce_delay();
	unlink_node(ht, node);
	count(ht, -1);
	return 0;
}

void cds_lfht_node_init_deleted(struct cds_lfht_node *node)
{
	quiesce_word_set(&node->next, WORD_END | WORD_REMOVED);
}
