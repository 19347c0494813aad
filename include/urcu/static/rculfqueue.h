/* SPDX-License-Identifier: MIT */
/*
 * Inline bodies of urcu/rculfqueue.h, which holds the contracts. A queue after Michael and Scott.
 *
 * The list runs from q->head to a node without a link. Invariants:
 *   I1  A node is linked to only while q->tail names it. q->tail moves from a node to the one it
 *       links to, never back; q->head likewise.
 *   I2  q->head leaves a node only after q->tail has. So q->tail is never behind q->head, and a
 *       node that was dequeued is not to be reached any more.
 *   I3  A dummy is linked only to a node that is not one and is q->head. So there is at most one
 *       in the list, and an empty list is one dummy without a link.
 *
 * I2 is what makes a grace period enough before a node is freed. A producer that was preempted
 * between its link and its move of the tail must not keep q->tail on a node that is dequeued
 * meanwhile: a reader that comes after the grace period began, and so is not waited for, would get
 * there. Hence dequeue moves the tail on first.
 *
 * Nor can a comparison with q->head or q->tail be deceived by a node that left and came back: a
 * node comes back only after a grace period, and the comparison is in the section of the load.
 *
 * Without memory for its first dummy a queue starts with neither head nor tail. The first producer
 * then makes its node both, the tail first; until it has stored the head, consumers find nothing.
 */
#include <urcu/rculfqueue.h>	/* the types; it may include us, hence outside the guard */

#ifndef _URCU_STATIC_RCULFQUEUE_H
#define _URCU_STATIC_RCULFQUEUE_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <urcu/call-rcu.h>
#include <urcu/compiler.h>
#include <urcu/pointer.h>
#include <urcu/uatomic.h>

/* Existing binaries make and free each other's dummies in this form. */
struct _cds_lfq_dummy {
	struct cds_lfq_node_rcu node;
	struct rcu_head head;
	struct cds_lfq_queue_rcu *q;
};

static inline void _cds_lfq_node_init_rcu(struct cds_lfq_node_rcu *node)
{
	node->next = NULL;
	node->dummy = 0;
}

static inline struct cds_lfq_node_rcu *_cds_lfq_new_dummy(struct cds_lfq_queue_rcu *q)
{
	struct _cds_lfq_dummy *dummy = _urcu_cast(struct _cds_lfq_dummy *, malloc(sizeof(*dummy)));

	if (!dummy)
		return NULL;
	dummy->node.next = NULL;
	dummy->node.dummy = 1;
	dummy->q = q;
	return &dummy->node;
}

static inline void _cds_lfq_free_dummy(struct cds_lfq_node_rcu *node)
{
	free(node);	/* its first member */
}

static inline void _cds_lfq_free_dummy_cb(struct rcu_head *head)
{
	free(_urcu_cast(char *, head) - offsetof(struct _cds_lfq_dummy, head));
}

static inline void _cds_lfq_init_rcu(struct cds_lfq_queue_rcu *q,
		void queue_call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head)))
{
	q->head = q->tail = _cds_lfq_new_dummy(q);
	q->queue_call_rcu = queue_call_rcu;
}

static inline int _cds_lfq_destroy_rcu(struct cds_lfq_queue_rcu *q)
{
	if (q->head && (!q->head->dummy || q->head->next))
		return -EPERM;
	_cds_lfq_free_dummy(q->head);
	return 0;
}

static inline struct cds_lfq_node_rcu *_cds_lfq_tail(const struct cds_lfq_queue_rcu *q)
{
	/* [LQ1] acquire: pairs with [LQ4] and [LQ5]; the node is complete before we link to it. */
	return __atomic_load_n(&q->tail, __ATOMIC_ACQUIRE);
}

static inline struct cds_lfq_node_rcu *_cds_lfq_link(const struct cds_lfq_node_rcu *node)
{
	/* [LQ2] acquire: pairs with [LQ3]; the node behind is complete before we touch it. */
	return __atomic_load_n(&node->next, __ATOMIC_ACQUIRE);
}

/* See to it that q->tail, which was seen to name `tail`, has left it for the node behind. */
static inline void _cds_lfq_move_tail(struct cds_lfq_queue_rcu *q, struct cds_lfq_node_rcu *tail,
		struct cds_lfq_node_rcu *next)
{
	/* [LQ4] release: pairs with [LQ1]; hands on `next`, our own or shown by LQ2 or LQ3. */
	(void) __atomic_compare_exchange_n(&q->tail, &tail, next, false,
			__ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

/* Link a node to `tail`, which q->tail names or has named. False if another was faster. */
static inline bool _cds_lfq_append(struct cds_lfq_queue_rcu *q, struct cds_lfq_node_rcu *tail,
		struct cds_lfq_node_rcu *node)
{
	struct cds_lfq_node_rcu *next = NULL;

	/* [LQ3] release: pairs with [LQ2] and [LQ3], whose acquire, when it fails, is LQ2's. */
	if (__atomic_compare_exchange_n(&tail->next, &next, node, false,
			__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		next = node;
	_cds_lfq_move_tail(q, tail, next);
	return next == node;
}

/* Make a node the first and last of a queue that has had none, not even a dummy. */
static inline bool _cds_lfq_start(struct cds_lfq_queue_rcu *q, struct cds_lfq_node_rcu *node)
{
	struct cds_lfq_node_rcu *none = NULL;

	/* [LQ5] release: pairs with [LQ1]. */
	if (!__atomic_compare_exchange_n(&q->tail, &none, node, false,
			__ATOMIC_RELEASE, __ATOMIC_RELAXED))
		return false;
	/* [LQ6] release: pairs with [LQ7]. */
	__atomic_store_n(&q->head, node, __ATOMIC_RELEASE);
	return true;
}

static inline void _cds_lfq_enqueue_rcu(struct cds_lfq_queue_rcu *q, struct cds_lfq_node_rcu *node)
{
	struct cds_lfq_node_rcu *tail;

	do
		tail = _cds_lfq_tail(q);
	while (!(tail ? _cds_lfq_append(q, tail, node) : _cds_lfq_start(q, node)));
}

/*
 * Move q->head, which was seen to name `head`, past it, and q->tail before that (I2). A tail that
 * is not `head` is past it: it was not behind when q->head was loaded. Who succeeds owns `head`.
 */
static inline bool _cds_lfq_move_head(struct cds_lfq_queue_rcu *q, struct cds_lfq_node_rcu *head,
		struct cds_lfq_node_rcu *next)
{
	if (_cds_lfq_tail(q) == head)
		_cds_lfq_move_tail(q, head, next);
	/*
	 * [LQ8] release: pairs with [LQ7]; hands on `next` as LQ2 showed it to us, and that the
	 * tail has left `head`.
	 */
	return __atomic_compare_exchange_n(&q->head, &head, next, false,
			__ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

static inline struct cds_lfq_node_rcu *_cds_lfq_dequeue_rcu(struct cds_lfq_queue_rcu *q)
{
	struct cds_lfq_node_rcu *head, *next, *spare = NULL;

	for (;;) {
		/* [LQ7] acquire: pairs with [LQ6] and [LQ8]; the node is complete. */
		head = __atomic_load_n(&q->head, __ATOMIC_ACQUIRE);
		if (!head)
			break;
		next = _cds_lfq_link(head);
		if (!next) {
			if (head->dummy) {
				head = NULL;
				break;
			}
			if (!spare && !(spare = _cds_lfq_new_dummy(q))) {
				errno = ENOMEM;
				return NULL;
			}
			/* If head has no link yet, the tail is not past it, hence names it (I2). */
			if (_cds_lfq_append(q, head, spare))
				spare = NULL;
			continue;
		}
		if (!_cds_lfq_move_head(q, head, next))
			continue;
		if (!head->dummy)
			break;
		q->queue_call_rcu(&_urcu_cast(struct _cds_lfq_dummy *, head)->head, _cds_lfq_free_dummy_cb);
	}
	if (spare)
		_cds_lfq_free_dummy(spare);
	return head;
}

#endif /* _URCU_STATIC_RCULFQUEUE_H */
