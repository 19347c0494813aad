/* SPDX-License-Identifier: MIT */
/*
 * The word by which others know a worker: who runs it, whether it is busy, and what it is asked. And all
 * that keeps a worker from being busy for a while: a fork, a callback of its own that waits, a stop.
 */
#include <limits.h>
#include <stdlib.h>

#include "callbacks/callbacks.h"
#include "system/sanitize.h"
#include "system/system.h"

/* The workers of all flavors of this copy of the library. Written atomically; none is ever taken out. */
static struct workers *first;

void quiesce_workers_enlist(struct workers *all)
{
	all->next = __atomic_load_n(&first, __ATOMIC_RELAXED);
	/* Release: who sees it in the list sees the next. */
	while (!__atomic_compare_exchange_n(&first, &all->next, all, true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		continue;
}

/* The calling thread's own of the innermost of its current workers, of whatever domain; NULL: it has none. */
static const struct own_calls *innermost(void)
{
	const struct own_calls *found = NULL;

	for (struct workers *all = __atomic_load_n(&first, __ATOMIC_ACQUIRE); all; all = all->next) {
		const struct own_calls *own = all->calls->own();

		if (own->current && (!found || own->nesting > found->nesting))
			found = own;
	}
	return found;
}

static struct worker *current_of_any(void)
{
	const struct own_calls *own = innermost();

	return own ? own->current : NULL;
}

void quiesce_worker_take_place(struct worker *worker)
{
	struct own_calls *own = quiesce_workers_of(worker)->calls->own();
	const struct own_calls *outer = innermost();

	own->nesting = outer ? outer->nesting + 1 : 1;
	own->current = worker;
	own->worker = quiesce_worker_is_deferred(worker) ? NULL : quiesce_worker_home(worker);
}

bool quiesce_in_callback(const struct workers *all)
{
	const struct worker *current = quiesce_worker_current(all);

	return current && !quiesce_worker_is_deferred(current);
}

/*
 * The bits that say it sleeps go as the others come: the word changes, so that a worker on its way
 * to sleep does not, and only the first to ask pays for a wake-up.
 */
void quiesce_worker_ask(struct worker *worker, int32_t bits)
{
	const int32_t asleep = WORKER_IDLE | WORKER_LINGER;
	int32_t state = quiesce_worker_state(worker);

	while (!__atomic_compare_exchange_n(&worker->state, &state, (state | bits) & ~asleep, true,
					    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		continue;
	if (state & asleep)
		quiesce_wake(&worker->state, INT_MAX);
}

/* ---- Busy or not ---- */

/*
 * Whether it has to leave. At exit all have to but those who stand in: their callers wait for what
 * they run.
 */
bool quiesce_worker_must_leave(const struct worker *worker, int32_t state)
{
	return (state & WORKER_STOP) ||
	       (!(state & WORKER_GUEST) &&
		__atomic_load_n(&quiesce_workers_of(worker)->closing, __ATOMIC_SEQ_CST));
}

/* Release: whoever finds us not busy finds the queues whole. */
void quiesce_worker_become_free(struct worker *worker)
{
	quiesce_delay();
	quiesce_tell_release(&worker->state);
	if (__atomic_fetch_and(&worker->state, ~WORKER_BUSY, __ATOMIC_RELEASE) &
	    (WORKER_PAUSE | WORKER_STOP))
		quiesce_wake(&worker->state, INT_MAX);
}

/*
 * Become busy, when no fork is under way; false: leave instead. Acquire: what the forking thread or
 * the last server did to the queues comes before what we do. [X1] BUSY is set before the look at
 * closing; pairs with [X2] in src/process/exit.c: either we see that the process ends, or the exit sees us.
 * Whoever has paused has something to catch up with, and does not linger after this round.
 */
bool quiesce_worker_become_busy(struct worker *worker)
{
	struct watch watch = { 0 };
	int32_t urgent = 0;

	for (;;) {
		int32_t state = quiesce_worker_state(worker);

		quiesce_delay();
		if (quiesce_worker_must_leave(worker, state))
			return false;
		if (state & WORKER_PAUSE) {
			quiesce_forker_wait(quiesce_workers_of(worker), &worker->state, state, &watch,
					    "call_rcu: a worker");
			urgent = WORKER_URGENT;
		} else if (__atomic_compare_exchange_n(&worker->state, &state, state | WORKER_BUSY | urgent,
						       false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
			quiesce_tell_acquire(&worker->state);
			if (caa_unlikely(state & WORKER_WATCHED))
				quiesce_worker_breathe(worker);
			if (!quiesce_worker_must_leave(worker, state))
				return true;
			quiesce_worker_become_free(worker);
			return false;
		}
	}
}

/* ---- Stopping ---- */

void quiesce_worker_ask_to_stop(struct worker *worker, int32_t more_bits)
{
	if (__atomic_fetch_or(&worker->state, WORKER_STOP | more_bits, __ATOMIC_SEQ_CST) & WORKER_THREAD)
		quiesce_wake(&worker->state, INT_MAX);
}

/* Wait until none of bits is set any more. */
bool quiesce_worker_await_none(struct worker *worker, int32_t bits, uint64_t *left, const char *function)
{
	struct watch watch = quiesce_watch();
	int32_t state;

	while ((state = __atomic_load_n(&worker->state, __ATOMIC_SEQ_CST)) & bits) {
		quiesce_delay();
		if (!quiesce_worker_watch(worker, &worker->state, state, left, &watch, function))
			return false;
	}
	return true;
}

/* ---- The forking thread's side ---- */

void quiesce_worker_pause(struct worker *worker)
{
	if (worker != quiesce_worker_current(quiesce_workers_of(worker)))
		__atomic_fetch_or(&worker->state, WORKER_PAUSE, __ATOMIC_SEQ_CST);
}

void quiesce_worker_set_aside(struct worker *worker)
{
	const int32_t all = WORKER_PAUSE | WORKER_BUSY | WORKER_WAITING;
	/* Sequentially consistent, not acquire: the raise of readers [K2] comes before it. */
	int32_t state = __atomic_load_n(&worker->state, __ATOMIC_SEQ_CST);

	while ((state & all) == all)
		if (__atomic_compare_exchange_n(&worker->state, &state,
						(state & ~WORKER_BUSY) | WORKER_ASIDE, false,
						__ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
			quiesce_wake(&worker->state, INT_MAX);
			return;
		}
}

/*
 * So long a fork waits for a deferred call. liburcu's does not wait for any: one may wait for what the forking
 * thread holds. Whoever runs it goes on; the child has it as far as it came, and what is queued behind it.
 */
#define DEFERRED_PATIENCE	QUIESCE_NS_PER_S

/*
 * [K1] The look at readers comes after the look at the state, which changes when a callback begins
 * to wait; pairs with [K2] in src/process/fork.c: a reader raises readers before it looks for such states.
 */
void quiesce_worker_await_pause(struct worker *worker, const unsigned int *readers)
{
	const struct worker *current = quiesce_worker_current(quiesce_workers_of(worker));
	bool deferred = quiesce_worker_is_deferred(worker);
	uint64_t patience = DEFERRED_PATIENCE, *left = deferred ? &patience : NULL;
	struct watch watch = quiesce_watch();
	int32_t state;

	while (worker != current && ((state = __atomic_load_n(&worker->state, __ATOMIC_SEQ_CST)) &
				     WORKER_BUSY)) {
		quiesce_delay();
		if ((state & WORKER_WAITING) && __atomic_load_n(readers, __ATOMIC_SEQ_CST))
			quiesce_worker_set_aside(worker);
		else if (!quiesce_worker_watch(worker, &worker->state, state, left, &watch,
					       "call_rcu_before_fork"))
			return;
	}
}

void quiesce_worker_resume(struct worker *worker)
{
	if (__atomic_fetch_and(&worker->state, ~WORKER_PAUSE, __ATOMIC_SEQ_CST) & WORKER_THREAD)
		quiesce_wake(&worker->state, INT_MAX);
}

/* ---- A callback that waits ---- */

static struct worker *change_bits(int32_t bits)
{
	struct worker *current = current_of_any();

	if (!current || !(quiesce_worker_state(current) & WORKER_BUSY))
		return NULL;
	if (__atomic_fetch_xor(&current->state, bits, __ATOMIC_SEQ_CST) & WORKER_PAUSE)
		quiesce_wake(&current->state, INT_MAX);
	return current;
}

/*
 * A thread that forks in a section holds up the grace period, so neither it nor the thread whose
 * fork it waits for may wait for the callback: BUSY is taken away, and the callback waits, after its
 * grace period, until the fork is over.
 */
struct worker *quiesce_worker_begin_wait(void)
{
	return change_bits(WORKER_WAITING);
}

/* Whom it waits for may wait for any fork to be over, so it gives BUSY away at once. */
struct worker *quiesce_worker_step_out(void)
{
	return change_bits(WORKER_WAITING | WORKER_ASIDE | WORKER_BUSY);
}

static __attribute__((noinline)) void come_back(struct worker *current)
{
	int32_t state = quiesce_worker_state(current);
	struct watch watch = { 0 };

	while (state & WORKER_WAITING) {
		quiesce_delay();
		if ((state & WORKER_ASIDE) && (state & WORKER_PAUSE))
			quiesce_forker_wait(quiesce_workers_of(current), &current->state, state, &watch,
					    "call_rcu: a callback");
		else if (__atomic_compare_exchange_n(&current->state, &state,
				(state & ~(WORKER_WAITING | WORKER_ASIDE)) | WORKER_BUSY, false,
				__ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
			if (caa_unlikely(state & WORKER_WATCHED))
				quiesce_worker_breathe(current);
			return;
		}
		state = quiesce_worker_state(current);
	}
}

void quiesce_worker_end_wait(struct worker *current)
{
	if (current)
		come_back(current);
}

/* ---- In a fork hook, while another thread forks ---- */

void quiesce_worker_step_aside(void)
{
	struct worker *current = current_of_any();

	if (current)
		quiesce_worker_become_free(current);
}

bool quiesce_worker_step_back(void)
{
	struct worker *current = current_of_any();
	int32_t state = current ? quiesce_worker_state(current) : 0;

	while (current && !(state & WORKER_PAUSE))
		if (__atomic_compare_exchange_n(&current->state, &state, state | WORKER_BUSY, true,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return !current;
}

void quiesce_worker_await_resume(void)
{
	struct worker *current = current_of_any();
	struct watch watch = { 0 };
	int32_t state;

	while (current && ((state = quiesce_worker_state(current)) & WORKER_PAUSE))
		quiesce_forker_wait(quiesce_workers_of(current), &current->state, state, &watch,
				    "call_rcu_before_fork");
}

/* ---- Who must not wait ---- */

/* Deferred calls that the thread runs itself are its visits. */
static bool is_awaited_in(struct workers *all)
{
	const struct own_calls *own = all->calls->own();

	return own->current || own->visits || quiesce_domain_holds_up(all->domain) ||
	       __atomic_load_n(&all->pausing, __ATOMIC_RELAXED);
}

bool quiesce_thread_is_awaited(void)
{
	for (struct workers *all = __atomic_load_n(&first, __ATOMIC_ACQUIRE); all; all = all->next)
		if (is_awaited_in(all))
			return true;
	return false;
}

static bool forker_is_awaited_in(struct workers *all, bool forks)
{
	const struct own_calls *own = all->calls->own();
	bool reads = forks ? quiesce_domain_in_section(all->domain) : quiesce_domain_holds_up(all->domain);

	return reads || own->current || own->visits ||
	       __atomic_load_n(&all->pausing, __ATOMIC_RELAXED) == quiesce_self();
}

bool quiesce_forker_is_awaited(const struct workers *forking)
{
	for (struct workers *all = __atomic_load_n(&first, __ATOMIC_ACQUIRE); all; all = all->next)
		if (forker_is_awaited_in(all, all == forking))
			return true;
	return false;
}

/* ---- A grace period, for anybody ---- */

void quiesce_workers_synchronize(struct workers *all, const char *function)
{
	struct domain *domain = all->domain;
	struct worker *waiting;
	bool suspended;

	if (quiesce_domain_in_section(domain)) {
		quiesce_report("urcu_%s_%s: called in a read-side critical section, it would wait for itself for ever",
			       domain->name, function);
		abort();
	}
	all->calls->claim(all);
	if (domain->calls->attend)
		domain->calls->attend();
	suspended = quiesce_domain_suspend(domain);
	waiting = quiesce_worker_begin_wait();
	quiesce_delay();
	quiesce_gp_wait(domain, function);
	quiesce_delay();
	quiesce_worker_end_wait(waiting);
	quiesce_domain_resume(domain, suspended);
}
