/* SPDX-License-Identifier: MIT */
/* urcu/wfstack.h: every function in every form, then producers and consumers at once. */
#include <sched.h>
#include <urcu/wfstack.h>

#include "structures.h"

#define STACK(name)		cds_wfs_##name
#define BARE_STACK(name)	__cds_wfs_##name
#define stack_for_each		cds_wfs_for_each_blocking
#define stack_for_each_safe	cds_wfs_for_each_blocking_safe
#define STRUCTURE		struct cds_wfs_stack
#define NODE			struct cds_wfs_node

enum form { LOCKED, LOCKED_STATE, PLAIN, PLAIN_STATE, NONBLOCKING, NONBLOCKING_STATE, FORMS };

/* Take one node by the given form; a non-blocking one may return CDS_WFS_WOULDBLOCK. */
static struct cds_wfs_node *take(enum form form, struct cds_wfs_stack *s, int *state)
{
	switch (form) {
	case LOCKED:
		return cds_wfs_pop_blocking(s);
	case LOCKED_STATE:
		return cds_wfs_pop_with_state_blocking(s, state);
	case PLAIN:
		return __cds_wfs_pop_blocking(s);
	case PLAIN_STATE:
		return __cds_wfs_pop_with_state_blocking(s, state);
	case NONBLOCKING:
		return __cds_wfs_pop_nonblocking(s);
	default:
		return __cds_wfs_pop_with_state_nonblocking(s, state);
	}
}

static bool has_state(enum form form)
{
	return form == LOCKED_STATE || form == PLAIN_STATE || form == NONBLOCKING_STATE;
}

static int put(struct cds_wfs_stack *s, struct cds_wfs_node *node)
{
	cds_wfs_node_init(node);
	return cds_wfs_push(s, node);
}

/* The two halves of a push, to make a gap as a preempted producer does. */
static struct cds_wfs_head *put_begin(struct cds_wfs_stack *s, struct cds_wfs_node *node)
{
	cds_wfs_node_init(node);
	return __atomic_exchange_n(&s->head, (struct cds_wfs_head *) node, __ATOMIC_SEQ_CST);
}

static void put_end(struct cds_wfs_head *old, struct cds_wfs_node *node)
{
	__atomic_store_n(&node->next, (struct cds_wfs_node *) old, __ATOMIC_RELEASE);
}

/* A form with a state leaves it alone, unless it has something to say. */
static struct cds_wfs_node *take_by(int number, struct cds_wfs_stack *s, bool last)
{
	enum form form = (enum form) number;
	int state = 7;
	struct cds_wfs_node *node = take(form, s, &state);

	ck_assert_int_eq(state, !has_state(form) ? 7 : last ? CDS_WFS_STATE_LAST : 0);
	return node;
}

static struct cds_wfs_head *take_all(int locked, struct cds_wfs_stack *s)
{
	return locked ? cds_wfs_pop_all_blocking(s) : __cds_wfs_pop_all(s);
}

static struct cds_wfs_node *take_with_mutex(struct cds_wfs_stack *s, unsigned int number)
{
	int state;

	return take(number % 2 ? LOCKED : LOCKED_STATE, s, &state);
}

static struct cds_wfs_node *take_under_lock(struct cds_wfs_stack *s)
{
	return take(PLAIN, s, NULL);
}

#define bare_pop(s)	__cds_wfs_pop_blocking(s)
#define first_of(all)	cds_wfs_first(all)

#include "gaps.h"
#include "stacks.h"

START_TEST(marks)
{
	struct cds_wfs_stack s;

	ck_assert_int_eq(CDS_WFS_STATE_LAST, 1);
	ck_assert(CDS_WFS_WOULDBLOCK == (void *) -1L);
	cds_wfs_init(&s);
	ck_assert(s.head == (void *) 1L);	/* the end mark is in existing binaries */
}
END_TEST

START_TEST(nobody_need_ask_for_the_state)
{
	enum form form = (enum form) _i;
	struct cds_wfs_stack s;
	struct cds_wfs_node n;

	cds_wfs_init(&s);
	put(&s, &n);
	ck_assert_ptr_eq(take(form, &s, NULL), &n);
	ck_assert(cds_wfs_empty(&s));
}
END_TEST

/* _i: whether with the mutex. */
START_TEST(all_without_blocking)
{
	struct cds_wfs_stack s;
	struct cds_wfs_node *node, *next;
	struct cds_wfs_head *all;
	unsigned int i = 10;

	cds_wfs_init(&s);
	ck_assert_ptr_null(cds_wfs_first(take_all(_i, &s)));
	put_numbered(&s, 10);
	all = take_all(_i, &s);
	for (node = cds_wfs_first(all); node; node = next) {
		next = cds_wfs_next_nonblocking(node);
		ck_assert_uint_eq(item_of(node)->stamp.number, --i);
		free(item_of(node));
	}
	ck_assert_uint_eq(i, 0);
	cds_wfs_destroy(&s);
}
END_TEST

START_TEST(gap_would_block)
{
	struct cds_wfs_stack s;
	struct cds_wfs_node a, b, c, *node;
	struct cds_wfs_head *old, *all;
	int state = 7;

	cds_wfs_init(&s);
	put(&s, &a);
	old = put_begin(&s, &b);
	ck_assert(take(NONBLOCKING, &s, NULL) == CDS_WFS_WOULDBLOCK);
	ck_assert(take(NONBLOCKING_STATE, &s, &state) == CDS_WFS_WOULDBLOCK);
	ck_assert_int_eq(state, 0);
	ck_assert_int_eq(put(&s, &c), 1);
	ck_assert_ptr_eq(take(NONBLOCKING, &s, NULL), &c);
	put(&s, &c);
	all = __cds_wfs_pop_all(&s);
	node = cds_wfs_first(all);
	ck_assert_ptr_eq(node, &c);
	node = cds_wfs_next_nonblocking(node);
	ck_assert_ptr_eq(node, &b);
	ck_assert(cds_wfs_next_nonblocking(node) == CDS_WFS_WOULDBLOCK);
	put_end(old, &b);
	ck_assert_ptr_eq(cds_wfs_next_nonblocking(node), &a);
	ck_assert_ptr_eq(cds_wfs_next_blocking(node), &a);
	ck_assert_ptr_null(cds_wfs_next_nonblocking(&a));
	ck_assert_ptr_null(cds_wfs_next_blocking(&a));
}
END_TEST

/* Blocking forms wait for a slow producer, through all stages of waiting. */
START_TEST(gap_blocks)
{
	static const long ms[] = { 0, 1, 20 };
	struct cds_wfs_stack s;
	struct cds_wfs_node a, b;
	struct slow slow;

	cds_wfs_init(&s);
	put(&s, &a);
	slow_put(&slow, &s, &b, ms[_i / 3]);
	if (_i % 3 == 0)
		ck_assert_ptr_eq(cds_wfs_pop_blocking(&s), &b);
	else if (_i % 3 == 1)
		ck_assert_ptr_eq(__cds_wfs_pop_blocking(&s), &b);
	else
		ck_assert_ptr_eq(cds_wfs_next_blocking(&b), &a);
	slow_join(&slow);
}
END_TEST

/* ---- Producers and consumers at once ---- */

START_TEST(one_consumer)
{
	struct crew crew = { .size = 0 };
	struct stress *s = (struct stress *) calloc(1, sizeof(*s));
	struct cds_wfs_node *node;
	int state;

	cds_wfs_init(&s->s);
	crew_add(&crew, PRODUCERS, produce, s);
	crew_start(&crew);
	while (!tally_full(&s->tally)) {
		node = take((enum form) _i, &s->s, &state);
		if (!node || node == CDS_WFS_WOULDBLOCK) {
			sched_yield();
			continue;
		}
		enter(s, node);
		free(item_of(node));
	}
	crew_join(&crew);
	want(cds_wfs_empty(&s->s));
	free(s);
}
END_TEST

/* Consumers that only RCU keeps out of each other's way. */
static void consume_rcu(void *arg, unsigned int number)
{
	struct stress *s = (struct stress *) arg;
	struct cds_wfs_node *node;
	int state;

	rcu_register_thread();
	while (!tally_full(&s->tally)) {
		rcu_read_lock();
		node = take(number % 2 ? PLAIN : NONBLOCKING_STATE, &s->s, &state);
		rcu_read_unlock();
		rcu_quiescent_state();
		if (!node || node == CDS_WFS_WOULDBLOCK) {
			sched_yield();
			continue;
		}
		enter(s, node);
		call_rcu(&item_of(node)->rcu, free_item);
	}
	rcu_unregister_thread();
}

START_TEST(many_consumers)
{
	static void (*const work[])(void *, unsigned int) = {
		consume_locked, consume_all, consume_all, consume_rcu,
	};

	stress(PRODUCERS, CONSUMERS, work[_i], _i == 1);
}
END_TEST

/* One against one, by each way of taking. */
START_TEST(duel)
{
	static void (*const work[])(void *, unsigned int) = {
		consume_locked, consume_all, consume_rcu,
	};

	stress(1, 1, work[_i], false);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wfstack");
	TCase *tcase = add_timed_case(suite, "alone", 4);

	tcase_add_test(tcase, layout);
	tcase_add_loop_test(tcase, one_by_one, 0, FORMS);
	tcase_add_test(tcase, marks);
	tcase_add_loop_test(tcase, nobody_need_ask_for_the_state, 0, FORMS);
	tcase_add_test(tcase, bare_stack);
	tcase_add_loop_test(tcase, all_at_once, 0, 2);
	tcase_add_loop_test(tcase, all_without_blocking, 0, 2);
	tcase_add_test(tcase, gap_would_block);
	tcase_add_loop_test(tcase, gap_blocks, 0, 9);
	tcase = add_timed_case(suite, "stress", 120);
	tcase_add_loop_test(tcase, one_consumer, 0, FORMS);
	tcase_add_loop_test(tcase, many_consumers, 0, 4);
	tcase_add_loop_test(tcase, duel, 0, 3);
	return run_plain_suite(suite);
}
