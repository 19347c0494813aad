/* SPDX-License-Identifier: MIT */
/*
 * The queues and stacks from C++: every overload, with either kind of head or stack, and through
 * the union that C++ passes. Returns the number of what went wrong.
 */
#include <cstdio>
#include <memory>

#include <urcu.h>
#include <urcu/lfstack.h>
#include <urcu/rculfqueue.h>
#include <urcu/rculfstack.h>
#include <urcu/wfcqueue.h>
#include <urcu/wfqueue.h>
#include <urcu/wfstack.h>

static int failures;

#define expect(cond)								\
	do {									\
		if (!(cond)) {							\
			std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			failures++;						\
		}								\
	} while (0)

template<typename Head, typename Other>
static void queue(Head head, struct cds_wfcq_tail *tail,
		Other other, struct cds_wfcq_tail *other_tail)
{
	struct cds_wfcq_node n[3], *node, *next;
	int state = 7, seen = 0;

	expect(cds_wfcq_empty(head, tail));
	expect(!__cds_wfcq_first_blocking(head, tail));
	expect(!__cds_wfcq_first_nonblocking(head, tail));
	for (int i = 0; i < 3; i++) {
		cds_wfcq_node_init(&n[i]);
		expect(cds_wfcq_enqueue(head, tail, &n[i]) == (i > 0));
	}
	expect(__cds_wfcq_first_blocking(head, tail) == &n[0]);
	expect(__cds_wfcq_first_nonblocking(head, tail) == &n[0]);
	expect(__cds_wfcq_next_blocking(head, tail, &n[0]) == &n[1]);
	expect(__cds_wfcq_next_nonblocking(head, tail, &n[1]) == &n[2]);
	__cds_wfcq_for_each_blocking(head, tail, node)
		seen++;
	__cds_wfcq_for_each_blocking_safe(head, tail, node, next)
		seen++;
	expect(seen == 6);
	expect(__cds_wfcq_dequeue_blocking(head, tail) == &n[0]);
	expect(__cds_wfcq_splice_blocking(other, other_tail, head, tail)
			== CDS_WFCQ_RET_DEST_EMPTY);
	expect(__cds_wfcq_splice_nonblocking(head, tail, other, other_tail)
			== CDS_WFCQ_RET_DEST_EMPTY);
	expect(__cds_wfcq_splice_blocking(other, other_tail, other, other_tail)
			== CDS_WFCQ_RET_SRC_EMPTY);
	expect(__cds_wfcq_dequeue_with_state_blocking(head, tail, &state) == &n[1]);
	expect(state == 0);
	expect(__cds_wfcq_dequeue_with_state_nonblocking(head, tail, &state) == &n[2]);
	expect(state == CDS_WFCQ_STATE_LAST);
	expect(!__cds_wfcq_dequeue_nonblocking(head, tail));
	expect(CDS_WFCQ_WOULDBLOCK != &n[0]);
}

static void queues()
{
	struct cds_wfcq_head head, dest;
	struct __cds_wfcq_head bare;
	struct cds_wfcq_tail tail, bare_tail, dest_tail;
	struct cds_wfcq_node n;

	cds_wfcq_init(&head, &tail);
	cds_wfcq_init(&dest, &dest_tail);
	__cds_wfcq_init(&bare, &bare_tail);
	queue(&head, &tail, &bare, &bare_tail);
	queue(&bare, &bare_tail, &head, &tail);

	/* The functions themselves, by the unions. */
	cds_wfcq_node_init(&n);
	expect(!cds_wfcq_enqueue(__cds_wfcq_head_cast(&bare), &bare_tail, &n));
	expect(!cds_wfcq_empty(__cds_wfcq_head_const_cast(&bare), &bare_tail));
	expect(cds_wfcq_empty(cds_wfcq_head_const_cast(&head), &tail));
	expect(__cds_wfcq_dequeue_blocking(cds_wfcq_head_cast_cpp(&bare), &bare_tail) == &n);
	cds_wfcq_node_init(&n);
	expect(!cds_wfcq_enqueue(cds_wfcq_head_cast(&head), &tail, &n));
	expect(cds_wfcq_splice_blocking(&dest, &dest_tail, &head, &tail)
			== CDS_WFCQ_RET_DEST_EMPTY);
	cds_wfcq_dequeue_lock(&dest, &dest_tail);
	expect(__cds_wfcq_dequeue_blocking(cds_wfcq_head_cast_cpp(&dest), &dest_tail) == &n);
	cds_wfcq_dequeue_unlock(&dest, &dest_tail);
	expect(cds_wfcq_empty(cds_wfcq_head_const_cast_cpp(&dest), &dest_tail));
	expect(!cds_wfcq_dequeue_blocking(&dest, &dest_tail));
	expect(!cds_wfcq_dequeue_with_state_blocking(&dest, &dest_tail, NULL));
	cds_wfcq_destroy(&dest, &dest_tail);
	cds_wfcq_destroy(&head, &tail);
}

template<typename Stack>
static void wf_stack(Stack s)
{
	struct cds_wfs_node n[4], *node, *next;
	struct cds_wfs_head *all;
	int state = 7, seen = 0;

	expect(cds_wfs_empty(s));
	for (int i = 0; i < 4; i++) {
		cds_wfs_node_init(&n[i]);
		expect(cds_wfs_push(s, &n[i]) == (i > 0));
	}
	all = __cds_wfs_pop_all(s);
	cds_wfs_for_each_blocking(all, node)
		seen++;
	cds_wfs_for_each_blocking_safe(all, node, next) {
		cds_wfs_node_init(node);
		cds_wfs_push(s, node);
		seen++;
	}
	expect(seen == 8);
	expect(__cds_wfs_pop_blocking(s) == &n[0]);
	expect(__cds_wfs_pop_nonblocking(s) == &n[1]);
	expect(__cds_wfs_pop_with_state_blocking(s, &state) == &n[2]);
	expect(state == 0);
	expect(__cds_wfs_pop_with_state_nonblocking(s, &state) == &n[3]);
	expect(state == CDS_WFS_STATE_LAST);
}

template<typename Stack>
static void lf_stack(Stack s)
{
	struct cds_lfs_node n[2], *node, *next;
	struct cds_lfs_head *all;
	int seen = 0;

	expect(cds_lfs_empty(s));
	for (int i = 0; i < 2; i++) {
		cds_lfs_node_init(&n[i]);
		expect(cds_lfs_push(s, &n[i]) == (i > 0));
	}
	expect(__cds_lfs_pop(s) == &n[1]);
	all = __cds_lfs_pop_all(s);
	cds_lfs_for_each(all, node)
		seen++;
	cds_lfs_for_each_safe(all, node, next)
		seen++;
	expect(seen == 2);
}

static void stacks()
{
	struct cds_wfs_stack wfs;
	struct __cds_wfs_stack wfs_bare;
	struct cds_lfs_stack lfs;
	struct __cds_lfs_stack lfs_bare;

	cds_wfs_init(&wfs);
	__cds_wfs_init(&wfs_bare);
	wf_stack(&wfs);
	wf_stack(&wfs_bare);
	expect(cds_wfs_empty(cds_wfs_stack_const_cast(&wfs)));
	expect(!__cds_wfs_pop_all(cds_wfs_stack_cast(&wfs_bare)));
	expect(!cds_wfs_pop_blocking(&wfs));
	cds_wfs_destroy(&wfs);

	cds_lfs_init(&lfs);
	__cds_lfs_init(&lfs_bare);
	lf_stack(&lfs);
	lf_stack(&lfs_bare);
	expect(cds_lfs_empty(cds_lfs_stack_const_cast(&lfs)));
	expect(!__cds_lfs_pop_all(cds_lfs_stack_cast(&lfs_bare)));
	expect(!cds_lfs_pop_blocking(&lfs));
	cds_lfs_destroy(&lfs);
}

static void queue_call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	func(head);	/* nobody reads here */
}

static void rcu_queue()
{
	struct cds_lfq_queue_rcu q;
	struct cds_lfq_node_rcu n;

	cds_lfq_init_rcu(&q, queue_call_rcu);
	cds_lfq_node_init_rcu(&n);
	cds_lfq_enqueue_rcu(&q, &n);
	expect(cds_lfq_destroy_rcu(&q) != 0);
	expect(cds_lfq_dequeue_rcu(&q) == &n);
	expect(!cds_lfq_dequeue_rcu(&q));
	expect(cds_lfq_destroy_rcu(&q) == 0);
}

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static void deprecated()
{
	struct cds_wfq_queue q;
	struct cds_wfq_node n;
	struct cds_lfs_stack_rcu s;
	struct cds_lfs_node_rcu m;

	cds_wfq_init(&q);
	cds_wfq_node_init(&n);
	cds_wfq_enqueue(&q, &n);
	expect(cds_wfq_dequeue_blocking(&q) == &n);
	expect(!__cds_wfq_dequeue_blocking(&q));
	cds_wfq_destroy(&q);

	cds_lfs_init_rcu(&s);
	cds_lfs_node_init_rcu(&m);
	expect(cds_lfs_push_rcu(&s, &m) == 0);
	expect(cds_lfs_pop_rcu(&s) == &m);
	expect(!cds_lfs_pop_rcu(&s));
}

/* Deleters of free_rcu: of objects with and without a head. */
static int freed;

static void note_freed(void *ptr)
{
	freed++;
	operator delete(ptr);
}

struct headed {
	unsigned long room;
	struct rcu_head head;
};

static void freeing()
{
	expect(urcu_free_rcu_with(note_freed) == 0);
	{
		std::unique_ptr<int, urcu_free_rcu_deleter<urcu_free_rcu> > owner(new int(1)), none;
		std::shared_ptr<headed> shared(new headed(), urcu_free_rcu_deleter<urcu_free_rcu>());
	}
	urcu_free_rcu_head(new headed(), head);
	rcu_barrier();
	expect(freed == 3);
}

int main()
{
	freeing();
	queues();
	stacks();
	rcu_queue();
	deprecated();
	return failures;
}
