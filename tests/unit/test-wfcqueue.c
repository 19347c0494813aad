/* SPDX-License-Identifier: MIT */
/* urcu/wfcqueue.h: every function in every form, then producers and consumers at once. */
#include <sched.h>
#include <urcu/wfcqueue.h>

#include "structures.h"

struct queue {
	struct cds_wfcq_head head;
	struct cds_wfcq_tail tail;
};

#define STRUCTURE	struct queue
#define NODE		struct cds_wfcq_node

enum form { LOCKED, LOCKED_STATE, PLAIN, PLAIN_STATE, NONBLOCKING, NONBLOCKING_STATE, FORMS };

/* Take one node by the given form; a non-blocking one may return CDS_WFCQ_WOULDBLOCK. */
static struct cds_wfcq_node *take(enum form form, struct queue *q, int *state)
{
	switch (form) {
	case LOCKED:
		return cds_wfcq_dequeue_blocking(&q->head, &q->tail);
	case LOCKED_STATE:
		return cds_wfcq_dequeue_with_state_blocking(&q->head, &q->tail, state);
	case PLAIN:
		return __cds_wfcq_dequeue_blocking(&q->head, &q->tail);
	case PLAIN_STATE:
		return __cds_wfcq_dequeue_with_state_blocking(&q->head, &q->tail, state);
	case NONBLOCKING:
		return __cds_wfcq_dequeue_nonblocking(&q->head, &q->tail);
	default:
		return __cds_wfcq_dequeue_with_state_nonblocking(&q->head, &q->tail, state);
	}
}

static bool has_state(enum form form)
{
	return form == LOCKED_STATE || form == PLAIN_STATE || form == NONBLOCKING_STATE;
}

static bool put(struct queue *q, struct cds_wfcq_node *node)
{
	cds_wfcq_node_init(node);
	return cds_wfcq_enqueue(&q->head, &q->tail, node);
}

/* The two halves of an enqueue, to make a gap as a preempted producer does. */
static struct cds_wfcq_node *put_begin(struct queue *q, struct cds_wfcq_node *node)
{
	cds_wfcq_node_init(node);
	return __atomic_exchange_n(&q->tail.p, node, __ATOMIC_SEQ_CST);
}

static void put_end(struct cds_wfcq_node *old, struct cds_wfcq_node *node)
{
	__atomic_store_n(&old->next, node, __ATOMIC_RELEASE);
}

#include "gaps.h"
#include "items.h"

START_TEST(layout)
{
	ck_assert_uint_eq(sizeof(struct cds_wfcq_node), sizeof(void *));
	ck_assert_uint_eq(sizeof(struct __cds_wfcq_head), sizeof(void *));
	ck_assert_uint_eq(sizeof(struct cds_wfcq_tail), sizeof(void *));
	ck_assert_uint_eq(offsetof(struct cds_wfcq_head, lock), sizeof(void *));
	ck_assert_uint_eq(sizeof(struct cds_wfcq_head), sizeof(void *) + sizeof(pthread_mutex_t));
	ck_assert_uint_eq(sizeof(cds_wfcq_head_ptr_t), sizeof(void *));
	ck_assert_uint_eq(sizeof(cds_wfcq_head_const_ptr_t), sizeof(void *));
	ck_assert_int_eq(CDS_WFCQ_RET_WOULDBLOCK, -1);
	ck_assert_int_eq(CDS_WFCQ_RET_DEST_EMPTY, 0);
	ck_assert_int_eq(CDS_WFCQ_RET_DEST_NON_EMPTY, 1);
	ck_assert_int_eq(CDS_WFCQ_RET_SRC_EMPTY, 2);
	ck_assert_int_eq(CDS_WFCQ_STATE_LAST, 1);
	ck_assert(CDS_WFCQ_WOULDBLOCK == (void *) -1L);
}
END_TEST

START_TEST(one_by_one)
{
	enum form form = (enum form) _i;
	struct queue q;
	struct cds_wfcq_node n[3];
	int state = 7;

	cds_wfcq_init(&q.head, &q.tail);
	for (int round = 0; round < 3; round++) {
		ck_assert(cds_wfcq_empty(&q.head, &q.tail));
		ck_assert_ptr_null(take(form, &q, &state));
		ck_assert_int_eq(state, has_state(form) ? 0 : 7);
		ck_assert(!put(&q, &n[0]));
		ck_assert(!cds_wfcq_empty(&q.head, &q.tail));
		ck_assert(put(&q, &n[1]));
		ck_assert(put(&q, &n[2]));
		for (int i = 0; i < 3; i++) {
			state = 7;
			ck_assert_ptr_eq(take(form, &q, &state), &n[i]);
			if (has_state(form))
				ck_assert_int_eq(state, i == 2 ? CDS_WFCQ_STATE_LAST : 0);
		}
	}
	if (has_state(form)) {
		put(&q, &n[0]);
		ck_assert_ptr_eq(take(form, &q, NULL), &n[0]);
	}
	cds_wfcq_destroy(&q.head, &q.tail);
}
END_TEST

START_TEST(bare_head)
{
	struct __cds_wfcq_head head;
	struct cds_wfcq_tail tail;
	struct cds_wfcq_node n;

	__cds_wfcq_init(&head, &tail);
	ck_assert(cds_wfcq_empty(__cds_wfcq_head_const_cast(&head), &tail));
	cds_wfcq_node_init(&n);
	ck_assert(!cds_wfcq_enqueue(__cds_wfcq_head_cast(&head), &tail, &n));
	ck_assert(!cds_wfcq_empty(&head, &tail));
	ck_assert_ptr_eq(__cds_wfcq_first_blocking(&head, &tail), &n);
	ck_assert_ptr_eq(__cds_wfcq_dequeue_blocking(&head, &tail), &n);
	ck_assert(cds_wfcq_empty(&head, &tail));
}
END_TEST

START_TEST(gap_would_block)
{
	struct queue q, other;
	struct cds_wfcq_node a, b, *old;
	int state = 7;

	cds_wfcq_init(&q.head, &q.tail);
	cds_wfcq_init(&other.head, &other.tail);

	/* A gap in front of the first node. */
	old = put_begin(&q, &a);
	ck_assert(!cds_wfcq_empty(&q.head, &q.tail));
	ck_assert(take(NONBLOCKING, &q, NULL) == CDS_WFCQ_WOULDBLOCK);
	ck_assert(take(NONBLOCKING_STATE, &q, &state) == CDS_WFCQ_WOULDBLOCK);
	ck_assert_int_eq(state, 0);
	ck_assert(__cds_wfcq_first_nonblocking(&q.head, &q.tail) == CDS_WFCQ_WOULDBLOCK);
	ck_assert_int_eq(__cds_wfcq_splice_nonblocking(&other.head, &other.tail,
			&q.head, &q.tail), CDS_WFCQ_RET_WOULDBLOCK);
	ck_assert(cds_wfcq_empty(&other.head, &other.tail));
	put_end(old, &a);

	/* A gap behind it. */
	old = put_begin(&q, &b);
	ck_assert_ptr_eq(__cds_wfcq_first_nonblocking(&q.head, &q.tail), &a);
	ck_assert(__cds_wfcq_next_nonblocking(&q.head, &q.tail, &a) == CDS_WFCQ_WOULDBLOCK);
	ck_assert(take(NONBLOCKING, &q, NULL) == CDS_WFCQ_WOULDBLOCK);
	ck_assert(take(NONBLOCKING_STATE, &q, &state) == CDS_WFCQ_WOULDBLOCK);
	ck_assert_ptr_eq(__cds_wfcq_first_nonblocking(&q.head, &q.tail), &a);
	put_end(old, &b);

	ck_assert_ptr_eq(__cds_wfcq_next_nonblocking(&q.head, &q.tail, &a), &b);
	ck_assert_ptr_null(__cds_wfcq_next_nonblocking(&q.head, &q.tail, &b));
	ck_assert_ptr_eq(take(NONBLOCKING, &q, NULL), &a);
	ck_assert_ptr_eq(take(NONBLOCKING_STATE, &q, &state), &b);
	ck_assert_int_eq(state, CDS_WFCQ_STATE_LAST);
	ck_assert(cds_wfcq_empty(&q.head, &q.tail));
	ck_assert_ptr_null(__cds_wfcq_first_nonblocking(&q.head, &q.tail));
}
END_TEST

/* A splice may take a list with a gap in it along; consumers of the destination wait for it. */
START_TEST(gap_is_spliced)
{
	struct queue q, other;
	struct cds_wfcq_node a, b, *old;

	cds_wfcq_init(&q.head, &q.tail);
	cds_wfcq_init(&other.head, &other.tail);
	put(&q, &a);
	old = put_begin(&q, &b);
	ck_assert_int_eq(__cds_wfcq_splice_nonblocking(&other.head, &other.tail,
			&q.head, &q.tail), CDS_WFCQ_RET_DEST_EMPTY);
	ck_assert(cds_wfcq_empty(&q.head, &q.tail));
	ck_assert(take(NONBLOCKING, &other, NULL) == CDS_WFCQ_WOULDBLOCK);
	put_end(old, &b);
	ck_assert_ptr_eq(take(NONBLOCKING, &other, NULL), &a);
	ck_assert_ptr_eq(take(NONBLOCKING, &other, NULL), &b);
}
END_TEST

/* Blocking forms wait for a slow producer, through all stages of waiting. */
START_TEST(gap_blocks)
{
	static const long ms[] = { 0, 1, 20 };
	struct queue q, other;
	struct cds_wfcq_node a, *got;
	struct slow slow;

	cds_wfcq_init(&q.head, &q.tail);
	cds_wfcq_init(&other.head, &other.tail);
	slow_put(&slow, &q, &a, ms[_i / 5]);
	switch (_i % 5) {
	case 0:
		got = __cds_wfcq_first_blocking(&q.head, &q.tail);
		break;
	case 1:
		got = __cds_wfcq_dequeue_blocking(&q.head, &q.tail);
		break;
	case 2:
		got = cds_wfcq_dequeue_blocking(&q.head, &q.tail);
		break;
	case 3:
		got = __cds_wfcq_next_blocking(&q.head, &q.tail, &q.head.node);
		break;
	default:
		ck_assert_int_eq(__cds_wfcq_splice_blocking(&other.head, &other.tail,
				&q.head, &q.tail), CDS_WFCQ_RET_DEST_EMPTY);
		got = __cds_wfcq_dequeue_nonblocking(&other.head, &other.tail);
	}
	ck_assert_ptr_eq(got, &a);
	slow_join(&slow);
}
END_TEST

static enum cds_wfcq_ret splice(int form, struct queue *dest, struct queue *src)
{
	switch (form) {
	case 0:
		return cds_wfcq_splice_blocking(&dest->head, &dest->tail, &src->head, &src->tail);
	case 1:
		return __cds_wfcq_splice_blocking(&dest->head, &dest->tail,
				&src->head, &src->tail);
	default:
		return __cds_wfcq_splice_nonblocking(&dest->head, &dest->tail,
				&src->head, &src->tail);
	}
}

START_TEST(splicing)
{
	struct queue a, b;
	struct cds_wfcq_node n[5];

	cds_wfcq_init(&a.head, &a.tail);
	cds_wfcq_init(&b.head, &b.tail);
	ck_assert_int_eq(splice(_i, &a, &b), CDS_WFCQ_RET_SRC_EMPTY);
	put(&b, &n[0]);
	put(&b, &n[1]);
	ck_assert_int_eq(splice(_i, &a, &b), CDS_WFCQ_RET_DEST_EMPTY);
	ck_assert(cds_wfcq_empty(&b.head, &b.tail));
	ck_assert_int_eq(splice(_i, &a, &b), CDS_WFCQ_RET_SRC_EMPTY);
	ck_assert(!put(&b, &n[2]));
	ck_assert(put(&b, &n[3]));
	ck_assert_int_eq(splice(_i, &a, &b), CDS_WFCQ_RET_DEST_NON_EMPTY);
	ck_assert(put(&a, &n[4]));
	for (int i = 0; i < 5; i++)
		ck_assert_ptr_eq(take(PLAIN, &a, NULL), &n[i]);
	ck_assert(cds_wfcq_empty(&a.head, &a.tail));
	ck_assert(cds_wfcq_empty(&b.head, &b.tail));
}
END_TEST

START_TEST(walking)
{
	struct queue q;
	struct cds_wfcq_node *node, *next;
	unsigned int i = 0;

	cds_wfcq_init(&q.head, &q.tail);
	__cds_wfcq_for_each_blocking(&q.head, &q.tail, node)
		ck_abort_msg("a node in an empty queue");
	__cds_wfcq_for_each_blocking_safe(&q.head, &q.tail, node, next)
		ck_abort_msg("a node in an empty queue");
	for (; i < 10; i++)
		put(&q, &item_new(0, i)->node);
	i = 0;
	__cds_wfcq_for_each_blocking(&q.head, &q.tail, node)
		ck_assert_uint_eq(item_of(node)->stamp.number, i++);
	ck_assert_uint_eq(i, 10);
	i = 0;
	__cds_wfcq_for_each_blocking_safe(&q.head, &q.tail, node, next) {
		ck_assert_uint_eq(item_of(node)->stamp.number, i++);
		free(item_of(node));
	}
	ck_assert_uint_eq(i, 10);
}
END_TEST

/* Stress: what the threads share. Items are freed as soon as they are taken. */
struct stress {
	struct queue q;
	struct ledger ledger;		/* of the one consumer, or under the queue's mutex */
	struct tally tally;
	enum form form;
	bool through_own_queue;		/* producers gather items and splice them into q */
	bool locked;			/* splicers hold the mutex */
};

static struct stress *stress_new(void)
{
	struct stress *s = (struct stress *) calloc(1, sizeof(*s));

	cds_wfcq_init(&s->q.head, &s->q.tail);
	return s;
}

static void stress_free(struct stress *s)
{
	want(cds_wfcq_empty(&s->q.head, &s->q.tail));
	cds_wfcq_destroy(&s->q.head, &s->q.tail);
	free(s);
}

static void produce(void *arg, unsigned int number)
{
	struct stress *s = (struct stress *) arg;
	struct queue own;

	cds_wfcq_init(&own.head, &own.tail);
	for (unsigned int i = 0; i < ITEMS; i++) {
		put(s->through_own_queue ? &own : &s->q, &item_new(number, i)->node);
		if (s->through_own_queue && (i % 7 == 0 || i == ITEMS - 1))
			splice(i % 3, &s->q, &own);
	}
	want(cds_wfcq_empty(&own.head, &own.tail));
	cds_wfcq_destroy(&own.head, &own.tail);
}

/* One consumer, each form: per-producer order, all items. */
START_TEST(one_consumer)
{
	struct crew crew = { .size = 0 };
	struct stress *s = stress_new();
	struct cds_wfcq_node *node;
	int state;

	s->through_own_queue = _i >= FORMS;
	crew_add(&crew, PRODUCERS, produce, s);
	crew_start(&crew);
	while (s->ledger.total < TOTAL) {
		node = take((enum form) (_i % FORMS), &s->q, &state);
		if (!node || node == CDS_WFCQ_WOULDBLOCK) {
			sched_yield();
			continue;
		}
		ledger_enter(&s->ledger, &item_of(node)->stamp);
		free(item_of(node));
	}
	crew_join(&crew);
	stress_free(s);
}
END_TEST

/* Consumers kept apart by the mutex, and what it guards without atomics. */
static void consume_locked(void *arg, unsigned int number)
{
	struct stress *s = (struct stress *) arg;
	struct cds_wfcq_node *node;
	bool done;

	(void) number;
	do {
		cds_wfcq_dequeue_lock(&s->q.head, &s->q.tail);
		node = __cds_wfcq_dequeue_blocking(&s->q.head, &s->q.tail);
		if (node)
			ledger_enter(&s->ledger, &item_of(node)->stamp);
		done = s->ledger.total == TOTAL;
		cds_wfcq_dequeue_unlock(&s->q.head, &s->q.tail);
		if (node)
			free(item_of(node));
		else
			sched_yield();
	} while (!done);
}

/* Consumers that the forms with a mutex of their own keep apart. */
static void consume_self_locking(void *arg, unsigned int number)
{
	struct stress *s = (struct stress *) arg;
	struct cds_wfcq_node *node;
	int state;

	while (!tally_full(&s->tally)) {
		node = take(number % 2 ? LOCKED : LOCKED_STATE, &s->q, &state);
		if (!node) {
			sched_yield();
			continue;
		}
		tally_enter(&s->tally, &item_of(node)->stamp);
		free(item_of(node));
	}
}

/* Consumers that take all there is; without the mutex too, for splices may meet. */
static void consume_by_splice(void *arg, unsigned int number)
{
	struct stress *s = (struct stress *) arg;
	struct cds_wfcq_node *node, *next;
	unsigned int next_of[PRODUCERS] = { 0 };
	struct queue own;

	while (!tally_full(&s->tally)) {
		cds_wfcq_init(&own.head, &own.tail);
		if (splice(s->locked ? 0 : 1 + number % 2, &own, &s->q) != CDS_WFCQ_RET_DEST_EMPTY)
			sched_yield();
		__cds_wfcq_for_each_blocking_safe(&own.head, &own.tail, node, next) {
			struct item *item = item_of(node);

			want_in_turn(next_of, &item->stamp);
			tally_enter(&s->tally, &item->stamp);
			free(item);
		}
		cds_wfcq_destroy(&own.head, &own.tail);
	}
}

START_TEST(many_consumers)
{
	static void (*const work[])(void *, unsigned int) = {
		consume_locked, consume_self_locking, consume_by_splice, consume_by_splice,
	};
	struct crew crew = { .size = 0 };
	struct stress *s = stress_new();

	s->locked = _i == 2;
	s->through_own_queue = _i == 1;
	crew_add(&crew, PRODUCERS, produce, s);
	crew_add(&crew, CONSUMERS, work[_i], s);
	crew_start(&crew);
	crew_join(&crew);
	want(s->ledger.total + s->tally.total == TOTAL);
	stress_free(s);
}
END_TEST

/* Splices out of a queue that is in use, into another that is. */
struct relay {
	struct stress *from;
	struct queue to;
};

static void relay(void *arg, unsigned int number)
{
	struct relay *r = (struct relay *) arg;

	do {
		if (splice(1 + number % 2, &r->to, &r->from->q) > CDS_WFCQ_RET_DEST_NON_EMPTY)
			sched_yield();
	} while (!tally_full(&r->from->tally));
}

START_TEST(relayed)
{
	struct crew crew = { .size = 0 };
	struct relay r = { .from = stress_new() };
	struct cds_wfcq_node *node;

	cds_wfcq_init(&r.to.head, &r.to.tail);
	crew_add(&crew, PRODUCERS, produce, r.from);
	crew_add(&crew, _i ? CONSUMERS : 1, relay, &r);
	crew_start(&crew);
	while (!tally_full(&r.from->tally)) {
		struct item *item;

		node = take(PLAIN, &r.to, NULL);
		if (!node) {
			sched_yield();
			continue;
		}
		item = item_of(node);
		if (!_i)	/* one relay keeps the order */
			ledger_enter(&r.from->ledger, &item->stamp);
		tally_enter(&r.from->tally, &item->stamp);
		free(item);
	}
	crew_join(&crew);
	want(cds_wfcq_empty(&r.to.head, &r.to.tail));
	stress_free(r.from);
}
END_TEST

/* Of those who enqueue to a queue that only grows, one finds it empty. */
static void put_once(void *arg, unsigned int number)
{
	struct stress *s = (struct stress *) arg;

	if (!put(&s->q, &item_new(number, 0)->node))
		__atomic_fetch_add(&s->tally.total, 1, __ATOMIC_RELAXED);
}

START_TEST(one_finds_it_empty)
{
	struct cds_wfcq_node *node;

	for (int round = 0; round < 200; round++) {
		struct crew crew = { .size = 0 };
		struct stress *s = stress_new();

		crew_add(&crew, PRODUCERS, put_once, s);
		crew_start(&crew);
		crew_join(&crew);
		want(s->tally.total == 1);
		while ((node = take(PLAIN, &s->q, NULL))) {
			ledger_enter(&s->ledger, &item_of(node)->stamp);
			free(item_of(node));
		}
		want(s->ledger.total == PRODUCERS);
		stress_free(s);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wfcqueue");
	TCase *tcase = add_timed_case(suite, "alone", 4);

	tcase_add_test(tcase, layout);
	tcase_add_loop_test(tcase, one_by_one, 0, FORMS);
	tcase_add_test(tcase, bare_head);
	tcase_add_test(tcase, gap_would_block);
	tcase_add_test(tcase, gap_is_spliced);
	tcase_add_loop_test(tcase, gap_blocks, 0, 15);
	tcase_add_loop_test(tcase, splicing, 0, 3);
	tcase_add_test(tcase, walking);
	tcase = add_timed_case(suite, "stress", 120);
	tcase_add_loop_test(tcase, one_consumer, 0, 2 * FORMS);
	tcase_add_loop_test(tcase, many_consumers, 0, 4);
	tcase_add_loop_test(tcase, relayed, 0, 2);
	tcase_add_test(tcase, one_finds_it_empty);
	return run_plain_suite(suite);
}
