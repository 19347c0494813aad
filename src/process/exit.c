/* SPDX-License-Identifier: MIT */
/*
 * The end of the process, or of the library in it (dlclose). Queued callbacks get one barrier's worth
 * of progress while the program is whole, then no callback runs that nobody waits for, and the
 * threads are stopped and waited for, all within a time limit. doc/design/exit.md has the cases.
 */
#include <errno.h>
#include <stdlib.h>

#include "process/process.h"
#include "system/system.h"

/* In milliseconds, from the environment; 0: wait for nothing at exit. */
#define LIMIT_VARIABLE	"URCU_EXIT_TIMEOUT"
#define LIMIT_DEFAULT	1000
#define LIMIT_MAX	86400000UL
/* Between two tries to get a lock. */
#define TRY_PAUSE	(100 * QUIESCE_NS_PER_US)

/* closing: by rcu_exit, until it is over; by the end of the process or of the library, for good. */
enum { EMPTIED = 1, ENDED = 2 };

static uint64_t time_limit(void)
{
	const char *text = secure_getenv(LIMIT_VARIABLE);
	unsigned long limit;
	char *end;

	/* strtoul takes more for a number: "-1" for the greatest there is. */
	if (!text || *text < '0' || *text > '9')
		return LIMIT_DEFAULT * QUIESCE_NS_PER_MS;
	limit = strtoul(text, &end, 10);
	if (*end)
		limit = LIMIT_DEFAULT;
	return (limit < LIMIT_MAX ? limit : LIMIT_MAX) * QUIESCE_NS_PER_MS;
}

static bool has_ended(const struct engine *engine)
{
	return __atomic_load_n(&engine->workers.closing, __ATOMIC_RELAXED) & ENDED;
}

/*
 * exit runs its functions in the reverse order: what is registered at the first call_rcu runs early. After the end there
 * is nothing to be called for, and musl's atexit waits for ever in a destructor.
 */
void quiesce_exit_await(struct workers *all)
{
	struct engine *engine = quiesce_engine_of(all);

	if (!has_ended(engine) && !__atomic_exchange_n(&engine->exit_awaited, true, __ATOMIC_RELAXED))
		atexit(engine->at_exit);
}

/*
 * exit may be called in a signal handler that interrupted this thread with the lock held: then nobody
 * ever gives it back, and we know by the limit. Whoever else holds it does so for a moment.
 */
static bool can_lock_registry(struct registry *registry, uint64_t *left)
{
	while (pthread_mutex_trylock(&registry->lock) != 0) {
		if (!*left)
			return false;
		quiesce_spend(left, TRY_PAUSE);
	}
	pthread_mutex_unlock(&registry->lock);
	return true;
}

static bool can_lock(struct workers *all, int32_t *lock, uint64_t *left)
{
	if (!quiesce_forker_lock_until(all, lock, left, "exit"))
		return false;
	quiesce_unlock(lock);
	return true;
}

/* Another thread between the fork hooks has the workers paused, and the lock of their list. */
static bool can_walk(struct engine *engine, uint64_t *left)
{
	struct workers *all = &engine->workers;

	return can_lock(all, &engine->fork.lock, left) && can_lock(all, &all->lock, left) &&
	       can_lock_registry(&engine->domain.registry, left);
}

/* The queue of deferred calls is not met on the walk through the queues of callbacks. */
static bool for_each_worker(struct engine *engine, bool (*act)(struct worker *worker, uint64_t *left),
		uint64_t *left)
{
	struct call_rcu_data *queue = NULL;
	bool all = act(&engine->workers.deferred.own, left);

	while ((queue = quiesce_queue_next(&engine->workers, queue)))
		all = act(&queue->own, left) && all;
	return all;
}

static bool ask_to_stop(struct worker *worker, uint64_t *left)
{
	(void)left;
	quiesce_worker_ask_to_stop(worker, 0);
	/* Barriers that count on this thread wait for its end from now on. */
	quiesce_queue_wake_barriers(quiesce_worker_home(worker));
	return true;
}

/* A callback that exits would wait for itself. */
static bool await_halt(struct worker *worker, uint64_t *left)
{
	return worker == quiesce_worker_current(quiesce_workers_of(worker)) ||
	       quiesce_worker_await_none(worker, WORKER_BUSY, left, "exit");
}

static bool is_empty(struct worker *worker, uint64_t *left)
{
	(void)left;
	return quiesce_queue_has_run(quiesce_worker_home(worker));
}

/* As nobody can use them any more, and they are empty: all queues. */
static void free_queues(struct engine *engine)
{
	struct workers *all = &engine->workers;
	struct call_rcu_data *queue, *next, *freed = NULL;
	struct call_rcu_data **table = all->per_cpu;

	quiesce_workers_lock(all, "exit");
	all->orphans = all->standard.own.fostered = NULL;
	if (table)
		__atomic_store_n(&all->per_cpu, NULL, __ATOMIC_RELEASE);
	for (queue = quiesce_queue_behind(all, &all->list); queue; queue = next) {
		next = quiesce_queue_behind(all, &queue->node);
		if (queue->pins)
			continue;
		quiesce_queue_unlink(queue);
		queue->next_fostered = freed;
		freed = queue;
	}
	quiesce_unlock(&all->lock);
	while ((queue = freed)) {
		freed = queue->next_fostered;
		free(queue);
	}
	if (table != all->cpu_room)
		free(table);
}

/*
 * [X2] closing is set before the looks for busy workers; pairs with [X1] in src/callbacks/state.c: a worker
 * that we do not see busy sees it, and runs nothing any more. Returns whether all threads are gone.
 */
static bool close_workers(struct engine *engine, int32_t how, uint64_t *left)
{
	bool own = quiesce_worker_current(&engine->workers) || quiesce_domain_in_section(&engine->domain);

	__atomic_fetch_or(&engine->workers.closing, how, __ATOMIC_SEQ_CST);
	quiesce_delay();
	for_each_worker(engine, ask_to_stop, left);
	return for_each_worker(engine, await_halt, left) && !own &&
	       for_each_worker(engine, quiesce_worker_await_stop, left);
}

/*
 * A section, or a callback, that exits holds up what it would wait for. What free_rcu was given goes with the
 * process.
 */
static void drain(struct engine *engine, uint64_t *left)
{
	if (!quiesce_domain_in_section(&engine->domain) && !quiesce_worker_current(&engine->workers) &&
	    quiesce_barrier_until(&engine->workers, left, "exit") &&
	    quiesce_queue_await(&engine->workers.deferred, left, "exit") && !quiesce_process_ends())
		quiesce_free_until(&engine->workers, left, "exit");
}

/* Where it must not wait it leaves all as it is. */
static bool drain_and_close(struct engine *engine, int32_t how)
{
	uint64_t left = time_limit();
	bool suspended, gone = false;

	if (!quiesce_fork_is_ours(engine) || __atomic_load_n(&engine->workers.inherited, __ATOMIC_RELAXED) ||
	    quiesce_fork_is_between(engine) || !left)
		return false;
	suspended = quiesce_domain_suspend(&engine->domain);
	if (can_walk(engine, &left)) {
		drain(engine, &left);
		gone = close_workers(engine, how, &left);
	}
	quiesce_domain_resume(&engine->domain, suspended);
	return gone;
}

/* Beside another thread's rcu_exit too. */
static bool end_workers(struct engine *engine)
{
	bool gone = drain_and_close(engine, ENDED);

	__atomic_fetch_or(&engine->workers.closing, ENDED, __ATOMIC_SEQ_CST);
	return gone;
}

/* dlclose calls what is registered by atexit after the library's destructor. */
void quiesce_exit(struct engine *engine)
{
	int saved_errno = errno;

	__atomic_store_n(&engine->exit_awaited, false, __ATOMIC_RELAXED);
	if (!has_ended(engine)) {
		quiesce_note_end();
		end_workers(engine);
	}
	errno = saved_errno;
}

/*
 * With no thread of ours left: what nobody can use any more. After rcu_exit queues are in use, by barriers that stand
 * in too. At the end of the process they are for it to end: exit may have interrupted malloc.
 */
static void give_back(struct engine *engine, bool unloaded)
{
	if (!for_each_worker(engine, is_empty, NULL) ||
	    !quiesce_registry_alone(&engine->domain.registry, engine->domain.calls->self()))
		return;
	if (unloaded) {
		free_queues(engine);
		quiesce_stashes_trim(&engine->workers);
	}
	quiesce_registry_trim(&engine->domain.registry);
}

/*
 * Who queued something meanwhile started no thread; one that has not left yet sees to it itself. [X4] closing is
 * cleared before the look for what was queued; pairs with [X3] in src/callbacks/thread.c.
 */
static bool reopen(struct worker *worker, uint64_t *left)
{
	(void)left;
	if (!(__atomic_load_n(&worker->state, __ATOMIC_SEQ_CST) & WORKER_THREAD) &&
	    (!quiesce_queue_has_run(quiesce_worker_home(worker)) || quiesce_worker_has_sweep(worker)))
		quiesce_worker_start(quiesce_queue_server(quiesce_worker_home(worker)));
	return true;
}

/* A lock that somebody has for a moment is waited for once more: without the last look what is queued would stay. */
void quiesce_exit_rest(struct engine *engine)
{
	int saved_errno = errno;
	uint64_t left = time_limit();

	if (__atomic_load_n(&engine->workers.closing, __ATOMIC_RELAXED))
		return;
	if (drain_and_close(engine, EMPTIED))
		give_back(engine, false);
	if (__atomic_fetch_and(&engine->workers.closing, ~EMPTIED, __ATOMIC_SEQ_CST) == EMPTIED && can_walk(engine, &left))
		for_each_worker(engine, reopen, NULL);
	errno = saved_errno;
}

bool quiesce_exit_end(struct engine *engine)
{
	/* Then nobody can use the program's own workers any more; at the end of the process threads may. */
	bool unloaded = quiesce_library_ends(), gone;
	uint64_t left = 0;

	/* Its threads must not outlive its code. */
	if (unloaded && quiesce_fork_is_between(engine))
		quiesce_fork_forgotten(engine, "closes the library");
	if (!has_ended(engine))
		gone = end_workers(engine);
	else
		gone = quiesce_fork_is_ours(engine) && can_walk(engine, &left) &&
		       for_each_worker(engine, quiesce_worker_await_stop, &left);
	if (gone)
		give_back(engine, unloaded);
	return quiesce_fork_is_ours(engine) && can_walk(engine, &left);
}
