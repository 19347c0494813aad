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

/* ---- Who walks them ---- */

struct call_rcu_data *quiesce_queue_retire(struct call_rcu_data *queue)
{
	queue->drained = true;
	if (queue->pins)
		return NULL;
	cds_list_del(&queue->node);
	return queue;
}

/*
 * A thread holds a pin or two while it walks, and two or three if it stands in for a worker from
 * there and a callback forks.
 */
#define OWN_PINS 4
static QUIESCE_TLS const struct call_rcu_data *own_pins[OWN_PINS];

/* Put "to" in the place of "from" in own_pins. */
static void note_pin(const struct call_rcu_data *from, const struct call_rcu_data *to)
{
	int i = 0;

	while (i < OWN_PINS && own_pins[i] != from)
		i++;
	if (i < OWN_PINS)
		own_pins[i] = to;
}

unsigned int quiesce_queue_own_pins(const struct call_rcu_data *queue)
{
	unsigned int count = 0;

	for (int i = 0; i < OWN_PINS; i++)
		count += own_pins[i] == queue;
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
	pthread_mutex_lock(&all->lock);
	queue = quiesce_queue_behind(all, before == &all->standard ? &all->list : &before->node);
	if (queue) {
		queue->pins++;
		note_pin(NULL, queue);
	}
	pthread_mutex_unlock(&all->lock);
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
	pthread_mutex_lock(&all->lock);
	note_pin(queue, NULL);
	/* exit may have interrupted this very thread in malloc: then it stays, as all does. */
	if (--queue->pins == 0 && queue->drained &&
	    !__atomic_load_n(&all->closing, __ATOMIC_RELAXED))
		retired = quiesce_queue_retire(queue);
	pthread_mutex_unlock(&all->lock);
	free(retired);
}
