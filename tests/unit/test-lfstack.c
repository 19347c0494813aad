/* SPDX-License-Identifier: MIT */
/* urcu/lfstack.h: every function in every form, then producers and consumers at once. */
#include <sched.h>
#include <urcu/lfstack.h>

#include "structures.h"

#define STACK(name)		cds_lfs_##name
#define BARE_STACK(name)	__cds_lfs_##name
#define stack_for_each		cds_lfs_for_each
#define stack_for_each_safe	cds_lfs_for_each_safe
#define STRUCTURE		struct cds_lfs_stack
#define NODE			struct cds_lfs_node

static bool put(struct cds_lfs_stack *s, struct cds_lfs_node *node)
{
	cds_lfs_node_init(node);
	return cds_lfs_push(s, node);
}

static struct cds_lfs_node *take(int locked, struct cds_lfs_stack *s)
{
	return locked ? cds_lfs_pop_blocking(s) : __cds_lfs_pop(s);
}

static struct cds_lfs_head *take_all(int locked, struct cds_lfs_stack *s)
{
	return locked ? cds_lfs_pop_all_blocking(s) : __cds_lfs_pop_all(s);
}

/* No form can say which was the last. */
static struct cds_lfs_node *take_by(int locked, struct cds_lfs_stack *s, bool last)
{
	(void) last;
	return take(locked, s);
}

static struct cds_lfs_node *take_with_mutex(struct cds_lfs_stack *s, unsigned int number)
{
	(void) number;
	return take(1, s);
}

static struct cds_lfs_node *take_under_lock(struct cds_lfs_stack *s)
{
	return take(0, s);
}

#define bare_pop(s)	__cds_lfs_pop(s)
#define first_of(all)	(&(all)->node)

#include "stacks.h"

START_TEST(a_node_need_not_be_initialized_again)
{
	struct __cds_lfs_stack s;
	struct cds_lfs_node n;

	__cds_lfs_init(&s);
	cds_lfs_node_init(&n);
	for (int i = 0; i < 3; i++) {
		ck_assert(!cds_lfs_push(&s, &n));
		ck_assert_ptr_eq(__cds_lfs_pop(&s), &n);
	}
	ck_assert(!cds_lfs_push(&s, &n));
	ck_assert_ptr_eq(&__cds_lfs_pop_all(&s)->node, &n);
	ck_assert(cds_lfs_empty(&s));
}
END_TEST

static void consume_alone(void *arg, unsigned int number)
{
	struct stress *s = (struct stress *) arg;
	struct cds_lfs_node *node;

	(void) number;
	while (!tally_full(&s->tally)) {
		node = take(0, &s->s);
		if (!node) {
			sched_yield();
			continue;
		}
		enter(s, node);
		free(item_of(node));
	}
}

static void retire(struct stress *s, struct cds_lfs_node *node)
{
	enter(s, node);
	call_rcu(&item_of(node)->rcu, free_item);
}

/* Consumers that only RCU keeps out of each other's way; one takes all there is. */
static void consume_rcu(void *arg, unsigned int number)
{
	struct stress *s = (struct stress *) arg;
	struct cds_lfs_node *node, *next;
	struct cds_lfs_head *all;

	rcu_register_thread();
	while (!tally_full(&s->tally)) {
		rcu_quiescent_state();
		if (number) {
			rcu_read_lock();
			node = take(0, &s->s);
			rcu_read_unlock();
			if (node)
				retire(s, node);
			else
				sched_yield();
		} else {
			all = take_all(0, &s->s);
			cds_lfs_for_each_safe(all, node, next)
				retire(s, node);
			sched_yield();
		}
	}
	rcu_unregister_thread();
}

START_TEST(many_threads)
{
	static void (*const work[])(void *, unsigned int) = {
		consume_alone, consume_locked, consume_all, consume_all, consume_rcu,
	};

	stress(PRODUCERS, _i ? CONSUMERS : 1, work[_i], _i == 2);
}
END_TEST

/* One against one, by each way of taking. */
START_TEST(duel)
{
	static void (*const work[])(void *, unsigned int) = {
		consume_alone, consume_locked, consume_all, consume_rcu,
	};

	stress(1, 1, work[_i], false);
}
END_TEST

/* The same few nodes go round and round, which is what ABA feeds on. */
enum { NODES = 4, ROUNDS = 20000 };

static void go_round(void *arg, unsigned int number)
{
	struct cds_lfs_stack *s = (struct cds_lfs_stack *) arg;
	struct cds_lfs_node *node;

	for (int i = 0; i < ROUNDS; i++) {
		node = number % 2 ? take(1, s) : NULL;
		if (!node) {
			cds_lfs_pop_lock(s);
			node = take(0, s);
			cds_lfs_pop_unlock(s);
		}
		if (node)
			put(s, node);
		else
			sched_yield();
	}
}

START_TEST(merry_go_round)
{
	struct crew crew = { .size = 0 };
	struct cds_lfs_stack s;
	struct cds_lfs_node n[NODES], *node;
	unsigned int seen = 0;

	cds_lfs_init(&s);
	for (int i = 0; i < NODES; i++)
		put(&s, &n[i]);
	crew_add(&crew, CONSUMERS, go_round, &s);
	crew_start(&crew);
	crew_join(&crew);
	for (int i = 0; i < NODES; i++) {
		node = take(0, &s);
		want(node >= n && node < n + NODES);
		seen |= 1U << (node - n);
	}
	want(seen == (1U << NODES) - 1);
	want(cds_lfs_empty(&s));
	cds_lfs_destroy(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lfstack");
	TCase *tcase = add_timed_case(suite, "alone", 4);

	tcase_add_test(tcase, layout);
	tcase_add_loop_test(tcase, one_by_one, 0, 2);
	tcase_add_test(tcase, bare_stack);
	tcase_add_test(tcase, a_node_need_not_be_initialized_again);
	tcase_add_loop_test(tcase, all_at_once, 0, 2);
	tcase = add_timed_case(suite, "stress", 120);
	tcase_add_loop_test(tcase, many_threads, 0, 5);
	tcase_add_loop_test(tcase, duel, 0, 4);
	tcase_add_test(tcase, merry_go_round);
	return run_plain_suite(suite);
}
