/* SPDX-License-Identifier: MIT */
/* Queues of callbacks, as producers and those who walk them see them. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include <urcu/compiler.h>

#include "call-rcu.h"
#include "delay.h"
#include "report.h"
#include "sanitize.h"
#include "wait.h"

/* At most so many calls, each time twice as many, come before another try to make a thread. */
#define PATIENCE_MAX 255

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
struct call_rcu_data *quiesce_queue_next(struct flavor *flavor, struct call_rcu_data *before)
{
	struct worker_state *all = &flavor->workers;
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
	struct worker_state *all = &queue->flavor->workers;
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

/* ---- The producer's side ---- */

/*
 * By compare and exchange rather than a queue's exchange and link: the chain has no moment at which
 * it is torn, which a fork would make last for ever (doc/design/workers.md). It is retried only if
 * another producer, or the server, came in between.
 */
void quiesce_push(struct call_rcu_data *queue, struct rcu_head *head)
{
	struct cds_wfcq_node *newest = __atomic_load_n(&queue->newest, __ATOMIC_RELAXED);
	struct cds_wfcq_node *node = &head->next;

	/* The chain would have no end. */
	if (caa_unlikely(newest == node)) {
		quiesce_report("urcu_%s_call_rcu: called twice in a row for %p: it runs once",
			       queue->flavor->name, (const void *)head);
		return;
	}
	node->next = newest;
	quiesce_delay();
	while (!__atomic_compare_exchange_n(&queue->newest, &node->next, node, true,
					    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		continue;
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
		       "queued before it may be lost", queue->flavor->name,
		       (const void *)caa_container_of(slow, struct rcu_head, next));
	return true;
}

void quiesce_queue_start(struct call_rcu_data *queue)
{
	unsigned int forgo = __atomic_load_n(&queue->forgo, __ATOMIC_RELAXED);
	unsigned int patience = __atomic_load_n(&queue->patience, __ATOMIC_RELAXED);

	if (forgo) {
		__atomic_store_n(&queue->forgo, forgo - 1, __ATOMIC_RELAXED);
		return;
	}
	if (quiesce_worker_start(quiesce_queue_server(queue)) == 0)
		patience = 0;
	else
		patience = patience < PATIENCE_MAX ? 2 * patience + 1 : PATIENCE_MAX;
	__atomic_store_n(&queue->patience, patience, __ATOMIC_RELAXED);
	__atomic_store_n(&queue->forgo, patience, __ATOMIC_RELAXED);
}

/* Whether a worker in this state has to be woken for count callbacks. One that is RT looks for itself. */
static bool wants_call(const struct call_rcu_data *queue, int32_t state, unsigned long count)
{
	if (queue->flags & URCU_CALL_RCU_RT)
		return false;
	return (state & WORKER_IDLE) || ((state & WORKER_LINGER) && count >= QUIESCE_BACKLOG);
}

/* The worker is not simply at work: see whether it needs anything to run what was pushed. */
static void nudge(struct call_rcu_data *queue, struct worker *worker, int32_t state,
		unsigned long count)
{
	int saved_errno = errno;

	quiesce_delay();
	if (state & WORKER_FRESH) {
		__atomic_fetch_and(&worker->state, ~WORKER_FRESH, __ATOMIC_RELAXED);
		quiesce_await_exit(queue->flavor);
	}
	if (!(state & WORKER_THREAD))
		quiesce_queue_start(queue);
	else if (wants_call(queue, state, count)) {
		if (quiesce_claim_process(queue->flavor))
			quiesce_worker_ask(worker, count < QUIESCE_BACKLOG ? 0 : WORKER_URGENT);
		else
			quiesce_queue_start(queue);
	}
	errno = saved_errno;
}

/*
 * [H2] The push comes before the looks at server and state, which all are sequentially consistent;
 * pairs with [H1] in src/worker.c: either we see the worker asleep, or it sees our callback.
 */
void quiesce_enqueue(struct call_rcu_data *queue, struct rcu_head *head)
{
	const int32_t care = WORKER_THREAD | WORKER_IDLE | WORKER_LINGER | WORKER_FRESH;
	struct worker *worker;
	unsigned long count;
	int32_t state;

	quiesce_tell_release(head);
	quiesce_push(queue, head);
	count = __atomic_load_n(&queue->count, __ATOMIC_RELAXED) + 1;
	__atomic_store_n(&queue->count, count, __ATOMIC_RELAXED);
	quiesce_delay();
	worker = quiesce_queue_server(queue);
	state = __atomic_load_n(&worker->state, __ATOMIC_SEQ_CST);
	if (caa_unlikely((state & care) != WORKER_THREAD))
		nudge(queue, worker, state, count);
}
