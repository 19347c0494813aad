/* SPDX-License-Identifier: MIT */
/*
 * Inline bodies of urcu/wfqueue.h, which holds the contracts.
 *
 * The list runs from q->head to the node whose link q->tail names. It is never without a node: the
 * queue's own dummy is in it whenever no other is, and q->head naming the dummy while q->tail
 * names the dummy's link is what "empty" means. A consumer that comes upon the dummy in front of
 * other nodes moves it to the end.
 */
#include <urcu/wfqueue.h>	/* the types; it may include us, hence outside the guard */

#ifndef _URCU_STATIC_WFQUEUE_H
#define _URCU_STATIC_WFQUEUE_H

#include <assert.h>
#include <pthread.h>
#include <stddef.h>
#include <urcu/compiler.h>
#include <urcu/static/link-wait.h>
#include <urcu/uatomic.h>

static inline void _cds_wfq_node_init(struct cds_wfq_node *node)
{
	node->next = NULL;
}

static inline void _cds_wfq_init(struct cds_wfq_queue *q)
{
	_cds_wfq_node_init(&q->dummy);
	q->head = &q->dummy;
	q->tail = &q->dummy.next;
	(void) pthread_mutex_init(&q->lock, NULL);
}

static inline void _cds_wfq_destroy(struct cds_wfq_queue *q)
{
	(void) pthread_mutex_destroy(&q->lock);
}

static inline void _cds_wfq_enqueue(struct cds_wfq_queue *q, struct cds_wfq_node *node)
{
	/*
	 * [WF1] seq_cst, of which the queue needs acquire and release: pairs with [WF1] in the next
	 * producer, whose link store comes after our node's link was made NULL. seq_cst as in
	 * urcu/wfcqueue.h.
	 */
	struct cds_wfq_node **old = __atomic_exchange_n(&q->tail, &node->next, __ATOMIC_SEQ_CST);

	/* [WF2] release: pairs with [WF3]; whoever follows the link finds the node. */
	__atomic_store_n(old, node, __ATOMIC_RELEASE);
}

static inline struct cds_wfq_node *_cds_wfq_wait_link(const struct cds_wfq_node *node)
{
	struct cds_wfq_node *next;
	unsigned int turn = 0;

	/* [WF3] acquire: pairs with [WF2]; the node behind is complete before we touch it. */
	while (!(next = __atomic_load_n(&node->next, __ATOMIC_ACQUIRE)))
		_cds_link_wait(&turn);
	return next;
}

static inline struct cds_wfq_node *___cds_wfq_dequeue_blocking(struct cds_wfq_queue *q)
{
	struct cds_wfq_node *node = q->head;

	if (node == &q->dummy) {
		/* relaxed: a comparison; nothing is reached through the pointer. */
		if (__atomic_load_n(&q->tail, __ATOMIC_RELAXED) == &q->dummy.next)
			return NULL;
		node = _cds_wfq_wait_link(node);
		_cds_wfq_node_init(&q->dummy);
		_cds_wfq_enqueue(q, &q->dummy);
	}
	/* The dummy is behind the node, or another node is: there is a link to come. */
	q->head = _cds_wfq_wait_link(node);
	return node;
}

static inline struct cds_wfq_node *_cds_wfq_dequeue_blocking(struct cds_wfq_queue *q)
{
	struct cds_wfq_node *node;

	(void) pthread_mutex_lock(&q->lock);
	node = ___cds_wfq_dequeue_blocking(q);
	(void) pthread_mutex_unlock(&q->lock);
	return node;
}

#endif /* _URCU_STATIC_WFQUEUE_H */
