/* SPDX-License-Identifier: MIT */
/* Queues of callbacks, as producers and those who walk them see them. */
#include <sched.h>
#include <stdlib.h>

#include <urcu/compiler.h>

#include "cpu.h"
#include "delay.h"
#include "gp.h"

struct worker *quiesce_queue_server(const struct call_rcu_data *queue, const struct shard *shard)
{
	return &__atomic_load_n(&queue->workers, __ATOMIC_ACQUIRE)
		[__atomic_load_n(&shard->server, __ATOMIC_SEQ_CST)];
}

bool quiesce_queue_empty(const struct call_rcu_data *queue)
{
	for (unsigned int i = 0; i < queue->shard_count; i++)
		if (quiesce_shard_has_work(&queue->shards[i]))
			return false;
	return true;
}

struct call_rcu_data *quiesce_queue_retire(struct call_rcu_data *queue)
{
	struct call_rcu_data **link = &queue->flavor->workers.list;

	queue->drained = true;
	if (queue->pins)
		return NULL;
	while (*link != queue)
		link = &(*link)->next;
	*link = queue->next;
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
 * walk nor is met twice.
 */
struct call_rcu_data *quiesce_queue_next(struct flavor *flavor, struct call_rcu_data *before)
{
	struct worker_state *all = &flavor->workers;
	struct call_rcu_data *queue;

	if (!before)
		return &all->standard;
	pthread_mutex_lock(&all->lock);
	for (queue = all->list; queue && queue->id <= before->id; queue = queue->next)
		continue;
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
	if (--queue->pins == 0 && queue->drained)
		retired = quiesce_queue_retire(queue);
	pthread_mutex_unlock(&all->lock);
	free(retired);
}

/* ---- In a fork's child ---- */

static bool chain_has(const struct cds_wfcq_node *chain, const struct cds_wfcq_node *node)
{
	while (chain && chain != node)
		chain = chain->next;
	return chain;
}

static bool queue_has(const struct call_rcu_data *queue, const struct cds_wfcq_node *node)
{
	for (unsigned int i = 0; i < queue->shard_count; i++)
		if (chain_has(queue->shards[i].newest, node) ||
		    chain_has(queue->shards[i].taken, node) ||
		    chain_has(queue->shards[i].batch, node))
			return true;
	return false;
}

bool quiesce_is_queued(const struct flavor *flavor, const struct rcu_head *head)
{
	const struct call_rcu_data *queue;

	if (queue_has(&flavor->workers.standard, &head->next))
		return true;
	for (queue = flavor->workers.list; queue; queue = queue->next)
		if (queue_has(queue, &head->next))
			return true;
	return false;
}

/* ---- The producer's side ---- */

/* Threads take shards in turn; a thread keeps its number in every queue. */
static unsigned int thread_number(void)
{
	static unsigned int last;	/* raised atomically by each new thread */
	static QUIESCE_TLS unsigned int number;

	if (caa_unlikely(!number))
		number = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED) | ~(~0U >> 1);
	return number;
}

/*
 * By compare and exchange rather than a queue's exchange and link: the chain has no moment at which
 * it is torn, which a fork would make last for ever (doc/design/workers.md). It is retried only if
 * another thread of the same shard, or the server, came in between.
 */
static struct shard *push(struct call_rcu_data *queue, struct cds_wfcq_node *node)
{
	struct shard *shard = &queue->shards[thread_number() & (queue->shard_count - 1)];

	node->next = __atomic_load_n(&shard->newest, __ATOMIC_RELAXED);
	quiesce_delay();
	while (!__atomic_compare_exchange_n(&shard->newest, &node->next, node, true,
					    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		continue;
	return shard;
}

void quiesce_push(struct call_rcu_data *queue, struct rcu_head *head)
{
	push(queue, &head->next);
}

/*
 * A worker that has as many threads beside it gets as small a part of the processors, and the backlog
 * would grow without end: so each of those who make it grow gives up its turn now and then.
 */
static void note_backlog(struct shard *shard, unsigned long count)
{
	__atomic_store_n(&shard->cpu, quiesce_cpu_current(), __ATOMIC_RELAXED);
	if (count >= QUIESCE_FLOOD && !quiesce_worker_current())
		sched_yield();
}

/* The worker is not simply at work: see whether it needs anything to run what was pushed. */
static void nudge(struct call_rcu_data *queue, struct worker *worker, int32_t state,
		unsigned long count)
{
	quiesce_delay();
	if (!(state & WORKER_THREAD))
		quiesce_worker_start(queue, worker);
	else if (state & WORKER_IDLE)
		quiesce_worker_ask(worker, 0);
	else if ((state & WORKER_LINGER) && count >= QUIESCE_BACKLOG)
		quiesce_worker_ask(worker, WORKER_URGENT);
}

/*
 * [H2] The push comes before the looks at server and state, which all are sequentially consistent;
 * pairs with [H1] in hand_back and with the look for work in doze: either we see the worker asleep,
 * or it sees our callback.
 */
void quiesce_enqueue(struct call_rcu_data *queue, struct rcu_head *head)
{
	struct shard *shard = push(queue, &head->next);
	unsigned long count;
	struct worker *worker;
	int32_t state;

	count = __atomic_load_n(&shard->count, __ATOMIC_RELAXED) + 1;
	__atomic_store_n(&shard->count, count, __ATOMIC_RELAXED);
	if (caa_unlikely(count % QUIESCE_BACKLOG == 0))
		note_backlog(shard, count);
	quiesce_delay();
	worker = quiesce_queue_server(queue, shard);
	quiesce_delay();
	state = __atomic_load_n(&worker->state, __ATOMIC_SEQ_CST);
	if (caa_unlikely((state & (WORKER_THREAD | WORKER_IDLE | WORKER_LINGER)) != WORKER_THREAD))
		nudge(queue, worker, state, count);
}
