/* SPDX-License-Identifier: MIT */
/*
 * What threads do with a stack, be it lock-free or wait-free, and what they share meanwhile. Who
 * includes this has defined STACK(name), which is the kind's type or function of that name;
 * stack_for_each_safe; struct item with stamp, node and rcu; and how it puts and takes: put, take_all,
 * take_with_mutex (a form with a mutex of its own) and take_under_lock (one without).
 */
#ifndef TESTS_UNIT_STACKS_H
#define TESTS_UNIT_STACKS_H

/* Items are freed as soon as they may be. */
struct stress {
	struct STACK(stack) s;
	struct tally tally;
	unsigned int under_lock;	/* guarded by the stack's mutex */
	bool locked;
};

static void produce(void *arg, unsigned int number)
{
	struct stress *s = (struct stress *) arg;

	for (unsigned int i = 0; i < ITEMS; i++) {
		struct item *item = (struct item *) malloc(sizeof(*item));

		item->stamp.producer = number;
		item->stamp.number = i;
		put(&s->s, &item->node);
	}
}

/* All that three producers make, by one: with one consumer, they meet most often. */
static void produce_all(void *arg, unsigned int number)
{
	for (number = 0; number < PRODUCERS; number++)
		produce(arg, number);
}

static void enter(struct stress *s, struct STACK(node) *node)
{
	tally_enter(&s->tally, &container(node, struct item, node)->stamp);
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
		free(container(node, struct item, node));
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
			struct item *item = container(node, struct item, node);

			want(item->stamp.number < last[item->stamp.producer]);
			last[item->stamp.producer] = item->stamp.number;
			enter(s, node);
			free(item);
		}
	}
}

static void free_item(struct rcu_head *head)
{
	free(container(head, struct item, rcu));
}

#endif /* TESTS_UNIT_STACKS_H */
