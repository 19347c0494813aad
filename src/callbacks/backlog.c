/* SPDX-License-Identifier: MIT */
/*
 * How much waits, and a limit for it. Who queues more than the limit waits until there is less, where nobody may
 * wait for him, and never for long: what he holds the library cannot know. All of it costs nothing where no
 * limit is set, but for a word that each producer looks at.
 */
#include <errno.h>

#include "callbacks/callbacks.h"
#include "system/system.h"

/* So long a producer waits at most: a reader's section of 100 ms may take two such before a callback runs. */
#define WAIT_MAX	(500 * QUIESCE_NS_PER_MS)
/* Below the limit, one of so many callbacks looks at all queues, and the others at theirs. */
#define LOOK_STRIDE	64
/* Between two looks, while somebody has the lock. */
#define LOOK_PAUSE	(100 * QUIESCE_NS_PER_US)

/* ---- How much waits ---- */

/* With workers.lock. */
static unsigned long callbacks_of_all(struct workers *all)
{
	unsigned long count = quiesce_queue_backlog(&all->standard);
	struct call_rcu_data *queue;

	quiesce_for_each_made(queue, all)
		count += quiesce_queue_backlog(queue);
	return count;
}

static void fill(struct workers *all, struct urcu_backlog *backlog, unsigned long callbacks)
{
	*backlog = (struct urcu_backlog) {
		.callbacks = callbacks,
		.bytes = quiesce_stashes_bytes(all),
		.waits = __atomic_load_n(&all->backlog.waits, __ATOMIC_RELAXED),
		.overruns = __atomic_load_n(&all->backlog.overruns, __ATOMIC_RELAXED),
	};
}

void quiesce_backlog_get(struct workers *all, bool listed, struct urcu_backlog *backlog)
{
	unsigned long callbacks;

	if (!listed)
		quiesce_workers_lock(all, "get_backlog");
	callbacks = callbacks_of_all(all);
	if (!listed)
		quiesce_unlock(&all->lock);
	fill(all, backlog, callbacks);
}

/*
 * For a producer: false if somebody has the lock, for which he must not wait, as a thread that forks has it for
 * long. Most programs make no workers: there is one queue to look at, and no need for the lock.
 */
bool quiesce_backlog_look(struct workers *all, struct urcu_backlog *backlog)
{
	if (!__atomic_load_n(&all->last_id, __ATOMIC_RELAXED)) {
		fill(all, backlog, quiesce_queue_backlog(&all->standard));
		return true;
	}
	if (!quiesce_lock_try(&all->lock))
		return false;
	fill(all, backlog, callbacks_of_all(all));
	quiesce_unlock(&all->lock);
	return true;
}

/* Whether so many times as much would be the limit or more. */
static bool comes_to_limit(struct workers *all, const struct urcu_backlog *seen, unsigned int times)
{
	unsigned long callbacks = __atomic_load_n(&all->backlog.callbacks, __ATOMIC_RELAXED);
	size_t bytes = __atomic_load_n(&all->backlog.bytes, __ATOMIC_RELAXED);

	return (callbacks && times * seen->callbacks >= callbacks) || (bytes && times * seen->bytes >= bytes);
}

/* ---- The limit ---- */

void quiesce_backlog_set_limit(struct workers *all, size_t bytes, unsigned long callbacks)
{
	__atomic_store_n(&all->backlog.bytes, bytes, __ATOMIC_RELAXED);
	__atomic_store_n(&all->backlog.callbacks, callbacks, __ATOMIC_RELAXED);
	__atomic_store_n(&all->limited, bytes || callbacks, __ATOMIC_RELAXED);
	quiesce_delay();
	quiesce_wake_producers(all);
}

/* Release: who finds the handler finds what it is to be given. */
void quiesce_backlog_set_handler(struct workers *all,
		void (*handler)(const struct urcu_backlog *backlog, void *arg), void *arg)
{
	__atomic_store_n(&all->backlog.handler, NULL, __ATOMIC_RELAXED);
	__atomic_store_n(&all->backlog.arg, arg, __ATOMIC_RELEASE);
	__atomic_store_n(&all->backlog.handler, handler, __ATOMIC_RELEASE);
}

/* Its producers make no system call, if they can help it. */
static bool is_rt(const struct call_rcu_data *queue)
{
	return queue->flags & URCU_CALL_RCU_RT;
}

/* One that has no thread gets it as what comes now is queued. */
static bool hurry(struct call_rcu_data *queue)
{
	struct worker *worker = quiesce_queue_server(queue);
	int32_t state = quiesce_worker_state(worker);

	if (is_rt(queue) || !(state & WORKER_THREAD))
		return false;
	if (!(state & WORKER_URGENT) && queue->workers->calls->claim(queue->workers))
		quiesce_worker_ask(worker, WORKER_URGENT);
	return quiesce_worker_state(worker) & WORKER_THREAD;
}

bool quiesce_backlog_is_passed(struct workers *all, struct call_rcu_data *queue, struct urcu_backlog *seen,
		bool *served)
{
	struct backlog_state *backlog = &all->backlog;
	bool passed = __atomic_load_n(&backlog->passed, __ATOMIC_RELAXED);
	bool at_all = passed || __atomic_load_n(&queue->pushed, __ATOMIC_RELAXED) % LOOK_STRIDE == 0;

	if (!at_all || !quiesce_backlog_look(all, seen))
		fill(all, seen, quiesce_queue_backlog(queue));
	*served = comes_to_limit(all, seen, 2) && hurry(queue);
	if (comes_to_limit(all, seen, 1))
		return true;
	if (passed)
		__atomic_store_n(&backlog->passed, false, __ATOMIC_RELAXED);
	return false;
}

/* ---- Beyond it ---- */

static void tell_handler(struct workers *all, const struct urcu_backlog *seen)
{
	struct backlog_state *backlog = &all->backlog;
	void (*handler)(const struct urcu_backlog *, void *) = __atomic_load_n(&backlog->handler, __ATOMIC_ACQUIRE);

	if (!__atomic_exchange_n(&backlog->passed, true, __ATOMIC_RELAXED) && handler)
		handler(seen, __atomic_load_n(&backlog->arg, __ATOMIC_RELAXED));
}

/*
 * Nobody is to wait while a fork or the exit may wait for him, or may hold up those whom he waits for; nor once
 * somebody has waited in vain.
 */
static bool may_wait(const struct workers *all, bool (*is_awaited)(const struct workers *all))
{
	return !__atomic_load_n(&all->backlog.vain, __ATOMIC_RELAXED) &&
	       !__atomic_load_n(&all->closing, __ATOMIC_RELAXED) && !is_awaited(all);
}

/* [B8] sleepers is raised before the look at what is held; pairs with [B7] in src/callbacks/queue.c. */
static bool await_room(struct workers *all, bool (*is_awaited)(const struct workers *all), uint64_t *left)
{
	struct backlog_state *backlog = &all->backlog;
	struct urcu_backlog seen;
	bool room = false;
	int32_t turn;

	__atomic_fetch_add(&backlog->waits, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&backlog->sleepers, 1, __ATOMIC_SEQ_CST);
	while (*left && may_wait(all, is_awaited)) {
		turn = __atomic_load_n(&backlog->turn, __ATOMIC_SEQ_CST);
		quiesce_delay();
		if (!quiesce_backlog_look(all, &seen)) {
			quiesce_spend(left, LOOK_PAUSE);
			continue;
		}
		room = !comes_to_limit(all, &seen, 1);
		if (room)
			break;
		quiesce_wait(&backlog->turn, turn, left);
	}
	__atomic_fetch_sub(&backlog->sleepers, 1, __ATOMIC_RELAXED);
	return room;
}

static void overrun(struct workers *all)
{
	__atomic_fetch_add(&all->backlog.overruns, 1, __ATOMIC_RELAXED);
}

static bool producer_is_awaited(const struct workers *all)
{
	(void)all;
	return quiesce_thread_is_awaited();
}

/*
 * If all the time nobody had cause to wake him, so no batch came to its end, he may hold what a callback or a
 * reader wants: he is the last to wait until one has.
 */
static bool producer_finds_room(struct workers *all)
{
	struct backlog_state *backlog = &all->backlog;
	int32_t first = __atomic_load_n(&backlog->turn, __ATOMIC_RELAXED);
	uint64_t left = WAIT_MAX;
	bool room = await_room(all, producer_is_awaited, &left);

	if (!left && first == __atomic_load_n(&backlog->turn, __ATOMIC_RELAXED))
		__atomic_store_n(&backlog->vain, true, __ATOMIC_RELAXED);
	return room;
}

void quiesce_backlog_pass(struct workers *all, const struct urcu_backlog *seen, bool served)
{
	int saved_errno = errno;

	tell_handler(all, seen);
	if (!served || !may_wait(all, producer_is_awaited) || !producer_finds_room(all))
		overrun(all);
	errno = saved_errno;
}

/* ---- Before a fork ---- */

void quiesce_backlog_set_fork(struct workers *all, unsigned int timeout_ms)
{
	__atomic_store_n(&all->backlog.fork_ms, timeout_ms, __ATOMIC_RELAXED);
}

/* A worker that is RT looks for work by itself. */
static bool hurry_for_fork(struct call_rcu_data *queue)
{
	return is_rt(queue) ? quiesce_worker_state(&queue->own) & WORKER_THREAD : hurry(queue);
}

/* Whether any of them serves. While another thread forks they cannot be told, and hurry afterwards. */
static bool hurry_all(struct workers *all)
{
	bool served = all->calls->claim(all) && hurry_for_fork(&all->standard);
	struct call_rcu_data *queue;

	if (!__atomic_load_n(&all->last_id, __ATOMIC_RELAXED))
		return served;
	if (!quiesce_lock_try(&all->lock))
		return true;
	quiesce_for_each_made(queue, all)
		served |= hurry_for_fork(queue);
	quiesce_unlock(&all->lock);
	return served;
}

/*
 * No worker is paused for the caller yet. between: other hooks of his are open, so that threads that fork wait for
 * him, perhaps in their sections.
 */
void quiesce_backlog_before_fork(struct workers *all, bool between)
{
	uint64_t left = __atomic_load_n(&all->backlog.fork_ms, __ATOMIC_RELAXED) * QUIESCE_NS_PER_MS;
	struct urcu_backlog seen;
	int saved_errno = errno;
	bool suspended;

	if (!left || !__atomic_load_n(&all->limited, __ATOMIC_RELAXED) ||
	    (quiesce_backlog_look(all, &seen) && !comes_to_limit(all, &seen, 1)))
		return;
	suspended = quiesce_domain_suspend(all->domain);
	if (between || !may_wait(all, quiesce_forker_is_awaited) || !hurry_all(all) ||
	    !await_room(all, quiesce_forker_is_awaited, &left))
		overrun(all);
	quiesce_domain_resume(all->domain, suspended);
	errno = saved_errno;
}
