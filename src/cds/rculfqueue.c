/* SPDX-License-Identifier: MIT */
/* The functions of urcu/rculfqueue.h, for programs that do not inline them. */
#undef _LGPL_SOURCE	/* the names below are the exported ones */
#include <urcu/rculfqueue.h>
#include <urcu/static/rculfqueue.h>

#include "cds/told.h"

void cds_lfq_node_init_rcu(struct cds_lfq_node_rcu *node)
{
	_cds_lfq_node_init_rcu(node);
}

void cds_lfq_init_rcu(struct cds_lfq_queue_rcu *q,
		void queue_call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head)))
{
	_cds_lfq_init_rcu(q, queue_call_rcu);
}

int cds_lfq_destroy_rcu(struct cds_lfq_queue_rcu *q)
{
	return _cds_lfq_destroy_rcu(q);
}

void cds_lfq_enqueue_rcu(struct cds_lfq_queue_rcu *q, struct cds_lfq_node_rcu *node)
{
	quiesce_tell_release(node);
	_cds_lfq_enqueue_rcu(q, node);
}

struct cds_lfq_node_rcu *cds_lfq_dequeue_rcu(struct cds_lfq_queue_rcu *q)
{
	return told(_cds_lfq_dequeue_rcu(q));
}
