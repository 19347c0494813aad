/* SPDX-License-Identifier: MIT */
/* The producer's side: a callback on its way into a queue, and who is to run it. */
#include <errno.h>

#include "callbacks/callbacks.h"
#include "system/sanitize.h"
#include "system/system.h"

/* At most so many calls, each time twice as many, come before another try to make a thread. */
#define PATIENCE_MAX 255

/*
 * By compare and exchange rather than a queue's exchange and link: the chain has no moment at which
 * it is torn, which a fork would make last for ever (doc/design/workers.md). It is retried only if
 * another producer, or the server, came in between.
 */
void quiesce_queue_push(struct call_rcu_data *queue, struct rcu_head *head)
{
	struct cds_wfcq_node *newest = __atomic_load_n(&queue->newest, __ATOMIC_RELAXED);
	struct cds_wfcq_node *node = &head->next;

	/* The chain would have no end. */
	if (caa_unlikely(newest == node)) {
		quiesce_report("urcu_%s_call_rcu: called twice in a row for %p: it runs once",
			       queue->workers->domain->name, (const void *)head);
		return;
	}
	node->next = newest;
	quiesce_delay();
	while (!__atomic_compare_exchange_n(&queue->newest, &node->next, node, true,
					    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		continue;
}

void quiesce_queue_start(struct call_rcu_data *queue)
{
	unsigned int forgo = __atomic_load_n(&queue->forgo, __ATOMIC_RELAXED);
	unsigned int patience = __atomic_load_n(&queue->patience, __ATOMIC_RELAXED);
	int error;

	if (forgo) {
		__atomic_store_n(&queue->forgo, forgo - 1, __ATOMIC_RELAXED);
		return;
	}
	error = quiesce_worker_start(quiesce_queue_server(queue));
	/* No refusal: rcu_exit sees to what is queued beside it, and the next call shall not be forgone. */
	if (error == ECANCELED)
		return;
	if (!error)
		patience = 0;
	else
		patience = patience < PATIENCE_MAX ? 2 * patience + 1 : PATIENCE_MAX;
	__atomic_store_n(&queue->patience, patience, __ATOMIC_RELAXED);
	__atomic_store_n(&queue->forgo, patience, __ATOMIC_RELAXED);
}

/* Whether a worker in this state has to be woken for what was pushed. One that is RT looks for itself. */
static bool wants_call(const struct call_rcu_data *queue, int32_t state, bool much)
{
	if (queue->flags & URCU_CALL_RCU_RT)
		return false;
	return (state & WORKER_IDLE) || ((state & WORKER_LINGER) && much);
}

/* The worker is not simply at work: see whether it needs anything to run what was pushed. */
static __attribute__((noinline)) void nudge(struct call_rcu_data *queue, struct worker *worker, int32_t state, unsigned long more)
{
	bool much = quiesce_queue_count(queue) + more >= QUIESCE_BACKLOG;
	int saved_errno = errno;

	quiesce_delay();
	if (state & WORKER_FRESH) {
		__atomic_fetch_and(&worker->state, ~WORKER_FRESH, __ATOMIC_RELAXED);
		queue->workers->calls->first(queue->workers);
	}
	if (!(state & WORKER_THREAD))
		quiesce_queue_start(queue);
	else if (wants_call(queue, state, much)) {
		if (queue->workers->calls->claim(queue->workers))
			quiesce_worker_ask(worker, much ? WORKER_URGENT : 0);
		else
			quiesce_queue_start(queue);
	}
	errno = saved_errno;
}

/*
 * An atomic addition costs as much as the push, so it is for those who have a use for it. Returns about how many
 * were pushed since the worker came to take them.
 */
static unsigned long count(struct call_rcu_data *queue)
{
	unsigned long pushed;

	if (caa_unlikely(__atomic_load_n(&queue->workers->limited, __ATOMIC_RELAXED))) {
		pushed = __atomic_add_fetch(&queue->pushed, 1, __ATOMIC_RELAXED);
	} else {
		pushed = __atomic_load_n(&queue->pushed, __ATOMIC_RELAXED) + 1;
		__atomic_store_n(&queue->pushed, pushed, __ATOMIC_RELAXED);
	}
	return pushed - __atomic_load_n(&queue->seen, __ATOMIC_RELAXED);
}

/*
 * When they are twice as many, somebody sees whether the worker gets on: the first few at once, and in a flood one
 * of many.
 */
static void look_after(struct call_rcu_data *queue, unsigned long pushed)
{
	if (caa_unlikely(!(pushed & (pushed - 1))))
		quiesce_worker_glance(quiesce_queue_server(queue), NULL);
}

/*
 * [H2] The push, or what else the caller has stored, comes before the looks at server and state, which all are
 * sequentially consistent; pairs with [H1] in src/callbacks/worker.c: either we see the worker asleep, or it sees
 * our callback.
 */
void quiesce_queue_call(struct call_rcu_data *queue, unsigned long more)
{
	const int32_t care = WORKER_THREAD | WORKER_IDLE | WORKER_LINGER | WORKER_FRESH;
	struct worker *worker = quiesce_queue_server(queue);
	int32_t state = __atomic_load_n(&worker->state, __ATOMIC_SEQ_CST);

	if (caa_unlikely((state & care) != WORKER_THREAD))
		nudge(queue, worker, state, more);
}

void quiesce_enqueue(struct call_rcu_data *queue, struct rcu_head *head)
{
	unsigned long pushed;

	quiesce_tell_release(head);
	quiesce_queue_push(queue, head);
	pushed = count(queue);
	quiesce_delay();
	quiesce_queue_call(queue, 0);
	look_after(queue, pushed);
}
