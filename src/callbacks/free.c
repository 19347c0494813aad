/* SPDX-License-Identifier: MIT */
/* free_rcu: who gives, who waits until it is freed, and what becomes of it without memory. */
#include <errno.h>
#include <stdlib.h>

#include <urcu/compiler.h>

#include "callbacks/callbacks.h"
#include "callbacks/free.h"
#include "system/system.h"

/* A giver who does not keep up frees at most so much at a time: more than he has given since the last time. */
#define AT_A_TIME	(4 * STASH_ARRAY)
/*
 * Givers lead a grace period for so many pointers, or for so many bytes: where it takes a membarrier that interrupts
 * others it is worth about 150 pairs of malloc and free, and what waits is still to be in a core's own cache.
 */
#define LEAD_MOST	(16 * STASH_ARRAY)
#define LEAD_BYTES	(256UL << 10)

/* ---- Stashes of threads ---- */

/* That of a thread that has ended, with what is left in it. */
static struct stash *adopt_stash(struct workers *all)
{
	struct stash *stash = __atomic_load_n(&all->stashes.list, __ATOMIC_ACQUIRE);

	/* Acquire: what the thread before wrote. */
	for (; stash; stash = stash->next)
		if (!__atomic_load_n(&stash->owned, __ATOMIC_RELAXED) &&
		    !__atomic_exchange_n(&stash->owned, true, __ATOMIC_ACQUIRE))
			break;
	return stash;
}

static struct stash *make_stash(struct workers *all)
{
	struct stash_array *array = malloc(sizeof(*array));
	struct stash *stash;
	void *memory;

	if (!array || posix_memalign(&memory, _Alignof(struct stash), sizeof(*stash)) != 0) {
		free(array);
		return NULL;
	}
	stash = memory;
	__builtin_memset(stash, 0, sizeof(*stash));
	array->base = 0;
	array->next = NULL;
	stash->first = stash->last = array;
	stash->window.pointers = array->pointers;
	stash->window.served = &all->stashes.sweep;
	stash->owned = true;
	stash->next = __atomic_load_n(&all->stashes.list, __ATOMIC_RELAXED);
	/* Release: who finds it finds it whole, a fork's child too. */
	while (!__atomic_compare_exchange_n(&all->stashes.list, &stash->next, stash, true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		continue;
	return stash;
}

/* One for the calling thread; NULL: nobody would take it back, or there is no memory. */
static struct stash *own_stash(struct workers *all)
{
	struct stash *stash;

	if (all->domain->calls->attend)
		all->domain->calls->attend();
	if (!all->calls->watch_end())
		return NULL;
	stash = adopt_stash(all);
	if (!stash)
		stash = make_stash(all);
	if (stash)
		quiesce_stash_set_own(all, stash);
	return stash;
}

void quiesce_free_end(struct workers *all)
{
	struct stash *stash = all->calls->own()->stash;

	if (!stash)
		return;
	quiesce_stash_set_own(all, NULL);
	quiesce_stash_free_spares(stash);
	quiesce_delay();
	/* Release: who adopts it goes on from what we wrote. */
	__atomic_store_n(&stash->owned, false, __ATOMIC_RELEASE);
}

/* ---- Giving ---- */

/*
 * Have the standard worker sweep. Without a thread for it each pointer asks again, with the patience of
 * quiesce_queue_start. The store to sweep comes before the look at the worker's state: see [H2]. [V3] SERVED is
 * stored before the second look at THREAD; pairs with [V4] in src/callbacks/stash.c: either we see that the
 * thread has left, or who took THREAD away sees SERVED.
 */
void quiesce_ask_for_sweep(struct workers *all)
{
	int32_t sweep = SWEEP_NONE;
	int saved_errno = errno;

	__atomic_compare_exchange_n(&all->stashes.sweep, &sweep, SWEEP_UNSERVED, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_RELAXED);
	quiesce_delay();
	quiesce_queue_call(&all->standard, 0);
	sweep = SWEEP_UNSERVED;
	if (quiesce_worker_state(&all->standard.own) & WORKER_THREAD) {
		__atomic_compare_exchange_n(&all->stashes.sweep, &sweep, SWEEP_SERVED, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED);
		quiesce_delay();
		quiesce_worker_leave_sweep(all, &all->standard.own);
	}
	errno = saved_errno;
}

static void keep_to_limit(struct workers *all)
{
	struct urcu_backlog seen;
	bool served;

	if (quiesce_backlog_is_passed(all, &all->standard, &seen, &served))
		quiesce_backlog_pass(all, &seen, served);
}

/* qsbr knows no sections: to wait would be a quiescent state of who is online. */
static bool may_wait(const struct domain *domain)
{
	const struct reader *self = domain->calls->self();

	return domain->announces ? !self || !self->ctr : !quiesce_domain_in_section(domain);
}

/* With signals blocked: exit in a handler would leave a grace period without a leader, and all who wait for it. */
static void try_grace_period(struct domain *domain)
{
	sigset_t before;

	quiesce_block_signals(&before);
	quiesce_gp_try(domain);
	quiesce_unblock_signals(&before);
}

/* He is about to free by himself, a few at a time, and has not given more than what he leads for since the mark. */
static bool keeps_up(const struct workers *all, const struct stash *stash)
{
	return stash != &all->stashes.shared && !__atomic_load_n(&all->stashes.release, __ATOMIC_RELAXED) &&
	       stash->window.given - __atomic_load_n(&stash->mark, __ATOMIC_RELAXED) <= LEAD_MOST + STASH_ARRAY;
}

/* That was not in vain of late. Below a limit of what waits less is to wait. */
static bool is_to_lead(const struct workers *all, const struct stash *stash)
{
	unsigned long waiting = quiesce_stash_waiting(stash);

	return waiting >= AT_A_TIME && !quiesce_stash_is_due(stash) &&
	       __atomic_load_n(&stash->window.given, __ATOMIC_RELAXED) -
	       __atomic_load_n(&stash->tried, __ATOMIC_RELAXED) >= AT_A_TIME &&
	       (waiting >= LEAD_MOST || __atomic_load_n(&all->limited, __ATOMIC_RELAXED) ||
		waiting * __atomic_load_n(&stash->size, __ATOMIC_RELAXED) >= LEAD_BYTES);
}

/*
 * An array is full: free what is due, and if that is not enough have the worker linger no more. Now and then see to
 * it that something is due: as long as no reader is in a section this costs less than to have a worker do so, and
 * what is freed is still in the giver's cache.
 */
static void tidy(struct workers *all, struct stash *stash)
{
	unsigned long most = keeps_up(all, stash) ? STASH_FEW : AT_A_TIME, waiting;

	quiesce_worker_glance(&all->standard.own, NULL);
	quiesce_stash_tidy(all, stash, most);
	if (is_to_lead(all, stash) && may_wait(all->domain)) {
		try_grace_period(all->domain);
		quiesce_stash_tidy(all, stash, most);
		if (!quiesce_stash_is_due(stash))
			__atomic_store_n(&stash->tried, __atomic_load_n(&stash->window.given, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
	}
	waiting = quiesce_stash_waiting(stash);
	if (waiting >= STASH_LEFT_TO_GIVER)
		quiesce_queue_call(&all->standard, waiting);
	if (caa_unlikely(__atomic_load_n(&all->limited, __ATOMIC_RELAXED)))
		keep_to_limit(all);
}

/*
 * exit in a signal handler may have interrupted this thread in here: then nobody gives the lock back, and what
 * destructors give goes with the process.
 */
static bool give_shared(struct workers *all, void *ptr)
{
	struct own_calls *own = all->calls->own();
	struct stash *shared = &all->stashes.shared;
	bool given;

	if (own->shares)
		return true;
	if (__atomic_load_n(&shared->window.given, __ATOMIC_RELAXED) % STASH_ARRAY == 0)
		tidy(all, shared);
	own->shares = true;
	cmm_barrier();
	pthread_mutex_lock(&all->stashes.lock);
	given = quiesce_stash_give(all, shared, ptr);
	pthread_mutex_unlock(&all->stashes.lock);
	cmm_barrier();
	own->shares = false;
	return given;
}

static bool give(struct workers *all, struct stash *stash, void *ptr)
{
	if (!stash)
		stash = own_stash(all);
	if (!stash)
		return give_shared(all, ptr);
	if (stash->window.given % STASH_ARRAY == 0)
		tidy(all, stash);
	return quiesce_stash_give(all, stash, ptr) || give_shared(all, ptr);
}

/*
 * There is no memory for an array, and the room is full. The object cannot be written to, as readers may hold it;
 * and in a section nobody can wait.
 */
static void free_without_memory(struct workers *all, void *ptr)
{
	if (may_wait(all->domain)) {
		quiesce_workers_synchronize(all, "free_rcu");
		quiesce_release(all, ptr);
		return;
	}
	if (!__atomic_exchange_n(&all->stashes.reported, true, __ATOMIC_RELAXED))
		quiesce_report("urcu_%s_free_rcu: no memory to note what is given in a section: it stays "
			       "allocated", all->domain->name);
}

void quiesce_free_the_long_way(struct workers *all, struct stash *stash, void *ptr)
{
	int saved_errno = errno;

	if (!ptr) {
		if (stash && quiesce_stash_waiting(stash))
			quiesce_see_to_sweep(all);
		return;
	}
	/* In a child of clone or of _Fork the sweep is served by nobody. */
	all->calls->claim(all);
	if (give(all, stash, ptr))
		quiesce_see_to_sweep(all);
	else
		free_without_memory(all, ptr);
	if (stash)
		quiesce_see_to_due(all, stash);
	errno = saved_errno;
}

int quiesce_free_with(struct workers *all, void (*release)(void *ptr))
{
	void (*none)(void *ptr) = NULL;

	if (!release)
		return EINVAL;
	if (__atomic_load_n(&all->stashes.list, __ATOMIC_RELAXED) ||
	    __atomic_load_n(&all->stashes.shared.window.given, __ATOMIC_RELAXED) ||
	    !__atomic_compare_exchange_n(&all->stashes.release, &none, release, false, __ATOMIC_RELEASE,
					 __ATOMIC_RELAXED))
		return EBUSY;
	return 0;
}

void quiesce_free_at(struct workers *all, struct rcu_head *head, size_t offset)
{
	quiesce_workers_call(all, head, (void (*)(struct rcu_head *))(uintptr_t)(offset + 1));
}

/* ---- Waiting ---- */

static bool empty_all(struct workers *all)
{
	struct stash *stash = NULL;
	bool empty = true;

	while ((stash = quiesce_stash_next(all, stash)))
		empty &= quiesce_stash_empty(all, stash);
	return empty;
}

/*
 * After the first look at a stash all that was given is marked, or what was given before is. The grace period that
 * follows is enough for that, so by the second all is marked, or freed; and by the third it is freed. Whoever has
 * the turn in between only gets ahead of us.
 */
void quiesce_free_barrier(struct workers *all)
{
	bool suspended = quiesce_domain_suspend(all->domain), empty = empty_all(all);

	if (!empty && all->domain->calls->attend)
		all->domain->calls->attend();
	for (int i = 0; i < 2 && !empty; i++) {
		quiesce_delay();
		quiesce_gp_wait(all->domain, "barrier");
		empty = empty_all(all);
	}
	quiesce_domain_resume(all->domain, suspended);
}

/* Between two looks: whoever frees the last pointer, a giver or a worker, tells nobody when he comes to its end. */
#define LOOK_PAUSE	(100 * QUIESCE_NS_PER_US)

static bool await_freed(struct workers *all, const struct stash *stash, uint64_t *left, const char *function)
{
	unsigned long given = __atomic_load_n(&stash->window.given, __ATOMIC_RELAXED);

	while (!quiesce_stash_has_freed(stash, given)) {
		if (!*left || quiesce_worker_urge(&all->standard.own) != 0)
			return false;
		quiesce_worker_glance(&all->standard.own, function);
		quiesce_spend(left, LOOK_PAUSE);
	}
	return true;
}

bool quiesce_free_until(struct workers *all, uint64_t *left, const char *function)
{
	struct stash *stash = NULL;
	bool freed = true;

	while (freed && (stash = quiesce_stash_next(all, stash)))
		freed = await_freed(all, stash, left, function);
	return freed;
}
