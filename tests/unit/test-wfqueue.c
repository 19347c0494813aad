/* SPDX-License-Identifier: MIT */
/* urcu/wfqueue.h, the deprecated queue: every function, then producers and consumers at once. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#include <sched.h>
#include <urcu/wfqueue.h>

#include "structures.h"

struct item {
	struct stamp stamp;
	struct cds_wfq_node node;
};

static void put(struct cds_wfq_queue *q, struct cds_wfq_node *node)
{
	cds_wfq_node_init(node);
	cds_wfq_enqueue(q, node);
}

static struct cds_wfq_node *take(int locked, struct cds_wfq_queue *q)
{
	return locked ? cds_wfq_dequeue_blocking(q) : __cds_wfq_dequeue_blocking(q);
}

START_TEST(layout)
{
	ck_assert_uint_eq(sizeof(struct cds_wfq_node), sizeof(void *));
	ck_assert_uint_eq(offsetof(struct cds_wfq_queue, head), 0);
	ck_assert_uint_eq(offsetof(struct cds_wfq_queue, tail), sizeof(void *));
	ck_assert_uint_eq(offsetof(struct cds_wfq_queue, dummy), 2 * sizeof(void *));
	ck_assert_uint_eq(offsetof(struct cds_wfq_queue, lock), 3 * sizeof(void *));
	ck_assert_uint_eq(sizeof(struct cds_wfq_queue),
			3 * sizeof(void *) + sizeof(pthread_mutex_t));
}
END_TEST

START_TEST(one_by_one)
{
	struct cds_wfq_queue q;
	struct cds_wfq_node n[3];

	cds_wfq_init(&q);
	for (int round = 0; round < 3; round++) {
		ck_assert_ptr_null(take(_i, &q));
		for (int i = 0; i < 3; i++)
			put(&q, &n[i]);
		for (int i = 0; i < 3; i++)
			ck_assert_ptr_eq(take(_i, &q), &n[i]);
	}
	for (int i = 0; i < 10; i++) {
		put(&q, &n[i % 2]);
		if (i)
			ck_assert_ptr_eq(take(_i, &q), &n[(i - 1) % 2]);
	}
	ck_assert_ptr_eq(take(_i, &q), &n[1]);
	ck_assert_ptr_null(take(_i, &q));
	cds_wfq_destroy(&q);
}
END_TEST

struct slow {
	struct cds_wfq_node **old, *node;
	long ms;
	bool entered;
};

static void close_gap(void *arg, unsigned int number)
{
	struct slow *slow = (struct slow *) arg;

	(void) number;
	hold_up(&slow->entered, slow->ms);
	__atomic_store_n(slow->old, slow->node, __ATOMIC_RELEASE);
}

/* A consumer waits for a producer between its exchange and its link. */
START_TEST(gap_blocks)
{
	struct crew crew = { .size = 0 };
	struct cds_wfq_queue q;
	struct cds_wfq_node a, b;
	struct slow slow = { .node = &b, .ms = _i * 5 };

	cds_wfq_init(&q);
	put(&q, &a);
	ck_assert_ptr_eq(take(0, &q), &a);
	cds_wfq_node_init(&b);
	slow.old = __atomic_exchange_n(&q.tail, &b.next, __ATOMIC_SEQ_CST);
	crew_add(&crew, 1, close_gap, &slow);
	crew_start(&crew);
	__atomic_store_n(&slow.entered, true, __ATOMIC_RELEASE);
	ck_assert_ptr_eq(take(_i % 2, &q), &b);
	crew_join(&crew);
	ck_assert_ptr_null(take(0, &q));
}
END_TEST

/* Stress: what the threads share. Items are freed as soon as they are taken. */
struct stress {
	struct cds_wfq_queue q;
	struct tally tally;
	bool locked;
};

static void produce(void *arg, unsigned int number)
{
	struct stress *s = (struct stress *) arg;

	for (unsigned int i = 0; i < ITEMS; i++) {
		struct item *item = (struct item *) malloc(sizeof(*item));

		item->stamp.producer = number;
		item->stamp.number = i;
		put(&s->q, &item->node);
	}
}

static void consume(void *arg, unsigned int number)
{
	struct stress *s = (struct stress *) arg;
	unsigned int next[PRODUCERS] = { 0 };
	struct cds_wfq_node *node;

	(void) number;
	while (!tally_full(&s->tally)) {
		struct item *item;

		node = take(s->locked, &s->q);
		if (!node) {
			sched_yield();
			continue;
		}
		item = container(node, struct item, node);
		want(item->stamp.number >= next[item->stamp.producer]);
		next[item->stamp.producer] = item->stamp.number + 1;
		tally_enter(&s->tally, &item->stamp);
		free(item);
	}
}

START_TEST(many_threads)
{
	struct crew crew = { .size = 0 };
	struct stress *s = (struct stress *) calloc(1, sizeof(*s));

	cds_wfq_init(&s->q);
	s->locked = _i;
	crew_add(&crew, PRODUCERS, produce, s);
	crew_add(&crew, _i ? CONSUMERS : 1, consume, s);
	crew_start(&crew);
	crew_join(&crew);
	want(!take(1, &s->q));
	cds_wfq_destroy(&s->q);
	free(s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wfqueue");
	TCase *alone = tcase_create("alone"), *stress = tcase_create("stress");

	tcase_add_test(alone, layout);
	tcase_add_loop_test(alone, one_by_one, 0, 2);
	tcase_add_loop_test(alone, gap_blocks, 0, 4);
	suite_add_tcase(suite, alone);

	tcase_set_timeout(stress, 120);
	tcase_add_loop_test(stress, many_threads, 0, 2);
	suite_add_tcase(suite, stress);
	return run_suite(suite);
}
