/* SPDX-License-Identifier: MIT */
/* Queues of callbacks, for those who walk them, wait for them and take them away. */
#include <limits.h>
#include <stdlib.h>

#include "callbacks/callbacks.h"
#include "system/system.h"

void quiesce_queue_wake_barriers(struct call_rcu_data *queue)
{
	__atomic_fetch_add(&queue->progress, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&queue->barriers, __ATOMIC_SEQ_CST))
		quiesce_wake(&queue->progress, INT_MAX);
}

void quiesce_wake_producers(struct workers *all)
{
	__atomic_fetch_add(&all->backlog.turn, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&all->backlog.sleepers, __ATOMIC_SEQ_CST))
		quiesce_wake(&all->backlog.turn, INT_MAX);
}

static void end_vain(struct backlog_state *backlog)
{
	if (__atomic_load_n(&backlog->vain, __ATOMIC_RELAXED))
		__atomic_store_n(&backlog->vain, false, __ATOMIC_RELAXED);
}

void quiesce_tell_swept(struct workers *all)
{
	struct backlog_state *backlog = &all->backlog;

	end_vain(backlog);
	if (__atomic_load_n(&backlog->sleepers, __ATOMIC_SEQ_CST))
		quiesce_wake_producers(all);
}

/*
 * Producers are woken when half of the limit is left, so that they and the server go on together for a while.
 * [B7] held is stored before the look for sleepers; pairs with [B8] in src/callbacks/backlog.c: either we see
 * one, or he sees what we carry. What was pushed twice is counted twice, until nothing is left.
 */
void quiesce_queue_tell(struct call_rcu_data *queue, bool done)
{
	struct backlog_state *backlog = &queue->workers->backlog;

	if (done && !queue->taken && !queue->turned && !queue->waiting)
		queue->carried = 0;
	__atomic_store_n(&queue->ran, queue->counted - queue->carried, __ATOMIC_RELAXED);
	__atomic_store_n(&queue->held, queue->carried, __ATOMIC_SEQ_CST);
	quiesce_delay();
	if (done)
		end_vain(backlog);
	if (__atomic_load_n(&backlog->sleepers, __ATOMIC_SEQ_CST) &&
	    (done || queue->carried <= __atomic_load_n(&backlog->callbacks, __ATOMIC_RELAXED) / 2))
		quiesce_wake_producers(queue->workers);
}

/*
 * Turned around, a chain that ends in a circle is as it was before. What was queued before the first call
 * is out of reach: the second has overwritten the link to it.
 */
bool quiesce_queue_break_circle(struct call_rcu_data *queue)
{
	struct cds_wfcq_node *slow = queue->turned, *fast = queue->turned, *last;

	do {
		/* Whoever queues it once more at this moment writes to it, too. */
		if (!fast || !fast->next)
			return false;
		slow = slow->next;
		fast = fast->next->next;
	} while (slow != fast);
	for (slow = queue->turned; slow != fast; slow = slow->next)
		fast = fast->next;
	for (last = slow; last->next != slow; last = last->next)
		continue;
	last->next = NULL;
	queue->taken = queue->turned;
	queue->turned = NULL;
	quiesce_report("urcu_%s_call_rcu: called twice for %p before it ran: it runs once, and what was "
		       "queued before it may be lost", queue->workers->domain->name,
		       (const void *)caa_container_of(slow, struct rcu_head, next));
	return true;
}

/*
 * In a child of a fork that the server did not pause for. It may have been about to append what it had turned
 * around, which is then in both chains, or at the end of the one without being its last; or to make a batch of
 * what waits, which is then both, or a batch of which ripe does not know yet. Nor does it of what was taken and is
 * lost: where nothing is on its way to a batch, all that was taken is in one, or over.
 */
void quiesce_queue_mend(struct call_rcu_data *queue)
{
	queue->counted = queue->ran + queue->carried;
	if (queue->waiting == queue->batch)
		queue->waiting = NULL;
	for (struct cds_wfcq_node *node = queue->waiting; node; node = node->next) {
		if (node == queue->turned)
			queue->turned = NULL;
		queue->waiting_last = node;
	}
	if (!queue->waiting && !queue->turned && !queue->taken)
		queue->ripe = queue->takes;
}

/* The same for the list: what is behind is as the way forward has it. */
void quiesce_workers_mend(struct workers *all)
{
	struct cds_list_head *node;

	for (node = &all->list; node->next != &all->list; node = node->next)
		node->next->prev = node;
	all->list.prev = node;
}

/* ---- Who walks them ---- */

void quiesce_queue_unlink(struct call_rcu_data *queue)
{
	struct queue_counts *gone = &queue->workers->gone;

	gone->ran += queue->ran;
	gone->batches += queue->batches;
	gone->most += queue->most;
	gone->wakeups += queue->own.wakeups;
	cds_list_del(&queue->node);
}

struct call_rcu_data *quiesce_queue_retire(struct call_rcu_data *queue)
{
	queue->drained = true;
	if (queue->pins)
		return NULL;
	quiesce_queue_unlink(queue);
	return queue;
}

/* Put "to" in the place of "from" in the calling thread's pins. */
static void note_pin(const struct workers *all, const struct call_rcu_data *from,
		const struct call_rcu_data *to)
{
	struct own_calls *own = all->calls->own();
	int i = 0;

	while (i < OWN_PINS && own->pins[i] != from)
		i++;
	if (i < OWN_PINS)
		own->pins[i] = to;
}

unsigned int quiesce_queue_own_pins(const struct call_rcu_data *queue)
{
	const struct own_calls *own = queue->workers->calls->own();
	unsigned int count = 0;

	for (int i = 0; i < OWN_PINS; i++)
		count += own->pins[i] == queue;
	return count;
}

/*
 * By rising id, the standard queue first: a queue that is made or freed meanwhile neither stops the
 * walk nor is met twice. The one we come from is pinned, and so still in its place.
 */
struct call_rcu_data *quiesce_queue_next(struct workers *all, struct call_rcu_data *before)
{
	struct call_rcu_data *queue;

	if (!before)
		return &all->standard;
	quiesce_workers_lock(all, "barrier");
	queue = quiesce_queue_behind(all, before == &all->standard ? &all->list : &before->node);
	if (queue) {
		queue->pins++;
		if (all->domain->calls->attend)
			all->domain->calls->attend();
		note_pin(all, NULL, queue);
	}
	quiesce_unlock(&all->lock);
	quiesce_delay();
	quiesce_queue_unpin(before);
	return queue;
}

void quiesce_queue_unpin(struct call_rcu_data *queue)
{
	struct workers *all = queue->workers;
	struct call_rcu_data *retired = NULL;

	if (queue == &all->standard)
		return;
	quiesce_workers_lock(all, "barrier");
	note_pin(all, queue, NULL);
	/* exit may have interrupted this very thread in malloc: then it stays, as all does. */
	if (--queue->pins == 0 && queue->drained &&
	    !__atomic_load_n(&all->closing, __ATOMIC_RELAXED))
		retired = quiesce_queue_retire(queue);
	quiesce_unlock(&all->lock);
	free(retired);
}
