/* SPDX-License-Identifier: MIT */
/*
 * What is the same of both kinds of stacks, lock-free and wait-free: the tests of one thread, and what several
 * do with a stack and share meanwhile. Who includes this has defined STACK(name) and BARE_STACK(name), which are
 * the kind's type or function of that name, the second with __ in front; stack_for_each and stack_for_each_safe;
 * STRUCTURE and NODE; and how it puts and takes:
 *
 *	put			returns whether there was something before
 *	take_by			by a form; last: whether the form, if it can, has to say that it was the last
 *	take_all		with the mutex or without
 *	take_with_mutex		by a form with a mutex of its own
 *	take_under_lock		by one without
 *	bare_pop, first_of	by one without, of a bare stack; the first node of all
 */
#ifndef TESTS_UNIT_STACKS_H
#define TESTS_UNIT_STACKS_H

#include "items.h"

/* ---- One thread ---- */

START_TEST(layout)
{
	ck_assert_uint_eq(sizeof(struct STACK(node)), sizeof(void *));
	ck_assert_uint_eq(sizeof(struct STACK(head)), sizeof(void *));
	ck_assert_uint_eq(sizeof(struct BARE_STACK(stack)), sizeof(void *));
	ck_assert_uint_eq(offsetof(struct STACK(stack), lock), sizeof(void *));
	ck_assert_uint_eq(sizeof(struct STACK(stack)), sizeof(void *) + sizeof(pthread_mutex_t));
	ck_assert_uint_eq(sizeof(STACK(stack_ptr_t)), sizeof(void *));
	ck_assert_uint_eq(sizeof(STACK(stack_const_ptr_t)), sizeof(void *));
}
END_TEST

/* _i: the form. */
START_TEST(one_by_one)
{
	struct STACK(stack) s;
	struct STACK(node) n[3];

	STACK(init)(&s);
	for (int round = 0; round < 3; round++) {
		ck_assert(STACK(empty)(&s));
		ck_assert_ptr_null(take_by(_i, &s, false));
		ck_assert_int_eq(put(&s, &n[0]), 0);
		ck_assert(!STACK(empty)(&s));
		ck_assert_int_eq(put(&s, &n[1]), 1);
		ck_assert_int_eq(put(&s, &n[2]), 1);
		for (int i = 2; i >= 0; i--)
			ck_assert_ptr_eq(take_by(_i, &s, i == 0), &n[i]);
	}
	STACK(destroy)(&s);
}
END_TEST

START_TEST(bare_stack)
{
	struct BARE_STACK(stack) s;
	struct STACK(node) n;

	BARE_STACK(init)(&s);
	ck_assert(STACK(empty)(&s));
	STACK(node_init)(&n);
	ck_assert_int_eq(STACK(push)(&s, &n), 0);
	ck_assert(!STACK(empty)(&s));
	ck_assert_ptr_eq(bare_pop(&s), &n);
	ck_assert_ptr_null(BARE_STACK(pop_all)(&s));
	STACK(node_init)(&n);
	ck_assert_int_eq(STACK(push)(&s, &n), 0);
	ck_assert_ptr_eq(first_of(BARE_STACK(pop_all)(&s)), &n);
	ck_assert(STACK(empty)(&s));
}
END_TEST

static void put_numbered(struct STACK(stack) *s, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		put(s, &item_new(0, i)->node);
}

/* _i: whether with the mutex. */
START_TEST(all_at_once)
{
	struct STACK(stack) s;
	struct STACK(node) *node, *next;
	struct STACK(head) *all;
	unsigned int i = 10;

	STACK(init)(&s);
	all = take_all(_i, &s);
	ck_assert_ptr_null(all);
	stack_for_each(all, node)
		ck_abort_msg("a node in an empty stack");
	stack_for_each_safe(all, node, next)
		ck_abort_msg("a node in an empty stack");
	put_numbered(&s, 10);
	all = take_all(_i, &s);
	ck_assert(STACK(empty)(&s));
	stack_for_each(all, node)
		ck_assert_uint_eq(item_of(node)->stamp.number, --i);
	ck_assert_uint_eq(i, 0);
	i = 10;
	stack_for_each_safe(all, node, next) {
		ck_assert_uint_eq(item_of(node)->stamp.number, --i);
		free(item_of(node));
	}
	ck_assert_uint_eq(i, 0);
	STACK(destroy)(&s);
}
END_TEST

/* ---- Producers and consumers at once ---- */

/* Items are freed as soon as they may be. */
struct stress {
	struct STACK(stack) s;
	struct tally tally;
	unsigned int under_lock;	/* guarded by the stack's mutex */
	bool locked;
};

static void produce(void *arg, unsigned int number)
{
	make_items(&((struct stress *) arg)->s, number);
}

/* All that three producers make, by one: with one consumer, they meet most often. */
static void produce_all(void *arg, unsigned int number)
{
	for (number = 0; number < PRODUCERS; number++)
		produce(arg, number);
}

static void enter(struct stress *s, struct STACK(node) *node)
{
	tally_enter(&s->tally, &item_of(node)->stamp);
}

/* Consumers that a mutex keeps apart: the forms' own, or the first of them by pop_lock. */
static void consume_locked(void *arg, unsigned int number)
{
	struct stress *s = (struct stress *) arg;
	struct STACK(node) *node;

	while (!tally_full(&s->tally)) {
		if (number) {
			node = take_with_mutex(&s->s, number);
		} else {
			STACK(pop_lock)(&s->s);
			s->under_lock++;
			node = take_under_lock(&s->s);
			STACK(pop_unlock)(&s->s);
		}
		if (!node) {
			sched_yield();
			continue;
		}
		enter(s, node);
		free(item_of(node));
	}
	STACK(pop_lock)(&s->s);
	s->under_lock++;
	STACK(pop_unlock)(&s->s);
}

/* Consumers that take all there is, without the mutex too. */
static void consume_all(void *arg, unsigned int number)
{
	struct stress *s = (struct stress *) arg;
	struct STACK(node) *node, *next;

	(void) number;
	while (!tally_full(&s->tally)) {
		unsigned int last[PRODUCERS] = { ITEMS, ITEMS, ITEMS };
		struct STACK(head) *all = take_all(s->locked, &s->s);

		if (!all)
			sched_yield();
		stack_for_each_safe(all, node, next) {
			struct item *item = item_of(node);

			want(item->stamp.number < last[item->stamp.producer]);
			last[item->stamp.producer] = item->stamp.number;
			enter(s, node);
			free(item);
		}
	}
}

/* Some produce, others consume, until all that there is to be is entered. */
static void stress(unsigned int producers, unsigned int consumers,
		void (*consume)(void *arg, unsigned int number), bool locked)
{
	struct crew crew = { .size = 0 };
	struct stress *s = (struct stress *) calloc(1, sizeof(*s));

	STACK(init)(&s->s);
	s->locked = locked;
	crew_add(&crew, producers, producers == 1 ? produce_all : produce, s);
	crew_add(&crew, consumers, consume, s);
	crew_start(&crew);
	crew_join(&crew);
	rcu_barrier();
	want(tally_full(&s->tally));
	want(STACK(empty)(&s->s));
	STACK(destroy)(&s->s);
	free(s);
}

#endif /* TESTS_UNIT_STACKS_H */
