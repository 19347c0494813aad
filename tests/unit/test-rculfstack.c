/* SPDX-License-Identifier: MIT */
/* urcu/rculfstack.h, the deprecated stack: every function, then producers and consumers at once. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#include <sched.h>
#include <urcu/rculfstack.h>

#include "structures.h"

struct item {
	struct stamp stamp;
	struct cds_lfs_node_rcu node;
	struct rcu_head rcu;
};

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
	struct stress *s = (struct stress *) arg;

	for (unsigned int i = 0; i < ITEMS; i++) {
		struct item *item = (struct item *) malloc(sizeof(*item));

		item->stamp.producer = number;
		item->stamp.number = i;
		put(&s->s, &item->node);
	}
}

static void free_item(struct rcu_head *head)
{
	free(container(head, struct item, rcu));
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
		tally_enter(&s->tally, &container(node, struct item, node)->stamp);
		call_rcu(&container(node, struct item, node)->rcu, free_item);
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
	TCase *alone = tcase_create("alone"), *stress = tcase_create("stress");

	tcase_add_test(alone, one_by_one);
	suite_add_tcase(suite, alone);

	tcase_set_timeout(stress, 120);
	tcase_add_test(stress, many_threads);
	suite_add_tcase(suite, stress);
	return run_suite(suite);
}
