/* SPDX-License-Identifier: MIT */
/* urcu/wfstack.h: every function in every form, then producers and consumers at once. */
#include <sched.h>
#include <urcu/wfstack.h>

#include "structures.h"

struct item {
	struct stamp stamp;
	struct cds_wfs_node node;
	struct rcu_head rcu;
};

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

START_TEST(layout)
{
	struct cds_wfs_stack s;

	ck_assert_uint_eq(sizeof(struct cds_wfs_node), sizeof(void *));
	ck_assert_uint_eq(sizeof(struct cds_wfs_head), sizeof(void *));
	ck_assert_uint_eq(sizeof(struct __cds_wfs_stack), sizeof(void *));
	ck_assert_uint_eq(offsetof(struct cds_wfs_stack, lock), sizeof(void *));
	ck_assert_uint_eq(sizeof(struct cds_wfs_stack), sizeof(void *) + sizeof(pthread_mutex_t));
	ck_assert_uint_eq(sizeof(cds_wfs_stack_ptr_t), sizeof(void *));
	ck_assert_uint_eq(sizeof(cds_wfs_stack_const_ptr_t), sizeof(void *));
	ck_assert_int_eq(CDS_WFS_STATE_LAST, 1);
	ck_assert(CDS_WFS_WOULDBLOCK == (void *) -1L);
	cds_wfs_init(&s);
	ck_assert(s.head == (void *) 1L);	/* the end mark is in existing binaries */
}
END_TEST

START_TEST(one_by_one)
{
	enum form form = (enum form) _i;
	struct cds_wfs_stack s;
	struct cds_wfs_node n[3];
	int state = 7;

	cds_wfs_init(&s);
	for (int round = 0; round < 3; round++) {
		ck_assert(cds_wfs_empty(&s));
		ck_assert_ptr_null(take(form, &s, &state));
		ck_assert_int_eq(state, has_state(form) ? 0 : 7);
		ck_assert_int_eq(put(&s, &n[0]), 0);
		ck_assert(!cds_wfs_empty(&s));
		ck_assert_int_eq(put(&s, &n[1]), 1);
		ck_assert_int_eq(put(&s, &n[2]), 1);
		for (int i = 2; i >= 0; i--) {
			state = 7;
			ck_assert_ptr_eq(take(form, &s, &state), &n[i]);
			if (has_state(form))
				ck_assert_int_eq(state, i ? 0 : CDS_WFS_STATE_LAST);
		}
	}
	if (has_state(form)) {
		put(&s, &n[0]);
		ck_assert_ptr_eq(take(form, &s, NULL), &n[0]);
	}
	cds_wfs_destroy(&s);
}
END_TEST

START_TEST(bare_stack)
{
	struct __cds_wfs_stack s;
	struct cds_wfs_node n;

	__cds_wfs_init(&s);
	ck_assert(cds_wfs_empty(&s));
	cds_wfs_node_init(&n);
	ck_assert_int_eq(cds_wfs_push(&s, &n), 0);
	ck_assert(!cds_wfs_empty(&s));
	ck_assert_ptr_eq(__cds_wfs_pop_blocking(&s), &n);
	ck_assert_ptr_null(__cds_wfs_pop_all(&s));
	cds_wfs_node_init(&n);
	cds_wfs_push(&s, &n);
	ck_assert_ptr_eq(cds_wfs_first(__cds_wfs_pop_all(&s)), &n);
	ck_assert(cds_wfs_empty(&s));
}
END_TEST

static struct cds_wfs_head *take_all(int locked, struct cds_wfs_stack *s)
{
	return locked ? cds_wfs_pop_all_blocking(s) : __cds_wfs_pop_all(s);
}

START_TEST(all_at_once)
{
	struct cds_wfs_stack s;
	struct cds_wfs_node *node, *next;
	struct cds_wfs_head *all;
	struct item *item;
	unsigned int i;

	cds_wfs_init(&s);
	all = take_all(_i, &s);
	ck_assert_ptr_null(all);
	ck_assert_ptr_null(cds_wfs_first(all));
	cds_wfs_for_each_blocking(all, node)
		ck_abort_msg("a node in an empty stack");
	cds_wfs_for_each_blocking_safe(all, node, next)
		ck_abort_msg("a node in an empty stack");
	for (i = 0; i < 10; i++) {
		item = (struct item *) malloc(sizeof(*item));
		item->stamp.number = i;
		put(&s, &item->node);
	}
	all = take_all(_i, &s);
	ck_assert(cds_wfs_empty(&s));
	cds_wfs_for_each_blocking(all, node)
		ck_assert_uint_eq(container(node, struct item, node)->stamp.number, --i);
	ck_assert_uint_eq(i, 0);
	i = 10;
	for (node = cds_wfs_first(all); node; node = cds_wfs_next_nonblocking(node))
		ck_assert_uint_eq(container(node, struct item, node)->stamp.number, --i);
	i = 10;
	cds_wfs_for_each_blocking_safe(all, node, next) {
		item = container(node, struct item, node);
		ck_assert_uint_eq(item->stamp.number, --i);
		free(item);
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

struct slow {
	struct cds_wfs_head *old;
	struct cds_wfs_node *node;
	long ms;
	bool entered;
};

static void close_gap(void *arg, unsigned int number)
{
	struct slow *slow = (struct slow *) arg;

	(void) number;
	hold_up(&slow->entered, slow->ms);
	put_end(slow->old, slow->node);
}

/* Blocking forms wait for a slow producer, through all stages of waiting. */
START_TEST(gap_blocks)
{
	static const long ms[] = { 0, 1, 20 };
	struct crew crew = { .size = 0 };
	struct cds_wfs_stack s;
	struct cds_wfs_node a, b;
	struct slow slow = { .node = &b, .ms = ms[_i / 3] };

	cds_wfs_init(&s);
	put(&s, &a);
	slow.old = put_begin(&s, &b);
	crew_add(&crew, 1, close_gap, &slow);
	crew_start(&crew);
	__atomic_store_n(&slow.entered, true, __ATOMIC_RELEASE);
	if (_i % 3 == 0)
		ck_assert_ptr_eq(cds_wfs_pop_blocking(&s), &b);
	else if (_i % 3 == 1)
		ck_assert_ptr_eq(__cds_wfs_pop_blocking(&s), &b);
	else
		ck_assert_ptr_eq(cds_wfs_next_blocking(&b), &a);
	crew_join(&crew);
}
END_TEST

/* ---- Producers and consumers at once ---- */

#define STACK(name)		cds_wfs_##name
#define stack_for_each_safe	cds_wfs_for_each_blocking_safe

static struct cds_wfs_node *take_with_mutex(struct cds_wfs_stack *s, unsigned int number)
{
	int state;

	return take(number % 2 ? LOCKED : LOCKED_STATE, s, &state);
}

static struct cds_wfs_node *take_under_lock(struct cds_wfs_stack *s)
{
	return take(PLAIN, s, NULL);
}

#include "stacks.h"

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
		free(container(node, struct item, node));
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
		call_rcu(&container(node, struct item, node)->rcu, free_item);
	}
	rcu_unregister_thread();
}

START_TEST(many_consumers)
{
	static void (*const work[])(void *, unsigned int) = {
		consume_locked, consume_all, consume_all, consume_rcu,
	};
	struct crew crew = { .size = 0 };
	struct stress *s = (struct stress *) calloc(1, sizeof(*s));

	cds_wfs_init(&s->s);
	s->locked = _i == 1;
	crew_add(&crew, PRODUCERS, produce, s);
	crew_add(&crew, CONSUMERS, work[_i], s);
	crew_start(&crew);
	crew_join(&crew);
	rcu_barrier();
	want(tally_full(&s->tally));
	want(cds_wfs_empty(&s->s));
	cds_wfs_destroy(&s->s);
	free(s);
}
END_TEST

/* One against one, by each way of taking. */
START_TEST(duel)
{
	static void (*const work[])(void *, unsigned int) = {
		consume_locked, consume_all, consume_rcu,
	};
	struct crew crew = { .size = 0 };
	struct stress *s = (struct stress *) calloc(1, sizeof(*s));

	cds_wfs_init(&s->s);
	crew_add(&crew, 1, produce_all, s);
	crew_add(&crew, 1, work[_i], s);
	crew_start(&crew);
	crew_join(&crew);
	rcu_barrier();
	want(cds_wfs_empty(&s->s));
	free(s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wfstack");
	TCase *alone = tcase_create("alone"), *stress = tcase_create("stress");

	tcase_add_test(alone, layout);
	tcase_add_loop_test(alone, one_by_one, 0, FORMS);
	tcase_add_test(alone, bare_stack);
	tcase_add_loop_test(alone, all_at_once, 0, 2);
	tcase_add_test(alone, gap_would_block);
	tcase_add_loop_test(alone, gap_blocks, 0, 9);
	suite_add_tcase(suite, alone);

	tcase_set_timeout(stress, 120);
	tcase_add_loop_test(stress, one_consumer, 0, FORMS);
	tcase_add_loop_test(stress, many_consumers, 0, 4);
	tcase_add_loop_test(stress, duel, 0, 3);
	suite_add_tcase(suite, stress);
	return run_suite(suite);
}
