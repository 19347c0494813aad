/* SPDX-License-Identifier: MIT */
/*
 * The sorted list of a table: Harris, "A Pragmatic Implementation of Non-Blocking Linked-Lists"
 * (2001), as Michael unlinks in it ("High Performance Dynamic Lock-Free Hash Tables", 2002), with
 * grace periods in place of reference counts.
 *
 * What holds at any moment:
 * 1. From each bucket that is ready, and from each node in the list, the list goes on sorted.
 * 2. The word of a removed node never changes. So nothing is added behind one, and a node behind it
 *    is unlinked only after it.
 * 3. A word that leads to a node in the list stops doing so only because something was put in
 *    between, or because that node is removed and is unlinked: the word then leads to what the
 *    removed node's word does.
 * 4. No address means another node while somebody may hold it: memory is used again after a grace
 *    period. A bucket that was taken out is made again, or its memory given back, after one. So a word
 *    that has its old value has its old meaning, and the bucket that an index means has memory.
 * Buckets count as nodes here.
 *
 * An update takes effect in one compare-and-exchange, on a word of a holder that is not removed
 * (its flag is part of the word): adding, when the holder points to the new node; deleting, when the
 * node is marked. Lookups take effect when they read the word that leads to what they return, or
 * past where it would be.
 *
 * New nodes go behind those of the same hash, but for those whose key is to be there once (add_unique
 * and add_replace): they go in front. Whoever adds one finds the place, looks through the equals
 * behind it, and swaps the word of that place: had an equal node come meanwhile, it had come there.
 * And a traversal that has met a key has passed the place where it can come again. A node that takes
 * another's place comes right behind it, and the same step marks that one: who passed the old one has
 * seen its key.
 */
#include <stdlib.h>
#include <string.h>

#include "system/system.h"
#include "lfht/lfht.h"

unsigned long quiesce_word_flag(struct cds_lfht_node **at, unsigned long flags)
{
	unsigned long word = quiesce_word(at);

	while ((word & flags) != flags && !quiesce_word_swap(at, word, word | flags))
		word = quiesce_word(at);
	return word;
}

/*
 * The next node is removed, and its word is `after`: let the place's holder point past it. Whether
 * it was this thread that did; the place is up to date anyhow.
 */
static bool unlink_next(struct place *place, unsigned long after)
{
	unsigned long word = quiesce_word_link(after) | (place->word & WORD_HOLDER);
	bool unlinked = quiesce_word_swap(place->at, place->word, word);

	place->word = unlinked ? word : quiesce_word(place->at);
	return unlinked;
}

/* Whether what comes next lies behind the nodes of that hash, as far as the word tells. */
static bool is_past(const struct place *place, unsigned long hash, unsigned long reverse_hash)
{
	if (place->near && quiesce_word_order(place->word, reverse_hash) > 0)
		return true;
	return (place->word & WORD_BUCKET) && quiesce_is_behind(quiesce_word_index(place->word), hash);
}

/*
 * Go on from start to the first node that is greater, or, to the front, that is equal; or until target,
 * the word of one that is removed, is unlinked. The place is kept in registers on the way.
 */
static inline __attribute__((always_inline)) enum found walk(const struct cds_lfht *ht,
		struct start start, unsigned long hash, bool front, struct cds_lfht_node *const *target,
		struct place *result)
{
	const unsigned long reverse_hash = quiesce_reverse(hash);
	enum found found = FOUND_PLACE;
	struct place place;

again:
	place = (struct place) {
		&start.bucket->next, quiesce_word(&start.bucket->next),
		quiesce_same_first(start.index, hash),
	};
	if (place.word & WORD_REMOVED)
		return FOUND_NO_START;
	while (!is_past(&place, hash, reverse_hash)) {
		unsigned long index = quiesce_word_index(place.word), after;
		struct cds_lfht_node *node = NULL, **next;

		if (place.word & WORD_BUCKET) {
			next = &quiesce_bucket(ht, index)->next;
		} else {
			node = quiesce_word_node(place.word);
			next = &node->next;
		}
		after = quiesce_word(next);
		if (after & WORD_REMOVED) {
			struct place before = place;
			bool unlinked;

			quiesce_delay();
			unlinked = unlink_next(&before, after);
			place = before;
			if (unlinked && next == target)
				break;
			if (!unlinked && place.word & WORD_REMOVED)
				goto again;
			continue;
		}
		if (node && node->reverse_hash > reverse_hash)
			break;
		if (front && node && node->reverse_hash == reverse_hash) {
			found = FOUND_EQUAL;
			break;
		}
		place = (struct place) {
			next, after, node ? quiesce_same_quarter(node->reverse_hash, reverse_hash) :
				     quiesce_same_first(index, hash),
		};
	}
	*result = place;
	return found;
}

enum found quiesce_list_find(const struct cds_lfht *ht, struct start start, unsigned long hash,
		bool front, struct place *place)
{
	return walk(ht, start, hash, front, NULL, place);
}

bool quiesce_list_unlink(const struct cds_lfht *ht, struct start start, unsigned long hash,
		struct cds_lfht_node *const *at)
{
	struct place place;

	return walk(ht, start, hash, false, at, &place) != FOUND_NO_START;
}
