/* SPDX-License-Identifier: MIT */
/* For tests that reach into the hash table: its state, and callbacks that run when the test says so. */
#ifndef TESTS_UNIT_LFHT_STEPS_H
#define TESTS_UNIT_LFHT_STEPS_H

#include "harness.h"
#include "lfht-items.h"

#define place lfht_place	/* the harness has another */
#include "lfht/lfht.h"
#undef place

static inline unsigned int order_of(const struct cds_lfht *ht)
{
	return quiesce_shape_order(quiesce_shape(ht));
}

static inline enum phase phase_of(const struct cds_lfht *ht)
{
	return quiesce_shape_phase(quiesce_shape(ht));
}

static inline unsigned long bucket_word(const struct cds_lfht *ht, unsigned long index)
{
	return quiesce_word(&quiesce_bucket(ht, index)->next);
}

static inline unsigned long ready_buckets(const struct cds_lfht *ht)
{
	unsigned long ready = 0;

	for (unsigned long i = 0; i < 1UL << order_of(ht); i++)
		ready += quiesce_may_start(bucket_word(ht, i));
	return ready;
}

static inline bool is_at_rest(const struct cds_lfht *ht)
{
	return phase_of(ht) == PHASE_NONE && !(get(ht->request) & 7);
}

/* At rest: every bucket is there, and each is in the list once. */
static inline void must_be_whole(const struct cds_lfht *ht)
{
	unsigned long in_list = 1, size = 1UL << order_of(ht);
	unsigned long word = bucket_word(ht, 0), last = 0;

	want(is_at_rest(ht));
	while (quiesce_word_link(word) != WORD_END) {
		unsigned long index = quiesce_word_index(word), now = quiesce_reverse(index);

		if (word & WORD_BUCKET) {
			want(index < size && now > last);
			in_list++;
			word = bucket_word(ht, index);
		} else {
			now = quiesce_word_node(word)->reverse_hash;
			want(now >= last);
			word = quiesce_word(&quiesce_word_node(word)->next);
		}
		last = now;
	}
	want(in_list == size);
	want(ready_buckets(ht) == size);
}

/* ---- A flavor whose callbacks run when the test says so, so that it stops in each phase ---- */

static struct rcu_head *pending;
static void (*pending_run)(struct rcu_head *head);
static unsigned long steps;

static inline void keep(struct rcu_head *head, void (*run)(struct rcu_head *head))
{
	want(!pending);
	pending = head;
	pending_run = run;
}

/* Run the callback, which was queued a grace period ago. Whether there was one. */
static inline bool run_pending(void)
{
	struct rcu_head *head = pending;

	if (!head)
		return false;
	pending = NULL;
	steps++;
	pending_run(head);
	return true;
}

static inline bool step(void)
{
	synchronize_rcu();
	return run_pending();
}

static inline struct rcu_flavor_struct stepped(void)
{
	struct rcu_flavor_struct flavor = rcu_flavor;

	flavor.update_call_rcu = keep;
	return flavor;
}

static inline void step_to_rest(void)
{
	while (step())
		continue;
}

#endif
