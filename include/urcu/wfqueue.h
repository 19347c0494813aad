/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The older queue for many producers; deprecated. urcu/wfcqueue.h does the same with head and tail
 * on cache lines of their own, and can be spliced.
 *
 * Enqueue is wait-free, in signal handlers too, and needs no exclusion. Consumers exclude each
 * other: by the mutex, which cds_wfq_dequeue_blocking() takes, or by the program around
 * __cds_wfq_dequeue_blocking(). As in wfcqueue, a consumer waits for a producer between its
 * exchange and its link, what a thread did before it enqueued a node happens before what another
 * does after it dequeued it, and a queue that was in use by other threads does not survive a fork.
 */

#include <assert.h>
#include <pthread.h>
#include <stddef.h>
#include <urcu/compiler.h>

_URCU_EXTERN_C_BEGIN

/* A program that means to use it defines this as nothing. */
#ifndef CDS_WFQ_DEPRECATED
#define CDS_WFQ_DEPRECATED \
	__attribute__((__deprecated__("urcu/wfqueue.h is deprecated, use urcu/wfcqueue.h")))
#endif

/* With _LGPL_SOURCE the calls are inlined. */
#ifdef _LGPL_SOURCE
#define _CDS_WFQ_API static inline CDS_WFQ_DEPRECATED
#else
#define _CDS_WFQ_API extern CDS_WFQ_DEPRECATED
#endif

/* To be embedded in the program's own structure. */
struct cds_wfq_node {
	struct cds_wfq_node *next;
};

struct cds_wfq_queue {
	struct cds_wfq_node *head;
	struct cds_wfq_node **tail;
	struct cds_wfq_node dummy;
	pthread_mutex_t lock;
};

/* Prepare a node. Once before every enqueue. */
_CDS_WFQ_API void cds_wfq_node_init(struct cds_wfq_node *node);

/* Make an empty queue; and take it down when nobody uses it any more. */
_CDS_WFQ_API void cds_wfq_init(struct cds_wfq_queue *q);
_CDS_WFQ_API void cds_wfq_destroy(struct cds_wfq_queue *q);

/* Put a node at the end. Wait-free. */
_CDS_WFQ_API void cds_wfq_enqueue(struct cds_wfq_queue *q, struct cds_wfq_node *node);

/*
 * Take the first node, NULL if the queue is empty. The node may be freed or queued again at once.
 * The first form takes the mutex; callers of the second keep consumers apart.
 */
_CDS_WFQ_API struct cds_wfq_node *cds_wfq_dequeue_blocking(struct cds_wfq_queue *q);
_CDS_WFQ_API struct cds_wfq_node *__cds_wfq_dequeue_blocking(struct cds_wfq_queue *q);

_URCU_EXTERN_C_END

#ifdef _LGPL_SOURCE
#include <urcu/static/wfqueue.h>

static inline void cds_wfq_node_init(struct cds_wfq_node *node)
{
	_cds_wfq_node_init(node);
}

static inline void cds_wfq_init(struct cds_wfq_queue *q)
{
	_cds_wfq_init(q);
}

static inline void cds_wfq_destroy(struct cds_wfq_queue *q)
{
	_cds_wfq_destroy(q);
}

static inline void cds_wfq_enqueue(struct cds_wfq_queue *q, struct cds_wfq_node *node)
{
	_cds_wfq_enqueue(q, node);
}

static inline struct cds_wfq_node *cds_wfq_dequeue_blocking(struct cds_wfq_queue *q)
{
	return _cds_wfq_dequeue_blocking(q);
}

static inline struct cds_wfq_node *__cds_wfq_dequeue_blocking(struct cds_wfq_queue *q)
{
	return ___cds_wfq_dequeue_blocking(q);
}
#endif /* _LGPL_SOURCE */
