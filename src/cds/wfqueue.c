/* SPDX-License-Identifier: MIT */
/* The functions of urcu/wfqueue.h, for programs that do not inline them. */
#undef _LGPL_SOURCE	/* the names below are the exported ones */
#include <urcu/wfqueue.h>
#include <urcu/static/wfqueue.h>

#include "cds/told.h"

void cds_wfq_node_init(struct cds_wfq_node *node)
{
	_cds_wfq_node_init(node);
}

void cds_wfq_init(struct cds_wfq_queue *q)
{
	_cds_wfq_init(q);
}

void cds_wfq_destroy(struct cds_wfq_queue *q)
{
	_cds_wfq_destroy(q);
}

void cds_wfq_enqueue(struct cds_wfq_queue *q, struct cds_wfq_node *node)
{
	quiesce_tell_release(node);
	_cds_wfq_enqueue(q, node);
}

struct cds_wfq_node *cds_wfq_dequeue_blocking(struct cds_wfq_queue *q)
{
	return told(_cds_wfq_dequeue_blocking(q));
}

struct cds_wfq_node *__cds_wfq_dequeue_blocking(struct cds_wfq_queue *q)
{
	return told(___cds_wfq_dequeue_blocking(q));
}
