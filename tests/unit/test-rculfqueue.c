/* SPDX-License-Identifier: MIT */
/*
 * urcu/rculfqueue.h: every function, the lack of memory, then producers and consumers at once.
 * The inline bodies are also compiled here with a malloc that fails on demand.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "structures.h"

/* 0: memory is plentiful, 1: there is none, n: every n-th call fails. */
static unsigned int scarcity, calls;

static void *scarce_malloc(size_t size)
{
	unsigned int n = __atomic_load_n(&scarcity, __ATOMIC_RELAXED);

	if (n && __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) % n == 0)
		return NULL;
	return malloc(size);
}

#define malloc(size) scarce_malloc(size)
#include <urcu/rculfqueue.h>
#include <urcu/static/rculfqueue.h>
#undef malloc

#define STRUCTURE	struct cds_lfq_queue_rcu
#define NODE		struct cds_lfq_node_rcu

static unsigned int queued_dummies;

static void queue_call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	__atomic_fetch_add(&queued_dummies, 1, __ATOMIC_RELAXED);
	call_rcu(head, func);
}

static void put(struct cds_lfq_queue_rcu *q, struct cds_lfq_node_rcu *node)
{
	cds_lfq_node_init_rcu(node);
	rcu_read_lock();
	cds_lfq_enqueue_rcu(q, node);
	rcu_read_unlock();
}

#include "items.h"

/* By the library's function, or by the inline body with scarce memory. */
static struct cds_lfq_node_rcu *take(struct cds_lfq_queue_rcu *q, bool scarce)
{
	struct cds_lfq_node_rcu *node;

	rcu_read_lock();
	node = scarce ? _cds_lfq_dequeue_rcu(q) : cds_lfq_dequeue_rcu(q);
	rcu_read_unlock();
	return node;
}

static void enter_rcu(void)
{
	rcu_register_thread();
}

static void leave_rcu(void)
{
	rcu_barrier();
	rcu_unregister_thread();
}

START_TEST(layout)
{
	ck_assert_uint_eq(offsetof(struct cds_lfq_node_rcu, dummy), sizeof(void *));
	ck_assert_uint_eq(sizeof(struct cds_lfq_node_rcu), 2 * sizeof(void *));
	ck_assert_uint_eq(offsetof(struct cds_lfq_queue_rcu, head), 0);
	ck_assert_uint_eq(offsetof(struct cds_lfq_queue_rcu, tail), sizeof(void *));
	ck_assert_uint_eq(offsetof(struct cds_lfq_queue_rcu, queue_call_rcu), 2 * sizeof(void *));
	ck_assert_uint_eq(sizeof(struct cds_lfq_queue_rcu), 3 * sizeof(void *));
}
END_TEST

START_TEST(one_by_one)
{
	struct cds_lfq_queue_rcu q;
	struct cds_lfq_node_rcu n[3];

	cds_lfq_init_rcu(&q, queue_call_rcu);
	for (int round = 0; round < 3; round++) {
		errno = 0;
		ck_assert_ptr_null(take(&q, false));
		ck_assert_int_eq(errno, 0);
		for (int i = 0; i < 3; i++)
			put(&q, &n[i]);
		ck_assert_int_eq(cds_lfq_destroy_rcu(&q), -EPERM);
		for (int i = 0; i < 3; i++)
			ck_assert_ptr_eq(take(&q, false), &n[i]);
		synchronize_rcu();	/* the nodes are used again */
	}
	ck_assert_uint_eq(queued_dummies, 3);
	ck_assert_int_eq(cds_lfq_destroy_rcu(&q), 0);
}
END_TEST

START_TEST(destroyed_unused)
{
	struct cds_lfq_queue_rcu q;

	cds_lfq_init_rcu(&q, queue_call_rcu);
	ck_assert_int_eq(cds_lfq_destroy_rcu(&q), 0);
}
END_TEST

/* A producer that was preempted when it had linked its node and not yet moved the tail. */
START_TEST(lagging_tail)
{
	struct cds_lfq_queue_rcu q;
	struct cds_lfq_node_rcu n[2], *tail;

	cds_lfq_init_rcu(&q, queue_call_rcu);
	rcu_read_lock();
	tail = q.tail;
	cds_lfq_node_init_rcu(&n[0]);
	__atomic_store_n(&tail->next, &n[0], __ATOMIC_RELEASE);
	if (_i)
		put(&q, &n[1]);
	ck_assert_ptr_eq(take(&q, false), &n[0]);
	ck_assert_ptr_eq(take(&q, false), _i ? &n[1] : NULL);
	ck_assert(!__atomic_compare_exchange_n(&q.tail, &tail, &n[0], false,
			__ATOMIC_RELEASE, __ATOMIC_RELAXED));
	rcu_read_unlock();
	ck_assert_ptr_null(take(&q, false));
	ck_assert_int_eq(cds_lfq_destroy_rcu(&q), 0);
}
END_TEST

/* The same: when the node leaves, the tail must not lead to it, for new readers would follow. */
START_TEST(lagging_tail_leaves_first)
{
	struct cds_lfq_queue_rcu q;
	struct cds_lfq_node_rcu n[2];

	cds_lfq_init_rcu(&q, queue_call_rcu);
	rcu_read_lock();
	put(&q, &n[0]);
	ck_assert_ptr_eq(q.tail, &n[0]);
	cds_lfq_node_init_rcu(&n[1]);
	__atomic_store_n(&n[0].next, &n[1], __ATOMIC_RELEASE);
	ck_assert_ptr_eq(take(&q, false), &n[0]);
	ck_assert_ptr_eq(q.tail, &n[1]);
	ck_assert_ptr_eq(take(&q, false), &n[1]);
	ck_assert_ptr_eq(q.tail, q.head);
	rcu_read_unlock();
	ck_assert_ptr_null(take(&q, false));
	ck_assert_int_eq(cds_lfq_destroy_rcu(&q), 0);
}
END_TEST

/* The last node cannot leave without a dummy: it stays, and leaves later. */
START_TEST(no_memory_for_dequeue)
{
	struct cds_lfq_queue_rcu q;
	struct cds_lfq_node_rcu n[2];

	cds_lfq_init_rcu(&q, queue_call_rcu);
	put(&q, &n[0]);
	scarcity = 1;
	for (int i = 0; i < 3; i++) {
		errno = 0;
		ck_assert_ptr_null(take(&q, true));
		ck_assert_int_eq(errno, ENOMEM);
		ck_assert_int_eq(cds_lfq_destroy_rcu(&q), -EPERM);
	}
	put(&q, &n[1]);
	ck_assert_ptr_eq(take(&q, true), &n[0]);
	ck_assert_ptr_null(take(&q, true));
	scarcity = 0;
	ck_assert_ptr_eq(take(&q, true), &n[1]);
	scarcity = 1;
	errno = 0;
	ck_assert_ptr_null(take(&q, true));
	ck_assert_int_eq(errno, 0);
	ck_assert_int_eq(cds_lfq_destroy_rcu(&q), 0);
}
END_TEST

/* A queue that got no dummy when it was made. */
START_TEST(no_memory_for_init)
{
	struct cds_lfq_queue_rcu q;
	struct cds_lfq_node_rcu n[2];

	scarcity = 1;
	_cds_lfq_init_rcu(&q, queue_call_rcu);
	errno = 0;
	ck_assert_ptr_null(take(&q, true));
	ck_assert_int_eq(errno, 0);
	ck_assert_int_eq(cds_lfq_destroy_rcu(&q), 0);
	put(&q, &n[0]);
	ck_assert_int_eq(cds_lfq_destroy_rcu(&q), -EPERM);
	put(&q, &n[1]);
	ck_assert_ptr_eq(take(&q, true), &n[0]);
	scarcity = 0;
	ck_assert_ptr_eq(take(&q, true), &n[1]);
	ck_assert_ptr_null(take(&q, true));
	ck_assert_int_eq(cds_lfq_destroy_rcu(&q), 0);
}
END_TEST

/* Stress: what the threads share. Items are freed after a grace period. */
struct stress {
	struct cds_lfq_queue_rcu q;
	struct tally tally;
	bool scarce;
};

static void produce(void *arg, unsigned int number)
{
	struct stress *s = (struct stress *) arg;

	rcu_register_thread();
	for (unsigned int i = 0; i < ITEMS; i++) {
		put(&s->q, &item_new(number, i)->node);
		rcu_quiescent_state();
		if (i % 64 == number)
			sched_yield();	/* let the queue run empty now and then */
	}
	rcu_unregister_thread();
}

static void consume(void *arg, unsigned int number)
{
	struct stress *s = (struct stress *) arg;
	unsigned int next[PRODUCERS] = { 0 };
	struct cds_lfq_node_rcu *node;
	struct item *item;

	(void) number;
	rcu_register_thread();
	while (!tally_full(&s->tally)) {
		node = take(&s->q, s->scarce);
		rcu_quiescent_state();
		if (!node) {
			/* Even when memory never came back: a new node would free the last. */
			if (s->scarce && __atomic_load_n(&s->tally.total, __ATOMIC_RELAXED)
					+ CONSUMERS > TOTAL)
				__atomic_store_n(&scarcity, 0, __ATOMIC_RELAXED);
			sched_yield();
			continue;
		}
		item = item_of(node);
		want_in_turn(next, &item->stamp);
		tally_enter(&s->tally, &item->stamp);
		call_rcu(&item->rcu, free_item);
	}
	rcu_unregister_thread();
}

static void stress(unsigned int consumers, unsigned int how_scarce, bool bare)
{
	struct crew crew = { .size = 0 };
	struct stress *s = (struct stress *) calloc(1, sizeof(*s));

	scarcity = bare;
	s->scarce = how_scarce;
	if (bare)
		_cds_lfq_init_rcu(&s->q, queue_call_rcu);
	else
		cds_lfq_init_rcu(&s->q, queue_call_rcu);
	scarcity = how_scarce;
	crew_add(&crew, PRODUCERS, produce, s);
	crew_add(&crew, consumers, consume, s);
	rcu_thread_offline();
	crew_start(&crew);
	crew_join(&crew);
	rcu_thread_online();
	want(tally_full(&s->tally));
	want(!take(&s->q, false));
	rcu_barrier();
	want(!cds_lfq_destroy_rcu(&s->q));
	free(s);
}

START_TEST(many_threads)
{
	stress(_i ? CONSUMERS : 1, 0, false);
}
END_TEST

START_TEST(many_threads_scarce_memory)
{
	stress(CONSUMERS, (unsigned int) _i, false);
}
END_TEST

START_TEST(many_threads_from_nothing)
{
	stress(CONSUMERS, (unsigned int) _i, true);
}
END_TEST

/* Producers who all find a queue without a dummy: one starts it. */
static void put_once(void *arg, unsigned int number)
{
	struct stress *s = (struct stress *) arg;

	rcu_register_thread();
	put(&s->q, &item_new(number, 0)->node);
	rcu_unregister_thread();
}

START_TEST(one_starts_it)
{
	struct cds_lfq_node_rcu *node;

	for (int round = 0; round < 300; round++) {
		struct crew crew = { .size = 0 };
		struct stress s = { .scarce = true };
		unsigned int got = 0;

		scarcity = 1;
		_cds_lfq_init_rcu(&s.q, queue_call_rcu);
		scarcity = 0;
		crew_add(&crew, PRODUCERS, put_once, &s);
		crew_start(&crew);
		crew_join(&crew);
		while ((node = take(&s.q, false))) {
			got |= 1U << item_of(node)->stamp.producer;
			call_rcu(&item_of(node)->rcu, free_item);
		}
		want(got == (1U << PRODUCERS) - 1);
		want(!cds_lfq_destroy_rcu(&s.q));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rculfqueue");
	TCase *tcase = add_timed_case(suite, "alone", 4);

	tcase_add_checked_fixture(tcase, enter_rcu, leave_rcu);
	tcase_add_test(tcase, layout);
	tcase_add_test(tcase, one_by_one);
	tcase_add_test(tcase, destroyed_unused);
	tcase_add_loop_test(tcase, lagging_tail, 0, 2);
	tcase_add_test(tcase, lagging_tail_leaves_first);
	tcase = add_timed_case(suite, "memory", 120);
	tcase_add_checked_fixture(tcase, enter_rcu, leave_rcu);
	tcase_add_test(tcase, no_memory_for_dequeue);
	tcase_add_test(tcase, no_memory_for_init);
	tcase_add_loop_test(tcase, many_threads_scarce_memory, 1, 3);
	tcase_add_loop_test(tcase, many_threads_from_nothing, 0, 3);
	tcase_add_test(tcase, one_starts_it);
	tcase = add_timed_case(suite, "stress", 120);
	tcase_add_checked_fixture(tcase, enter_rcu, leave_rcu);
	tcase_add_loop_test(tcase, many_threads, 0, 2);
	return run_plain_suite(suite);
}
