/* SPDX-License-Identifier: MIT */
/* urcu/lfstack.h: every function in every form, then producers and consumers at once. */
#include <sched.h>
#include <urcu/lfstack.h>

#include "structures.h"

struct item {
	struct stamp stamp;
	struct cds_lfs_node node;
	struct rcu_head rcu;
};

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

START_TEST(layout)
{
	ck_assert_uint_eq(sizeof(struct cds_lfs_node), sizeof(void *));
	ck_assert_uint_eq(sizeof(struct cds_lfs_head), sizeof(void *));
	ck_assert_uint_eq(sizeof(struct __cds_lfs_stack), sizeof(void *));
	ck_assert_uint_eq(offsetof(struct cds_lfs_stack, lock), sizeof(void *));
	ck_assert_uint_eq(sizeof(struct cds_lfs_stack), sizeof(void *) + sizeof(pthread_mutex_t));
	ck_assert_uint_eq(sizeof(cds_lfs_stack_ptr_t), sizeof(void *));
	ck_assert_uint_eq(sizeof(cds_lfs_stack_const_ptr_t), sizeof(void *));
}
END_TEST

START_TEST(one_by_one)
{
	struct cds_lfs_stack s;
	struct cds_lfs_node n[3];

	cds_lfs_init(&s);
	for (int round = 0; round < 3; round++) {
		ck_assert(cds_lfs_empty(&s));
		ck_assert_ptr_null(take(_i, &s));
		ck_assert(!put(&s, &n[0]));
		ck_assert(!cds_lfs_empty(&s));
		ck_assert(put(&s, &n[1]));
		ck_assert(put(&s, &n[2]));
		for (int i = 2; i >= 0; i--)
			ck_assert_ptr_eq(take(_i, &s), &n[i]);
	}
	cds_lfs_destroy(&s);
}
END_TEST

START_TEST(bare_stack)
{
	struct __cds_lfs_stack s;
	struct cds_lfs_node n;

	__cds_lfs_init(&s);
	ck_assert(cds_lfs_empty(&s));
	cds_lfs_node_init(&n);
	ck_assert(!cds_lfs_push(&s, &n));
	ck_assert_ptr_eq(__cds_lfs_pop(&s), &n);
	ck_assert_ptr_null(__cds_lfs_pop_all(&s));
	ck_assert(!cds_lfs_push(&s, &n));
	ck_assert_ptr_eq(&__cds_lfs_pop_all(&s)->node, &n);
	ck_assert(cds_lfs_empty(&s));
}
END_TEST

START_TEST(all_at_once)
{
	struct cds_lfs_stack s;
	struct cds_lfs_node *node, *next;
	struct cds_lfs_head *all;
	struct item *item;
	unsigned int i;

	cds_lfs_init(&s);
	all = take_all(_i, &s);
	ck_assert_ptr_null(all);
	cds_lfs_for_each(all, node)
		ck_abort_msg("a node in an empty stack");
	cds_lfs_for_each_safe(all, node, next)
		ck_abort_msg("a node in an empty stack");
	for (i = 0; i < 10; i++) {
		item = (struct item *) malloc(sizeof(*item));
		item->stamp.number = i;
		put(&s, &item->node);
	}
	all = take_all(_i, &s);
	ck_assert(cds_lfs_empty(&s));
	cds_lfs_for_each(all, node)
		ck_assert_uint_eq(container(node, struct item, node)->stamp.number, --i);
	ck_assert_uint_eq(i, 0);
	i = 10;
	cds_lfs_for_each_safe(all, node, next) {
		item = container(node, struct item, node);
		ck_assert_uint_eq(item->stamp.number, --i);
		free(item);
	}
	ck_assert_uint_eq(i, 0);
	cds_lfs_destroy(&s);
}
END_TEST

/* ---- Producers and consumers at once ---- */

#define STACK(name)		cds_lfs_##name
#define stack_for_each_safe	cds_lfs_for_each_safe

static struct cds_lfs_node *take_with_mutex(struct cds_lfs_stack *s, unsigned int number)
{
	(void) number;
	return take(1, s);
}

static struct cds_lfs_node *take_under_lock(struct cds_lfs_stack *s)
{
	return take(0, s);
}

#include "stacks.h"

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
		free(container(node, struct item, node));
	}
}

static void retire(struct stress *s, struct cds_lfs_node *node)
{
	enter(s, node);
	call_rcu(&container(node, struct item, node)->rcu, free_item);
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
	struct crew crew = { .size = 0 };
	struct stress *s = (struct stress *) calloc(1, sizeof(*s));

	cds_lfs_init(&s->s);
	s->locked = _i == 2;
	crew_add(&crew, PRODUCERS, produce, s);
	crew_add(&crew, _i ? CONSUMERS : 1, work[_i], s);
	crew_start(&crew);
	crew_join(&crew);
	rcu_barrier();
	want(tally_full(&s->tally));
	want(cds_lfs_empty(&s->s));
	cds_lfs_destroy(&s->s);
	free(s);
}
END_TEST

/* One against one, by each way of taking. */
START_TEST(duel)
{
	static void (*const work[])(void *, unsigned int) = {
		consume_alone, consume_locked, consume_all, consume_rcu,
	};
	struct crew crew = { .size = 0 };
	struct stress *s = (struct stress *) calloc(1, sizeof(*s));

	cds_lfs_init(&s->s);
	crew_add(&crew, 1, produce_all, s);
	crew_add(&crew, 1, work[_i], s);
	crew_start(&crew);
	crew_join(&crew);
	rcu_barrier();
	want(cds_lfs_empty(&s->s));
	free(s);
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
	TCase *alone = tcase_create("alone"), *stress = tcase_create("stress");

	tcase_add_test(alone, layout);
	tcase_add_loop_test(alone, one_by_one, 0, 2);
	tcase_add_test(alone, bare_stack);
	tcase_add_loop_test(alone, all_at_once, 0, 2);
	suite_add_tcase(suite, alone);

	tcase_set_timeout(stress, 120);
	tcase_add_loop_test(stress, many_threads, 0, 5);
	tcase_add_loop_test(stress, duel, 0, 4);
	tcase_add_test(stress, merry_go_round);
	suite_add_tcase(suite, stress);
	return run_suite(suite);
}
