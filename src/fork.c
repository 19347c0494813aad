/* SPDX-License-Identifier: MIT */
/*
 * Fork hooks. The parent's other threads are only asked not to be in the middle of a callback, and
 * not to change the list of workers; they may be anywhere else, for as long as they like. What they
 * were in the middle of, the child builds anew: it has one thread, so registry and grace periods
 * start from nothing but that thread, and workers from the callbacks in their queues, which are
 * whole whenever their server is not busy. doc/design/fork.md goes through every row of the
 * contract.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include <urcu/compiler.h>
#include <urcu/flavor.h>

#include "call-rcu.h"
#include "cpu.h"
#include "delay.h"
#include "process.h"
#include "report.h"
#include "wait.h"

/* ---- Between the hooks: one thread at a time, as deep as it likes ---- */

static void for_each_worker(struct flavor *flavor, void (*act)(struct worker *worker))
{
	struct worker_state *all = &flavor->workers;

	struct call_rcu_data *queue;

	act(&all->deferred.own);
	act(&all->standard.own);
	/* A queue that is fostered has given its own worker up, which stands still: no harm. */
	quiesce_for_each_made(queue, all)
		act(&queue->own);
}

/*
 * Wait for another thread's fork. In a section that must not wait for a callback that waits for us:
 * [K2] we raise readers before we look at the workers' states; pairs with [K1] in src/thread.c:
 * what begins to wait after our look is found there.
 */
static void await_turn(struct flavor *flavor)
{
	struct fork_state *fork = &flavor->fork;
	bool reading = quiesce_in_section(flavor);

	if (reading) {
		__atomic_fetch_add(&fork->readers, 1, __ATOMIC_SEQ_CST);
		pthread_mutex_lock(&flavor->workers.lock);
		for_each_worker(flavor, quiesce_worker_set_aside);
		pthread_mutex_unlock(&flavor->workers.lock);
	}
	quiesce_delay();
	pthread_mutex_lock(&fork->lock);
	if (reading)
		__atomic_fetch_sub(&fork->readers, 1, __ATOMIC_SEQ_CST);
}

bool quiesce_between_hooks(const struct flavor *flavor)
{
	return __atomic_load_n(&flavor->fork.owner, __ATOMIC_RELAXED) == quiesce_self();
}

bool quiesce_holds_workers(const struct flavor *flavor)
{
	return quiesce_between_hooks(flavor) && (flavor->fork.pauses || !quiesce_is_ours(flavor));
}

/* Hooks nest as deep as there are bits for them. */
#define NESTED_MAX (8 * sizeof(unsigned long))

/*
 * A worker that forks from a callback may find another thread forking, which waits until no
 * callback runs: so it does not count as running while it waits for its turn.
 */
static void enter(struct flavor *flavor)
{
	struct fork_state *fork = &flavor->fork;

	if (flavor->attend)
		flavor->attend();
	if (quiesce_between_hooks(flavor) && fork->depth == NESTED_MAX)
		quiesce_end_fork(flavor, "called it so often that it cannot be nested");
	if (!quiesce_between_hooks(flavor)) {
		bool suspended = quiesce_suspend(flavor);

		if (pthread_mutex_trylock(&fork->lock) != 0) {
			quiesce_worker_step_aside();
			await_turn(flavor);
			quiesce_worker_step_back();
		}
		quiesce_resume(flavor, suspended);
		quiesce_delay();
		__atomic_store_n(&fork->owner, quiesce_self(), __ATOMIC_RELAXED);
		quiesce_watch_fork(flavor);
	}
	fork->depth++;
	fork->restarts <<= 1;
}

/* One that is of no fork; what it would give back is nobody's, or not ours. */
static bool is_stray(const struct flavor *flavor, const char *function)
{
	if (__atomic_load_n(&flavor->fork.owner, __ATOMIC_RELAXED))
		return false;
	quiesce_report("urcu_%s_%s: no thread has called the hook for before the fork: it does nothing",
		       flavor->name, function);
	return true;
}

/* In the child the lock is as the parent's thread left it: taken, by us, and perhaps waited for. */
static void leave(struct fork_state *fork, bool child)
{
	fork->restarts >>= 1;
	if (--fork->depth)
		return;
	__atomic_store_n(&fork->owner, NULL, __ATOMIC_RELAXED);
	quiesce_delay();
	if (child)
		pthread_mutex_init(&fork->lock, NULL);
	else
		pthread_mutex_unlock(&fork->lock);
}

/* ---- Workers ---- */

/*
 * Returns with workers.lock held and no worker busy. The lock is not held while waiting: the
 * callback waited for may need it. Deferred calls may wait for callbacks, so their worker is to pause
 * while the others still go on.
 */
static void pause_workers(struct flavor *flavor)
{
	struct worker_state *all = &flavor->workers;
	struct call_rcu_data *queue = NULL;
	unsigned int *readers = &flavor->fork.readers;
	bool suspended = quiesce_suspend(flavor), reading = quiesce_in_section(flavor);

	__atomic_fetch_add(readers, reading, __ATOMIC_SEQ_CST);

	quiesce_worker_pause(&all->deferred.own);
	quiesce_delay();
	quiesce_worker_await_pause(&all->deferred.own, readers);
	pthread_mutex_lock(&all->lock);
	all->pausing = true;
	for_each_worker(flavor, quiesce_worker_pause);
	pthread_mutex_unlock(&all->lock);
	quiesce_delay();
	while ((queue = quiesce_queue_next(flavor, queue)))
		quiesce_worker_await_pause(&queue->own, readers);
	quiesce_delay();
	__atomic_fetch_sub(readers, reading, __ATOMIC_SEQ_CST);
	quiesce_resume(flavor, suspended);
	pthread_mutex_lock(&all->lock);
}

static void resume_workers(struct flavor *flavor)
{
	flavor->workers.pausing = false;
	quiesce_delay();
	for_each_worker(flavor, quiesce_worker_resume);
	pthread_mutex_unlock(&flavor->workers.lock);
}

/* ---- Workers in the child ---- */

/* The threads are gone. The forking thread itself may be a worker, in a callback: it goes on. */
static void reset_worker(struct worker *worker)
{
	const int32_t own = WORKER_THREAD | WORKER_BUSY | WORKER_GUEST;

	if (worker == quiesce_worker_current()) {
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
static void reset_queue(struct call_rcu_data *queue)
{
	const struct worker *current = quiesce_worker_current();

	reset_worker(&queue->own);
	queue->pins = quiesce_queue_own_pins(queue);
	/* Whoever was to free it is gone: now the foster is. */
	queue->drained = false;
	queue->forgo = queue->patience = 0;
	if (!queue->batch && !(current && current->serving == queue))
		queue->done = queue->ripe;
}

static void foster(struct worker_state *all, struct call_rcu_data *queue)
{
	queue->server = &all->standard.own;
	queue->next_fostered = all->orphans;
	all->orphans = queue;
}

static void reset_workers(struct flavor *flavor)
{
	struct worker_state *all = &flavor->workers;
	struct call_rcu_data *queue;

	pthread_mutex_init(&all->lock, NULL);
	all->closing = all->pausing = false;
	all->orphans = NULL;
	reset_queue(&all->standard);
	reset_queue(&all->deferred);
	quiesce_for_each_made(queue, all)
		reset_queue(queue);
	quiesce_defer_restart(flavor);
}

/* The standard worker runs what the others' queues hold; it frees them then. */
static void restart_workers(struct flavor *flavor)
{
	struct worker_state *all = &flavor->workers;
	struct worker *current = quiesce_worker_current();
	struct call_rcu_data *queue;

	__atomic_store_n(&flavor->process, quiesce_process(), __ATOMIC_RELEASE);
	flavor->inherited = false;
	reset_workers(flavor);
	quiesce_for_each_made(queue, all)
		if (current != &queue->own)
			foster(all, queue);
	for (unsigned int cpu = 0; all->per_cpu && cpu < quiesce_cpu_count(); cpu++)
		all->per_cpu[cpu] = NULL;
	flavor->thread()->worker = quiesce_in_callback(flavor) ? quiesce_worker_home(current) : NULL;
}

/*
 * Of a fork that the workers were not paused for. The program keeps them, and they get new threads.
 * Only what a thread had in hand at the very moment is lost: the callback that it was in, and at worst
 * the one that it moved.
 */
static void inherit_workers(struct flavor *flavor)
{
	struct worker_state *all = &flavor->workers;
	struct call_rcu_data *queue;

	flavor->inherited = true;
	reset_workers(flavor);
	quiesce_for_each_made(queue, all)
		if (queue->server != &queue->own || (queue->own.state & WORKER_GONE))
			foster(all, queue);
}

/* ---- Registry and grace periods ---- */

/* Once a fork, by the first hook that runs in the child: the next one may find them in use. */
static void restart_registry(struct flavor *flavor)
{
	if (flavor->fork.restarts & 1)
		return;
	flavor->fork.restarts = ~0UL;
	flavor->fork.readers = 0;
	quiesce_registry_reset(&flavor->registry, flavor->self());
	quiesce_gp_child(flavor);
	quiesce_defer_child(flavor);
	if (flavor->child)
		flavor->child();
	if (!flavor->fork.pauses)
		inherit_workers(flavor);
}

void quiesce_registry_before_fork(struct flavor *flavor)
{
	enter(flavor);
}

void quiesce_registry_after_fork_parent(struct flavor *flavor)
{
	if (!is_stray(flavor, "after_fork_parent"))
		leave(&flavor->fork, false);
}

void quiesce_registry_after_fork_child(struct flavor *flavor)
{
	if (is_stray(flavor, "after_fork_child"))
		return;
	restart_registry(flavor);
	if (!flavor->fork.pauses)
		__atomic_store_n(&flavor->process, quiesce_process(), __ATOMIC_RELEASE);
	leave(&flavor->fork, true);
}

/* ---- The hash table's part ---- */

/* The thread between the hooks has the lock already. Returns whether it is to be unlocked. */
static bool lock_hooks(struct flavor *flavor)
{
	if (quiesce_holds_workers(flavor))
		return false;
	pthread_mutex_lock(&flavor->workers.lock);
	return true;
}

static void unlock_hooks(struct flavor *flavor, bool locked)
{
	if (locked)
		pthread_mutex_unlock(&flavor->workers.lock);
}

static struct urcu_atfork *table_hooks(struct flavor *flavor)
{
	bool locked = lock_hooks(flavor);
	struct urcu_atfork *hooks = flavor->fork.table_hooks;

	unlock_hooks(flavor, locked);
	return hooks;
}

void quiesce_set_table_hooks(struct flavor *flavor, struct urcu_atfork *hooks)
{
	bool locked = lock_hooks(flavor);

	if (flavor->fork.table_users++ == 0)
		flavor->fork.table_hooks = hooks;
	unlock_hooks(flavor, locked);
}

void quiesce_unset_table_hooks(struct flavor *flavor, struct urcu_atfork *hooks)
{
	bool locked = lock_hooks(flavor);

	(void)hooks;
	if (flavor->fork.table_users && --flavor->fork.table_users == 0)
		flavor->fork.table_hooks = NULL;
	unlock_hooks(flavor, locked);
}

/* ---- The call_rcu hooks ---- */

void quiesce_before_fork(struct flavor *flavor)
{
	struct fork_state *fork = &flavor->fork;

	enter(flavor);
	fork->pauses <<= 1;
	if (fork->pauses)
		return;
	fork->called_hooks = table_hooks(flavor);
	if (fork->called_hooks)
		fork->called_hooks->before_fork(fork->called_hooks->priv);
	quiesce_delay();
	pause_workers(flavor);
	fork->pauses = 1;
}

void quiesce_after_fork_parent(struct flavor *flavor)
{
	struct fork_state *fork = &flavor->fork;
	bool paused = fork->pauses & 1;

	if (is_stray(flavor, "call_rcu_after_fork_parent"))
		return;
	fork->pauses >>= 1;
	if (paused) {
		resume_workers(flavor);
		if (fork->called_hooks)
			fork->called_hooks->after_fork_parent(fork->called_hooks->priv);
	}
	leave(fork, false);
}

/* The first of nested hooks does the work, so that the child may use RCU before the last. */
void quiesce_after_fork_child(struct flavor *flavor)
{
	struct fork_state *fork = &flavor->fork;

	if (is_stray(flavor, "call_rcu_after_fork_child"))
		return;
	restart_registry(flavor);
	if (fork->pauses) {
		fork->pauses = 0;
		restart_workers(flavor);
		if (fork->called_hooks)
			fork->called_hooks->after_fork_child(fork->called_hooks->priv);
	}
	leave(fork, true);
}

/* ---- Hooks that are forgotten ---- */

void quiesce_end_fork(struct flavor *flavor, const char *how)
{
	struct fork_state *fork = &flavor->fork;
	bool child = !quiesce_is_ours(flavor);

	quiesce_report("urcu_%s_%safter_fork_%s: not called by a thread that %s: the hooks are over",
		       flavor->name, fork->pauses ? "call_rcu_" : "", child ? "child" : "parent", how);
	while (quiesce_between_hooks(flavor)) {
		if (!child)
			quiesce_after_fork_parent(flavor);
		else if (fork->pauses)
			quiesce_after_fork_child(flavor);
		else
			quiesce_registry_after_fork_child(flavor);
	}
}

/* ---- Without hooks ---- */

/* In place of a process's number, while one of its threads is at it. */
#define PROCESS_CLAIMED (-1)

/* A child that nobody told us of: the threads are gone, and what they held. */
static void take_over(struct flavor *flavor)
{
	struct fork_state *fork = &flavor->fork;

	fork->restarts = fork->pauses = 0;
	restart_registry(flavor);
	fork->restarts = 0;
	fork->depth = 0;
	fork->owner = NULL;
	pthread_mutex_init(&fork->lock, NULL);
}

/* The hooks see to it themselves. */
static void inherit(void *arg)
{
	struct flavor *flavor = arg;

	if (!quiesce_between_hooks(flavor)) {
		take_over(flavor);
		flavor->process = quiesce_process();
	}
}

void quiesce_watch_forks(struct flavor *flavor)
{
	if (flavor->heir.inherit)
		return;
	flavor->heir.inherit = inherit;
	flavor->heir.arg = flavor;
	quiesce_process_add_heir(&flavor->heir);
}

/*
 * For children of clone and _Fork. One thread does it, and the others that the child may have by now
 * wait for it; those of them that read are forgotten until they register again.
 */
bool quiesce_claim_process(struct flavor *flavor)
{
	int32_t own = quiesce_process(), seen = __atomic_load_n(&flavor->process, __ATOMIC_ACQUIRE);

	if (caa_likely(seen == own) || quiesce_between_hooks(flavor))
		return true;
	while (seen != own) {
		if (seen == PROCESS_CLAIMED) {
			quiesce_wait(&flavor->process, seen, NULL);
			seen = __atomic_load_n(&flavor->process, __ATOMIC_ACQUIRE);
		} else if (__atomic_compare_exchange_n(&flavor->process, &seen, PROCESS_CLAIMED, false,
						       __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
			take_over(flavor);
			__atomic_store_n(&flavor->process, own, __ATOMIC_RELEASE);
			quiesce_wake(&flavor->process, INT_MAX);
			seen = own;
		}
	}
	return false;
}

/* ---- The same through pthread_atfork ---- */

enum { ATFORK_NO = 0, ATFORK_YES = -1 };

/*
 * Become the one who installs the hooks; false: they are. No lock of ours may be held meanwhile, for
 * pthread_atfork allocates. A fork in the middle leaves the child the id of its parent, which nobody
 * waits for: it tries again, and if the hooks were there already they nest.
 */
static bool claim_atfork(int32_t *atfork)
{
	int32_t own = quiesce_process() + 1, seen = __atomic_load_n(atfork, __ATOMIC_ACQUIRE);

	while (seen != ATFORK_YES) {
		if (seen == own) {
			quiesce_wait(atfork, own, NULL);
			seen = __atomic_load_n(atfork, __ATOMIC_ACQUIRE);
		} else if (__atomic_compare_exchange_n(atfork, &seen, own, false,
						       __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
			return true;
		}
	}
	return false;
}

/*
 * Prepare handlers run in reverse order. An allocator that registers its own at its first use does
 * so now: they run after ours, and no callback waits for a lock that they have taken.
 */
static void wake_allocator(void)
{
	void *volatile block = malloc(1);

	free(block);
}

int quiesce_atfork_enable(struct flavor *flavor, void (*prepare)(void), void (*parent)(void),
		void (*child)(void))
{
	int32_t *atfork = &flavor->fork.atfork;
	int error;

	if (!claim_atfork(atfork))
		return 0;
	wake_allocator();
	error = pthread_atfork(prepare, parent, child);
	/* Release: whoever finds the hooks installed finds them all. */
	__atomic_store_n(atfork, error ? ATFORK_NO : ATFORK_YES, __ATOMIC_RELEASE);
	quiesce_wake(atfork, INT_MAX);
	return error < 0 ? ENOMEM : error;	/* -1: musl before 1.2.4 */
}
