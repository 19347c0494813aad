/* SPDX-License-Identifier: MIT */
/* Items that free_rcu gives back to the test: each once, and counted. */
#ifndef TESTS_UNIT_FREE_ITEMS_H
#define TESTS_UNIT_FREE_ITEMS_H

#include "held.h"

#define ITEMS	60000
#define ARRAY	256UL		/* as the library has it: only to be around it on both sides */

struct item {
	int state;
	struct item *next;	/* given by the release of this one */
};

static struct item items[ITEMS];
static unsigned long taken, given_back;

static inline struct item *take_item(void)
{
	unsigned long n = raise_by(taken, 1) - 1;

	want(n < ITEMS);
	items[n].state = LIVE;
	return &items[n];
}

static inline void note(void *ptr)
{
	struct item *item = ptr;

	want(item >= items && item < items + ITEMS);
	want(__atomic_exchange_n(&item->state, DEAD, __ATOMIC_ACQ_REL) == LIVE);
	if (item->next)
		urcu_free_rcu(item->next);
	raise_by(given_back, 1);
}

static inline void set_up_note(void)
{
	want(urcu_free_rcu_with(note) == 0);
}

static inline void give_items(unsigned long count)
{
	while (count--)
		urcu_free_rcu(take_item());
}

static inline void all_come_back(void)
{
	await_that(get(given_back) == get(taken));
}

static inline TCase *add_noted(Suite *suite, const char *name, void (*set_up_release)(void))
{
	TCase *tc = add_case(suite, name, 30);

	tcase_add_checked_fixture(tc, set_up_release, NULL);
	return tc;
}

#endif /* TESTS_UNIT_FREE_ITEMS_H */
