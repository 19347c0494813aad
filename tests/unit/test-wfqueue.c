/* SPDX-License-Identifier: MIT */
/* urcu/wfqueue.h, the deprecated queue: every function, then producers and consumers at once. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#include <sched.h>
#include <urcu/wfqueue.h>

#include "structures.h"

#define STRUCTURE	struct cds_wfq_queue
#define NODE		struct cds_wfq_node

static void put(struct cds_wfq_queue *q, struct cds_wfq_node *node)
{
	cds_wfq_node_init(node);
	cds_wfq_enqueue(q, node);
}

static struct cds_wfq_node *take(int locked, struct cds_wfq_queue *q)
{
	return locked ? cds_wfq_dequeue_blocking(q) : __cds_wfq_dequeue_blocking(q);
}

/* The two halves of an enqueue, to make a gap as a preempted producer does. */
static struct cds_wfq_node **put_begin(struct cds_wfq_queue *q, struct cds_wfq_node *node)
{
	cds_wfq_node_init(node);
	return __atomic_exchange_n(&q->tail, &node->next, __ATOMIC_SEQ_CST);
}

static void put_end(struct cds_wfq_node **old, struct cds_wfq_node *node)
{
	__atomic_store_n(old, node, __ATOMIC_RELEASE);
}

#include "gaps.h"
#include "items.h"

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

/* A consumer waits for a producer between its exchange and its link. */
START_TEST(gap_blocks)
{
	struct cds_wfq_queue q;
	struct cds_wfq_node a, b;
	struct slow slow;

	cds_wfq_init(&q);
	put(&q, &a);
	ck_assert_ptr_eq(take(0, &q), &a);
	slow_put(&slow, &q, &b, _i * 5);
	ck_assert_ptr_eq(take(_i % 2, &q), &b);
	slow_join(&slow);
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
	make_items(&((struct stress *) arg)->q, number);
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
		item = item_of(node);
		want_in_turn(next, &item->stamp);
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
	TCase *tcase = add_timed_case(suite, "alone", 4);

	tcase_add_test(tcase, layout);
	tcase_add_loop_test(tcase, one_by_one, 0, 2);
	tcase_add_loop_test(tcase, gap_blocks, 0, 4);
	tcase = add_timed_case(suite, "stress", 120);
	tcase_add_loop_test(tcase, many_threads, 0, 2);
	return run_plain_suite(suite);
}
