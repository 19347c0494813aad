/* SPDX-License-Identifier: MIT */
/*
 * Fork hooks. The parent's other threads are only asked not to be in the middle of a callback, and
 * not to change the list of workers; they may be anywhere else, for as long as they like. What they
 * were in the middle of, the child builds anew: it has one thread, so registry and grace periods
 * start from nothing but that thread, and workers from the callbacks in their queues, which are
 * whole whenever their server is not busy. doc/design/fork.md goes through every row of the
 * contract.
 */
#include <limits.h>
#include <stddef.h>

#include <urcu/compiler.h>
#include <urcu/flavor.h>

#include "process/process.h"
#include "system/probe.h"
#include "system/system.h"

/* ---- Between the hooks: one thread at a time, as deep as it likes ---- */

static void for_each_worker(struct engine *engine, void (*act)(struct worker *worker))
{
	struct workers *all = &engine->workers;
	struct call_rcu_data *queue;

	act(&all->deferred.own);
	act(&all->standard.own);
	/* A queue that is fostered has given its own worker up, which stands still: no harm. */
	quiesce_for_each_made(queue, all)
		act(&queue->own);
}

/*
 * Wait for another thread's fork. A callback of another flavor finds that one's fork under way, perhaps: it lets
 * that pass, which may have to pass here as well. In a section that must not wait for a callback that waits for us:
 * [K2] we raise readers before we look at the workers' states; pairs with [K1] in src/callbacks/state.c:
 * what begins to wait after our look is found there.
 */
static void await_turn(struct engine *engine)
{
	struct fork_state *fork = &engine->fork;
	struct workers *all = &engine->workers;
	bool reading = quiesce_domain_in_section(&engine->domain);

	quiesce_worker_step_aside();
	if (reading) {
		__atomic_fetch_add(&fork->readers, 1, __ATOMIC_SEQ_CST);
		quiesce_forker_lock(all, &all->lock, "call_rcu_before_fork");
		for_each_worker(engine, quiesce_worker_set_aside);
		quiesce_unlock(&all->lock);
	}
	quiesce_delay();
	quiesce_forker_lock(all, &fork->lock, "call_rcu_before_fork");
	while (!quiesce_worker_step_back()) {
		quiesce_unlock(&fork->lock);
		quiesce_worker_await_resume();
		quiesce_forker_lock(all, &fork->lock, "call_rcu_before_fork");
	}
	if (reading)
		__atomic_fetch_sub(&fork->readers, 1, __ATOMIC_SEQ_CST);
}

bool quiesce_fork_is_ours(const struct engine *engine)
{
	return __atomic_load_n(&engine->generation, __ATOMIC_ACQUIRE) == quiesce_generation();
}

bool quiesce_fork_is_between(const struct engine *engine)
{
	return __atomic_load_n(&engine->fork.owner, __ATOMIC_RELAXED) == quiesce_self();
}

bool quiesce_fork_holds_workers(const struct engine *engine)
{
	return quiesce_fork_is_between(engine) && (engine->fork.pauses || !quiesce_fork_is_ours(engine));
}

/* Hooks nest as deep as there are bits for them. */
#define NESTED_MAX (8 * sizeof(unsigned long))

/*
 * A worker that forks from a callback may find another thread forking, which waits until no
 * callback runs: so it does not count as running while it waits for its turn.
 */
static void enter(struct engine *engine)
{
	struct fork_state *fork = &engine->fork;

	if (engine->domain.calls->attend)
		engine->domain.calls->attend();
	if (quiesce_fork_is_between(engine) && fork->depth == NESTED_MAX)
		quiesce_fork_forgotten(engine, "called it so often that it cannot be nested");
	if (!quiesce_fork_is_between(engine)) {
		bool suspended;

		/* In a child that nobody told us of a dead thread may have the lock. */
		quiesce_fork_claim(&engine->workers);
		suspended = quiesce_domain_suspend(&engine->domain);
		if (!quiesce_lock_try(&fork->lock))
			await_turn(engine);
		quiesce_domain_resume(&engine->domain, suspended);
		quiesce_delay();
		__atomic_store_n(&fork->owner, quiesce_self(), __ATOMIC_RELAXED);
		__atomic_store_n(&fork->forks, fork->forks + 1, __ATOMIC_RELAXED);
		quiesce_forker_set(&engine->workers);
		if (engine->watch)
			engine->watch();
	}
	fork->depth++;
	fork->restarts <<= 1;
}

/* One that is of no fork; what it would give back is nobody's, or not ours. */
static bool is_stray(const struct engine *engine, const char *function)
{
	if (__atomic_load_n(&engine->fork.owner, __ATOMIC_RELAXED))
		return false;
	quiesce_report("urcu_%s_%s: no thread has called the hook for before the fork: it does nothing",
		       engine->domain.name, function);
	return true;
}

/* In the child the lock is as the parent's thread left it: taken, by us, and perhaps waited for by nobody who is there. */
static void leave(struct engine *engine)
{
	struct fork_state *fork = &engine->fork;

	fork->restarts >>= 1;
	if (--fork->depth)
		return;
	__atomic_store_n(&fork->owner, NULL, __ATOMIC_RELAXED);
	quiesce_forker_unset(&engine->workers);
	quiesce_delay();
	quiesce_unlock(&fork->lock);
}

/* ---- Workers ---- */

/*
 * Returns with workers.lock held and no worker busy. The lock is not held while waiting: the
 * callback waited for may need it. Deferred calls may wait for callbacks, so their worker is to pause
 * while the others still go on.
 */
static void pause_workers(struct engine *engine)
{
	struct workers *all = &engine->workers;
	struct call_rcu_data *queue = NULL;
	unsigned int *readers = &engine->fork.readers;
	bool suspended = quiesce_domain_suspend(&engine->domain), reading = quiesce_domain_in_section(&engine->domain);

	__atomic_fetch_add(readers, reading, __ATOMIC_SEQ_CST);

	quiesce_worker_pause(&all->deferred.own);
	quiesce_delay();
	quiesce_worker_await_pause(&all->deferred.own, readers);
	quiesce_forker_lock(all, &all->lock, "call_rcu_before_fork");
	__atomic_store_n(&all->pausing, quiesce_self(), __ATOMIC_RELAXED);
	for_each_worker(engine, quiesce_worker_pause);
	quiesce_unlock(&all->lock);
	quiesce_wake_producers(all);
	quiesce_delay();
	while ((queue = quiesce_queue_next(&engine->workers, queue)))
		quiesce_worker_await_pause(&queue->own, readers);
	quiesce_delay();
	__atomic_fetch_sub(readers, reading, __ATOMIC_SEQ_CST);
	quiesce_domain_resume(&engine->domain, suspended);
	quiesce_forker_lock(all, &all->lock, "call_rcu_before_fork");
}

static void resume_workers(struct engine *engine)
{
	__atomic_store_n(&engine->workers.pausing, NULL, __ATOMIC_RELAXED);
	quiesce_delay();
	for_each_worker(engine, quiesce_worker_resume);
	quiesce_unlock(&engine->workers.lock);
}

/* ---- Workers in the child ---- */

/* The threads are gone. The forking thread itself may be a worker, in a callback: it goes on. */
static void reset_worker(const struct workers *all, struct worker *worker)
{
	const int32_t own = WORKER_THREAD | WORKER_BUSY | WORKER_GUEST;

	if (worker == quiesce_worker_current(all)) {
		worker->state &= own;
	} else {
		worker->state &= WORKER_FRESH | WORKER_GONE;
		worker->serving = NULL;
	}
	worker->rounds = 0;
	worker->fostered = NULL;
}

/*
 * done may lag behind in a queue whose last callback had just run; not in the one whose callback
 * forks.
 */
static void reset_queue(const struct workers *all, struct call_rcu_data *queue)
{
	const struct worker *current = quiesce_worker_current(all);

	reset_worker(all, &queue->own);
	queue->pins = quiesce_queue_own_pins(queue);
	/* Whoever was to free it is gone: now the foster is. */
	queue->drained = false;
	queue->forgo = queue->patience = 0;
	if (!queue->batch && !(current && current->serving == queue))
		queue->done = queue->ripe;
}

static void foster(struct workers *all, struct call_rcu_data *queue)
{
	queue->server = &all->standard.own;
	queue->next_fostered = all->orphans;
	all->orphans = queue;
}

static void make_fresh(struct worker *worker)
{
	worker->state |= WORKER_FRESH;
}

/*
 * A thread in exit stays there: what it has yet to call must find no callback that runs by itself. The exit, or
 * rcu_exit, of another thread is over: the next call_rcu registers for an exit of this process.
 */
static void reset_end(struct engine *engine)
{
	bool ends = quiesce_child_ends();

	/* Atomically: of a child that nobody told us of, another thread may be about to claim it, too. */
	if (!ends)
		__atomic_store_n(&engine->workers.closing, 0, __ATOMIC_RELAXED);
	if (!ends && !engine->exit_awaited)
		for_each_worker(engine, make_fresh);
}

static void reset_workers(struct engine *engine)
{
	struct workers *all = &engine->workers;
	struct call_rcu_data *queue;

	all->lock = 0;
	all->pausing = NULL;
	all->orphans = NULL;
	all->backlog.sleepers = 0;
	reset_queue(all, &all->standard);
	reset_queue(all, &all->deferred);
	quiesce_for_each_made(queue, all)
		reset_queue(all, queue);
	reset_end(engine);
	quiesce_defer_restart(&engine->workers);
}

/* The standard worker runs what the others' queues hold; it frees them then. */
static void restart_workers(struct engine *engine)
{
	struct workers *all = &engine->workers;
	struct worker *current = quiesce_worker_current(all);
	struct call_rcu_data *queue;

	__atomic_store_n(&engine->generation, quiesce_generation(), __ATOMIC_RELEASE);
	engine->workers.inherited = false;
	reset_workers(engine);
	quiesce_for_each_made(queue, all)
		if (current != &queue->own)
			foster(all, queue);
	for (unsigned int cpu = 0; all->per_cpu && cpu < quiesce_cpu_count(); cpu++)
		all->per_cpu[cpu] = NULL;
	all->calls->own()->worker = quiesce_in_callback(all) ? quiesce_worker_home(current) : NULL;
}

/*
 * Of a fork that the workers were not paused for. The program keeps them, and they get new threads.
 * Only what a thread had in hand at the very moment is lost: the callback that it was in, and at worst
 * what it moved.
 */
static void inherit_workers(struct engine *engine)
{
	struct workers *all = &engine->workers;
	struct call_rcu_data *queue;

	engine->workers.inherited = true;
	quiesce_workers_mend(all);
	quiesce_queue_mend(&all->standard);
	quiesce_for_each_made(queue, all)
		quiesce_queue_mend(queue);
	reset_workers(engine);
	quiesce_for_each_made(queue, all)
		if (queue->server != &queue->own || (queue->own.state & WORKER_GONE))
			foster(all, queue);
}

/* ---- Registry and grace periods ---- */

/* This child's hooks are called by its first thread, or will be: others leave them that. */
static void note_hooks(struct engine *engine)
{
	__atomic_store_n(&engine->fork.hooked, quiesce_generation(), __ATOMIC_RELAXED);
}

/* Once a fork, by the first hook that runs in the child: the next one may find them in use. */
static void restart_registry(struct engine *engine)
{
	if (engine->fork.restarts & 1)
		return;
	engine->fork.restarts = ~0UL;
	engine->fork.readers = 0;
	if (quiesce_fork_is_between(engine)) {
		note_hooks(engine);
		quiesce_forker_set(&engine->workers);
	}
	quiesce_registry_reset(&engine->domain.registry, engine->domain.calls->self());
	quiesce_gp_child(&engine->domain);
	quiesce_defer_child(&engine->workers);
	quiesce_stashes_child(&engine->workers);
	if (engine->child)
		engine->child();
	if (!engine->fork.pauses)
		inherit_workers(engine);
}

void quiesce_fork_registry_before(struct engine *engine)
{
	enter(engine);
}

void quiesce_fork_registry_parent(struct engine *engine)
{
	if (!is_stray(engine, "after_fork_parent"))
		leave(engine);
}

void quiesce_fork_registry_child(struct engine *engine)
{
	if (is_stray(engine, "after_fork_child"))
		return;
	restart_registry(engine);
	if (!engine->fork.pauses)
		__atomic_store_n(&engine->generation, quiesce_generation(), __ATOMIC_RELEASE);
	leave(engine);
}

/* ---- The hash table's part ---- */

/* The thread between the hooks has the lock already. Returns whether it is to be unlocked. */
static bool lock_hooks(struct engine *engine)
{
	if (quiesce_fork_holds_workers(engine))
		return false;
	quiesce_workers_lock(&engine->workers, "register_rculfhash_atfork");
	return true;
}

static void unlock_hooks(struct engine *engine, bool locked)
{
	if (locked)
		quiesce_unlock(&engine->workers.lock);
}

static struct urcu_atfork *table_hooks(struct engine *engine)
{
	bool locked = lock_hooks(engine);
	struct urcu_atfork *hooks = engine->fork.table_hooks;

	unlock_hooks(engine, locked);
	return hooks;
}

void quiesce_fork_set_table(struct engine *engine, struct urcu_atfork *hooks)
{
	bool locked = lock_hooks(engine);

	if (engine->fork.table_users++ == 0)
		engine->fork.table_hooks = hooks;
	unlock_hooks(engine, locked);
}

void quiesce_fork_unset_table(struct engine *engine, struct urcu_atfork *hooks)
{
	bool locked = lock_hooks(engine);

	(void)hooks;
	if (engine->fork.table_users && --engine->fork.table_users == 0)
		engine->fork.table_hooks = NULL;
	unlock_hooks(engine, locked);
}

/* ---- The call_rcu hooks ---- */

/* Other threads may be forking. */
#define PROBE(probe, engine)									\
	quiesce_probe(probe, (engine)->domain.name,						\
		      __atomic_load_n(&(engine)->fork.forks, __ATOMIC_RELAXED),			\
		      __atomic_load_n(&(engine)->workers.last_id, __ATOMIC_RELAXED))

void quiesce_fork_before(struct engine *engine)
{
	struct fork_state *fork = &engine->fork;
	bool between = quiesce_fork_is_between(engine);

	if (!between || !fork->pauses)
		quiesce_backlog_before_fork(&engine->workers, between);
	enter(engine);
	fork->pauses <<= 1;
	if (fork->pauses)
		return;
	fork->called_hooks = table_hooks(engine);
	if (fork->called_hooks)
		fork->called_hooks->before_fork(fork->called_hooks->priv);
	quiesce_delay();
	PROBE(fork_before, engine);
	pause_workers(engine);
	PROBE(fork_paused, engine);
	fork->pauses = 1;
}

void quiesce_fork_parent(struct engine *engine)
{
	struct fork_state *fork = &engine->fork;
	bool paused = fork->pauses & 1;

	if (is_stray(engine, "call_rcu_after_fork_parent"))
		return;
	fork->pauses >>= 1;
	if (paused) {
		PROBE(fork_parent, engine);
		resume_workers(engine);
		if (fork->called_hooks)
			fork->called_hooks->after_fork_parent(fork->called_hooks->priv);
	}
	leave(engine);
}

/* The first of nested hooks does the work, so that the child may use RCU before the last. */
void quiesce_fork_child(struct engine *engine)
{
	struct fork_state *fork = &engine->fork;

	if (is_stray(engine, "call_rcu_after_fork_child"))
		return;
	restart_registry(engine);
	if (fork->pauses) {
		fork->pauses = 0;
		PROBE(fork_child, engine);
		restart_workers(engine);
		if (fork->called_hooks)
			fork->called_hooks->after_fork_child(fork->called_hooks->priv);
	}
	leave(engine);
}

/* ---- Hooks that are forgotten ---- */

void quiesce_fork_forgotten(struct engine *engine, const char *how)
{
	struct fork_state *fork = &engine->fork;
	bool child = !quiesce_fork_is_ours(engine);

	quiesce_report("urcu_%s_%safter_fork_%s: not called by a thread that %s: the hooks are over",
		       engine->domain.name, fork->pauses ? "call_rcu_" : "",
		       child ? "child" : "parent", how);
	while (quiesce_fork_is_between(engine)) {
		if (!child)
			quiesce_fork_parent(engine);
		else if (fork->pauses)
			quiesce_fork_child(engine);
		else
			quiesce_fork_registry_child(engine);
	}
}

/* It would wait for itself, for workers.lock. */
void quiesce_fork_after_batch(struct workers *all)
{
	struct engine *engine = quiesce_engine_of(all);

	if (caa_unlikely(quiesce_fork_holds_workers(engine)))
		quiesce_fork_forgotten(engine, "returned from a callback");
}

/* ---- Without hooks ---- */

/* In place of a process's number, while one of its threads is at it. */
#define PROCESS_CLAIMED (-1)

/* A child that nobody told us of: the threads are gone, and what they held. */
static void take_over(struct engine *engine)
{
	struct fork_state *fork = &engine->fork;

	fork->restarts = fork->pauses = 0;
	restart_registry(engine);
	fork->restarts = 0;
	fork->depth = 0;
	__atomic_store_n(&fork->owner, NULL, __ATOMIC_RELAXED);
	fork->lock = 0;
	quiesce_forker_unset(&engine->workers);
}

/* The hooks see to it themselves. */
static void inherit(void *arg)
{
	struct engine *engine = arg;

	if (quiesce_fork_is_between(engine)) {
		note_hooks(engine);
	} else {
		take_over(engine);
		engine->generation = quiesce_generation();
	}
}

void quiesce_fork_watch(struct engine *engine)
{
	if (engine->heir.inherit)
		return;
	engine->heir.inherit = inherit;
	engine->heir.arg = engine;
	quiesce_add_heir(&engine->heir);
}

/*
 * One thread takes over, and the others that the child may have by now wait for it. Not in a signal handler of that
 * thread, whose first section of bp would come here.
 */
static __attribute__((noinline)) void claim_child(struct engine *engine, int32_t own)
{
	sigset_t before;
	int32_t seen;

	quiesce_block_signals(&before);
	while ((seen = __atomic_load_n(&engine->generation, __ATOMIC_ACQUIRE)) != own) {
		if (seen == PROCESS_CLAIMED) {
			quiesce_wait(&engine->generation, seen, NULL);
		} else if (__atomic_compare_exchange_n(&engine->generation, &seen, PROCESS_CLAIMED, false,
						       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
			take_over(engine);
			__atomic_store_n(&engine->generation, own, __ATOMIC_RELEASE);
			quiesce_wake(&engine->generation, INT_MAX);
		}
	}
	quiesce_unblock_signals(&before);
}

/*
 * For children of clone and _Fork. Who registers, parts or waits for a grace period comes here first, so no reader of
 * the child's is forgotten.
 */
bool quiesce_fork_claim(struct workers *all)
{
	struct engine *engine = quiesce_engine_of(all);
	int32_t own = quiesce_generation();

	if (caa_likely(__atomic_load_n(&engine->generation, __ATOMIC_ACQUIRE) == own) || quiesce_fork_is_between(engine) ||
	    __atomic_load_n(&engine->fork.hooked, __ATOMIC_RELAXED) == own)
		return true;
	claim_child(engine, own);
	return false;
}
