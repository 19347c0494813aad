/* SPDX-License-Identifier: MIT */
/*
 * rcu_barrier. Nothing is queued and nothing allocated: each shard counts how often it was emptied
 * (takes) and up to which of those everything has run (done). What is in a shard now has run when
 * done reaches the number of the take that it is in, or will be in.
 */
#include "call-rcu.h"
#include "delay.h"
#include "report.h"
#include "wait.h"

/*
 * A number that done will reach, when all that was queued before this call has run. [B1] takes is
 * read before newest, and the server raises takes before it empties newest [B2], src/worker.c. If
 * newest holds something, it goes into the take after the one we read, or an earlier one has it
 * already. If it holds nothing, whatever it held was taken by now, and the second look at takes
 * counts that take. Without the order the take that holds our callbacks could be missed.
 *
 * Between the server's two steps the number is one too high, and perhaps nothing ever comes that
 * reaches it; so who waits asks again, and believes the lowest answer: each is right.
 */
static unsigned long target_of(const struct shard *shard)
{
	unsigned long takes = __atomic_load_n(&shard->takes, __ATOMIC_SEQ_CST);

	quiesce_delay();
	if (__atomic_load_n(&shard->newest, __ATOMIC_SEQ_CST))
		return takes + 1;
	return __atomic_load_n(&shard->takes, __ATOMIC_SEQ_CST);
}

/* [B4] Acquire: what the callbacks did comes before our return; pairs with [B3] in src/worker.c. */
static bool reached(const struct shard *shard, unsigned long target)
{
	return (long)(__atomic_load_n(&shard->done, __ATOMIC_SEQ_CST) - target) >= 0;
}

/*
 * Have the server run it. If there can be no thread, who waits without limit runs it himself: he
 * holds no lock that the callbacks need, or he would wait in vain anyway.
 */
static struct worker *press(struct call_rcu_data *queue, const struct shard *shard,
		uint64_t deadline)
{
	struct worker *worker = quiesce_queue_server(queue, shard);

	if (quiesce_worker_urge(queue, worker) != 0 && deadline == QUIESCE_FOREVER)
		quiesce_worker_stand_in(queue, worker);
	return worker;
}

/*
 * Somebody who makes the thread may fail, and somebody who stands in leaves: their end is waited
 * for, to press again. A thread, or the one who stops it, will change progress.
 */
static bool await_change(struct call_rcu_data *queue, struct worker *worker, int32_t progress,
		uint64_t deadline)
{
	int32_t state = quiesce_worker_state(worker);

	quiesce_delay();
	if (state & (WORKER_STARTING | WORKER_GUEST))
		return quiesce_wait(&worker->state, state, &(uint64_t){ quiesce_left(deadline) });
	if ((state & (WORKER_THREAD | WORKER_STOP)) || deadline != QUIESCE_FOREVER)
		return quiesce_wait(&queue->progress, progress, &(uint64_t){ quiesce_left(deadline) });
	return true;
}

/*
 * [B6] barriers is raised before the look at done; pairs with [B5] in src/worker.c: without the
 * order the server might find nobody to wake, and we nothing done.
 */
static bool await_shard(struct call_rcu_data *queue, const struct shard *shard,
		unsigned long target, uint64_t deadline)
{
	bool in_time = true;

	__atomic_fetch_add(&queue->barriers, 1, __ATOMIC_SEQ_CST);
	while (in_time) {
		int32_t progress = __atomic_load_n(&queue->progress, __ATOMIC_SEQ_CST);
		unsigned long again = target_of(shard);

		quiesce_delay();
		if ((long)(again - target) < 0)
			target = again;
		if (reached(shard, target))
			break;
		in_time = await_change(queue, press(queue, shard, deadline), progress, deadline);
	}
	__atomic_fetch_sub(&queue->barriers, 1, __ATOMIC_RELAXED);
	return in_time;
}

static bool await_queue(struct call_rcu_data *queue, uint64_t deadline)
{
	unsigned long targets[SHARDS_MAX];
	bool in_time = true;

	for (unsigned int i = 0; i < queue->shard_count; i++)
		targets[i] = target_of(&queue->shards[i]);
	for (unsigned int i = 0; i < queue->shard_count && in_time; i++)
		in_time = await_shard(queue, &queue->shards[i], targets[i], deadline);
	return in_time;
}

/*
 * Get all servers going before we wait for the first of them. False: there is nothing to wait for in
 * any queue.
 */
static bool press_all(struct flavor *flavor, unsigned long last)
{
	struct call_rcu_data *queue = NULL;
	bool any = false;

	while ((queue = quiesce_queue_next(flavor, queue)) && queue->id <= last)
		for (unsigned int i = 0; i < queue->shard_count; i++) {
			const struct shard *shard = &queue->shards[i];

			if (reached(shard, target_of(shard)))
				continue;
			quiesce_worker_urge(queue, quiesce_queue_server(queue, shard));
			any = true;
		}
	if (queue)
		quiesce_queue_unpin(queue);
	return any;
}

/* Queues that are made after the call hold nothing that was queued before it. */
bool quiesce_barrier_until(struct flavor *flavor, uint64_t deadline)
{
	unsigned long last = __atomic_load_n(&flavor->workers.last_id, __ATOMIC_RELAXED);
	struct call_rcu_data *queue = NULL;
	bool suspended = quiesce_suspend(flavor), any = press_all(flavor, last), in_time = true;

	quiesce_delay();
	while (any && in_time && (queue = quiesce_queue_next(flavor, queue)) && queue->id <= last)
		in_time = await_queue(queue, deadline);
	if (queue)
		quiesce_queue_unpin(queue);
	quiesce_resume(flavor, suspended);
	return in_time;
}

void quiesce_barrier(struct flavor *flavor)
{
	if (quiesce_in_section(flavor) || quiesce_in_callback(flavor)) {
		quiesce_report("urcu_%s_barrier: called in a %s: it would wait for itself; it returns "
			       "without waiting", flavor->name, quiesce_in_section(flavor) ?
			       "read-side critical section" : "callback");
		return;
	}
	quiesce_barrier_until(flavor, QUIESCE_FOREVER);
}
