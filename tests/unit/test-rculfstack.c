/* SPDX-License-Identifier: MIT */
/* urcu/rculfstack.h, the deprecated stack: every function, then producers and consumers at once. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#include <sched.h>
#include <urcu/rculfstack.h>

#include "structures.h"

#define STRUCTURE	struct cds_lfs_stack_rcu
#define NODE		struct cds_lfs_node_rcu

static int put(struct cds_lfs_stack_rcu *s, struct cds_lfs_node_rcu *node)
{
	cds_lfs_node_init_rcu(node);
	return cds_lfs_push_rcu(s, node);
}

static struct cds_lfs_node_rcu *take(struct cds_lfs_stack_rcu *s)
{
	struct cds_lfs_node_rcu *node;

	rcu_read_lock();
	node = cds_lfs_pop_rcu(s);
	rcu_read_unlock();
	return node;
}

#include "items.h"

START_TEST(one_by_one)
{
	struct cds_lfs_stack_rcu s;
	struct cds_lfs_node_rcu n[3];

	ck_assert_uint_eq(sizeof(s), sizeof(void *));
	ck_assert_uint_eq(sizeof(n[0]), sizeof(void *));
	rcu_register_thread();
	cds_lfs_init_rcu(&s);
	for (int round = 0; round < 3; round++) {
		ck_assert_ptr_null(take(&s));
		ck_assert_int_eq(put(&s, &n[0]), 0);
		ck_assert_int_eq(put(&s, &n[1]), 1);
		ck_assert_int_eq(put(&s, &n[2]), 1);
		for (int i = 2; i >= 0; i--)
			ck_assert_ptr_eq(take(&s), &n[i]);
		synchronize_rcu();
	}
	rcu_unregister_thread();
}
END_TEST

/* Stress: what the threads share. Items are freed after a grace period. */
struct stress {
	struct cds_lfs_stack_rcu s;
	struct tally tally;
};

static void produce(void *arg, unsigned int number)
{
	make_items(&((struct stress *) arg)->s, number);
}

static void consume(void *arg, unsigned int number)
{
	struct stress *s = (struct stress *) arg;
	struct cds_lfs_node_rcu *node;

	(void) number;
	rcu_register_thread();
	while (!tally_full(&s->tally)) {
		node = take(&s->s);
		rcu_quiescent_state();
		if (!node) {
			sched_yield();
			continue;
		}
		tally_enter(&s->tally, &item_of(node)->stamp);
		call_rcu(&item_of(node)->rcu, free_item);
	}
	rcu_unregister_thread();
}

START_TEST(many_threads)
{
	struct crew crew = { .size = 0 };
	struct stress *s = (struct stress *) calloc(1, sizeof(*s));

	cds_lfs_init_rcu(&s->s);
	crew_add(&crew, PRODUCERS, produce, s);
	crew_add(&crew, CONSUMERS, consume, s);
	crew_start(&crew);
	crew_join(&crew);
	rcu_barrier();
	want(tally_full(&s->tally));
	want(!s->s.head);
	free(s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rculfstack");
	TCase *tcase = add_timed_case(suite, "alone", 4);

	tcase_add_test(tcase, one_by_one);
	tcase = add_timed_case(suite, "stress", 120);
	tcase_add_test(tcase, many_threads);
	return run_plain_suite(suite);
}
