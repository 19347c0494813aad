/* SPDX-License-Identifier: MIT */
/*
 * rcu_barrier, and what does it again and again. Nothing is queued and nothing allocated: each queue counts how
 * often it was emptied (takes) and up to which of those everything has run (done). What is in a queue now has run when
 * done reaches the number of the take that it is in, or will be in.
 */
#include "callbacks/callbacks.h"
#include "system/sanitize.h"
#include "system/system.h"

/*
 * A number that done will reach, when all that was queued before this call has run. [B1] takes is
 * read before newest, and the server raises takes before it empties newest; pairs with [B2] in
 * src/callbacks/worker.c. If newest holds something, it goes into the take after the one we read, or an earlier
 * one has it already. If it holds nothing, whatever it held was taken by now, and the second look at
 * takes counts that take. Without the order the take that holds our callbacks could be missed.
 *
 * Between the server's two steps the number is one too high, and perhaps nothing ever comes that
 * reaches it; so who waits asks again, and believes the lowest answer: each is right.
 */
static unsigned long target_of(const struct call_rcu_data *queue)
{
	unsigned long takes = __atomic_load_n(&queue->takes, __ATOMIC_SEQ_CST);

	quiesce_delay();
	if (__atomic_load_n(&queue->newest, __ATOMIC_SEQ_CST))
		return takes + 1;
	return __atomic_load_n(&queue->takes, __ATOMIC_SEQ_CST);
}

/* [B4] Acquire: what the callbacks did comes before our return; pairs with [B3] in src/callbacks/worker.c. */
static bool reached(const struct call_rcu_data *queue, unsigned long target)
{
	if ((long)(__atomic_load_n(&queue->done, __ATOMIC_SEQ_CST) - target) < 0)
		return false;
	quiesce_tell_acquire(&queue->done);
	return true;
}

bool quiesce_queue_has_run(const struct call_rcu_data *queue)
{
	return reached(queue, target_of(queue));
}

/*
 * Have the server run it. If there can be no thread, who waits without limit runs it himself: he
 * holds no lock that the callbacks need, or he would wait in vain anyway.
 */
static struct worker *press(struct call_rcu_data *queue, const uint64_t *left)
{
	struct worker *worker = quiesce_queue_server(queue);

	if (quiesce_worker_urge(worker) != 0 && !left)
		quiesce_worker_stand_in(worker);
	return worker;
}

/*
 * Somebody who makes the thread may fail, somebody who stands in leaves, and so does a thread at
 * exit: their end is waited for, to press again. Other threads, and the one who gives a queue away,
 * will change progress.
 */
static bool await_change(struct call_rcu_data *queue, struct worker *worker, int32_t progress,
		uint64_t *left, struct watch *watch, const char *function)
{
	int32_t state = quiesce_worker_state(worker);

	quiesce_delay();
	if ((state & (WORKER_STARTING | WORKER_GUEST | WORKER_STOP)) && (state & WORKER_THREAD))
		return quiesce_worker_watch(worker, &worker->state, state, left, watch, function);
	if ((state & (WORKER_THREAD | WORKER_GONE)) || left)
		return quiesce_worker_watch(worker, &queue->progress, progress, left, watch, function);
	return true;
}

/*
 * [B6] barriers is raised before the look at done; pairs with [B5] in src/callbacks/worker.c: without the
 * order the server might find nobody to wake, and we nothing done.
 */
bool quiesce_queue_await(struct call_rcu_data *queue, uint64_t *left, const char *function)
{
	unsigned long target = target_of(queue);
	struct watch watch;
	bool in_time = true;

	if (reached(queue, target))
		return true;
	watch = quiesce_watch();
	__atomic_fetch_add(&queue->barriers, 1, __ATOMIC_SEQ_CST);
	while (in_time) {
		int32_t progress = __atomic_load_n(&queue->progress, __ATOMIC_SEQ_CST);
		unsigned long again = target_of(queue);

		quiesce_delay();
		if ((long)(again - target) < 0)
			target = again;
		if (reached(queue, target))
			break;
		in_time = await_change(queue, press(queue, left), progress, left, &watch, function);
	}
	__atomic_fetch_sub(&queue->barriers, 1, __ATOMIC_RELAXED);
	return in_time;
}

/*
 * Get all servers going before we wait for the first of them. False: there is nothing to wait for in
 * any queue.
 */
static bool press_all(struct workers *all, unsigned long last)
{
	struct call_rcu_data *queue = NULL;
	bool any = false;

	while ((queue = quiesce_queue_next(all, queue)) && queue->id <= last) {
		if (quiesce_queue_has_run(queue))
			continue;
		if (!any)
			all->calls->claim(all);
		quiesce_worker_urge(quiesce_queue_server(queue));
		any = true;
	}
	if (queue)
		quiesce_queue_unpin(queue);
	return any;
}

/* Queues that are made after the call hold nothing that was queued before it. */
bool quiesce_barrier_until(struct workers *all, uint64_t *left, const char *function)
{
	unsigned long last = __atomic_load_n(&all->last_id, __ATOMIC_RELAXED);
	struct call_rcu_data *queue = NULL;
	bool suspended = quiesce_domain_suspend(all->domain), any = press_all(all, last), in_time = true;

	quiesce_delay();
	while (any && in_time && (queue = quiesce_queue_next(all, queue)) && queue->id <= last)
		in_time = quiesce_queue_await(queue, left, function);
	if (queue)
		quiesce_queue_unpin(queue);
	quiesce_domain_resume(all->domain, suspended);
	return in_time;
}

/* Each turn counts for so long at least, whatever a clock says: there is an end to it. */
#define TURN_MIN	QUIESCE_NS_PER_US

static bool is_quiet(struct call_rcu_data *queue, unsigned long *takes)
{
	unsigned long target = target_of(queue);

	*takes += target;
	return reached(queue, target);
}

/* Whether each queue is empty as we come by; takes is how often all were emptied. */
static bool are_quiet(struct workers *all, unsigned long *takes)
{
	struct call_rcu_data *queue = NULL;
	bool quiet;

	*takes = 0;
	quiet = is_quiet(&all->deferred, takes);
	while (quiet && (queue = quiesce_queue_next(all, queue)))
		quiet = is_quiet(queue, takes);
	if (queue)
		quiesce_queue_unpin(queue);
	return quiet;
}

/*
 * A callback of one queue may queue on another that we have passed. But if all are found empty twice, and none
 * was emptied between its two looks, then nothing was pushed between them, and all were empty at once.
 */
bool quiesce_drain_until(struct workers *all, uint64_t *left)
{
	bool suspended = quiesce_domain_suspend(all->domain), drained;
	unsigned long takes, takes_again;
	uint64_t none = 0;

	while (!(drained = are_quiet(all, &takes) && quiesce_free_until(all, &none, "urcu_drain") &&
			   are_quiet(all, &takes_again) && takes == takes_again) && *left) {
		*left -= *left < TURN_MIN ? *left : TURN_MIN;
		if (quiesce_barrier_until(all, left, "urcu_drain") && quiesce_queue_await(&all->deferred, left, "urcu_drain"))
			quiesce_free_until(all, left, "urcu_drain");
	}
	quiesce_domain_resume(all->domain, suspended);
	return drained;
}
