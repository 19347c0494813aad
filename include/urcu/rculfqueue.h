/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A FIFO queue for many producers and many consumers, lock-free on both sides, that needs RCU.
 *
 * Enqueue and dequeue are called inside a read-side critical section; of any flavor, the same for
 * all users of one queue and for the queue_call_rcu given to init. They need no exclusion among
 * each other. A node that was dequeued is still looked at by others for a while: it may be
 * freed, or queued again, only after a grace period.
 *
 * Dequeue hands the node that it takes out of the queue for good to the caller, so when it takes
 * the last one it puts a dummy node of its own in its place. Dummies are allocated with malloc()
 * and reclaimed through queue_call_rcu, each when the next node has been put behind it; the
 * program must therefore wait (rcu_barrier) before it unloads the code that called.
 *
 * Where: in call_rcu callbacks, inside a section there; not in signal handlers, for
 * dequeue allocates. A queue is usable after a fork whatever other threads were doing to it.
 *
 * Ordering: all that a thread did before it enqueued a node happens before what another does
 * after it dequeued it.
 */

#include <assert.h>
#include <urcu/compiler.h>

_URCU_EXTERN_C_BEGIN

struct rcu_head;

/* To be embedded in the program's own structure. `dummy` is the queue's own. */
struct cds_lfq_node_rcu {
	struct cds_lfq_node_rcu *next;
	int dummy;
};

struct cds_lfq_queue_rcu {
	struct cds_lfq_node_rcu *head, *tail;
	void (*queue_call_rcu)(struct rcu_head *head, void (*func)(struct rcu_head *head));
};

/* Prepare a node. Once before every enqueue. */
extern void cds_lfq_node_init_rcu(struct cds_lfq_node_rcu *node);

/*
 * Make an empty queue, before anybody else can see it. queue_call_rcu is the flavor's call_rcu.
 * Allocates a dummy; if that fails the queue is usable all the same.
 */
extern void cds_lfq_init_rcu(struct cds_lfq_queue_rcu *q,
		void queue_call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head)));

/*
 * Take down a queue that nobody uses any more. Returns 0, or -EPERM if nodes are left in it, and
 * then does nothing.
 */
extern int cds_lfq_destroy_rcu(struct cds_lfq_queue_rcu *q);

/* Put a node at the end. Lock-free, never fails. Inside a section. */
extern void cds_lfq_enqueue_rcu(struct cds_lfq_queue_rcu *q, struct cds_lfq_node_rcu *node);

/*
 * Take the first node; NULL if the queue is empty. Lock-free but for malloc() and queue_call_rcu.
 * Inside a section.
 *
 * Out of memory for the dummy that must replace the only node, it returns NULL with errno ENOMEM
 * and leaves that node where it is. Nothing is lost: a later call returns it, as soon as there is
 * memory or another node behind it. When the queue is empty errno is left alone.
 */
extern struct cds_lfq_node_rcu *cds_lfq_dequeue_rcu(struct cds_lfq_queue_rcu *q);

_URCU_EXTERN_C_END

/* With _LGPL_SOURCE the calls are inlined. */
#ifdef _LGPL_SOURCE
#include <urcu/static/rculfqueue.h>

#define cds_lfq_node_init_rcu	_cds_lfq_node_init_rcu
#define cds_lfq_init_rcu	_cds_lfq_init_rcu
#define cds_lfq_destroy_rcu	_cds_lfq_destroy_rcu
#define cds_lfq_enqueue_rcu	_cds_lfq_enqueue_rcu
#define cds_lfq_dequeue_rcu	_cds_lfq_dequeue_rcu
#endif
