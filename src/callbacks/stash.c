/* SPDX-License-Identifier: MIT */
/*
 * What free_rcu is given. Each thread that gives has a stash: a queue of arrays with one giver and, at a time,
 * one who frees (its consumer, who has the turn). The giver takes no lock: he writes a pointer, then given; the
 * consumer moves freed, then frees. So a fork's child finds each pointer given or not, and freed or not, and
 * goes on from there.
 *
 * Time is told by the mark. Who has the turn frees up to the mark when the grace period of the ticket is over;
 * then marks what has been given by now, with a new ticket, taken after he has seen it. So each pointer waits for a
 * grace period that began after it was given, and is freed by the second look after that.
 *
 * Who looks: the giver, each time that an array is full, a few arrays at a time: he frees more than he gives. The
 * standard worker, for givers who have come to rest or are gone, once after each grace period as long as anything
 * waits (a sweep). And rcu_barrier.
 */
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>

#include <urcu/compiler.h>

#include "callbacks/callbacks.h"
#include "system/sanitize.h"
#include "system/system.h"

/* The size is the mean of about so many. */
#define SIZES_MEAN	8
/* The pointer's own, and what allocators have in front of a block. */
#define OVERHEAD	(2 * sizeof(void *))
/* For want of memory: arrays of the shared stashes of this copy of the library. Untouched they take none. */
#define RESERVE		32
static struct stash_array reserve[RESERVE];
static unsigned long reserve_used;	/* so many belong to a stash; atomically */

/* Acquire: what was done before it was registered comes before it runs. */
static void (*release_of(const struct workers *all))(void *ptr)
{
	void (*release)(void *ptr) = __atomic_load_n(&all->stashes.release, __ATOMIC_ACQUIRE);

	return release ? release : free;
}

void quiesce_release(const struct workers *all, void *ptr)
{
	release_of(all)(ptr);
}

unsigned long quiesce_stash_waiting(const struct stash *stash)
{
	/* Acquire: who sees it sees whose turn it is. */
	unsigned long freed = __atomic_load_n(&stash->freed, __ATOMIC_ACQUIRE);

	return __atomic_load_n(&stash->given, __ATOMIC_RELAXED) - freed;
}

/* Acquire: what was freed is. freed moves first, so who has the turn may not have come to the end of the last one. */
bool quiesce_stash_has_freed(const struct stash *stash, unsigned long given)
{
	if ((long)(__atomic_load_n(&stash->freed, __ATOMIC_ACQUIRE) - given) < 0 ||
	    __atomic_load_n(&stash->turn, __ATOMIC_ACQUIRE) != 0)
		return false;
	quiesce_tell_acquire(&stash->turn);
	return true;
}

/* ---- The giver's side ---- */

/* NULL: none. Nobody else takes a spare one: so the first, if it is still the first, still has the same next. */
static struct stash_array *take_spare(struct stash *stash)
{
	/* Acquire: its last pointer has been read. */
	struct stash_array *array = __atomic_load_n(&stash->spare, __ATOMIC_ACQUIRE);

	while (array && !__atomic_compare_exchange_n(&stash->spare, &array, array->next, true, __ATOMIC_ACQUIRE,
						     __ATOMIC_ACQUIRE))
		continue;
	return array;
}

void quiesce_stash_free_spares(struct stash *stash)
{
	struct stash_array *array;

	while ((array = take_spare(stash)))
		free(array);
}

static struct stash_array *reserved_array(void)
{
	unsigned long used = __atomic_load_n(&reserve_used, __ATOMIC_RELAXED);

	while (used < RESERVE)
		if (__atomic_compare_exchange_n(&reserve_used, &used, used + 1, true, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return &reserve[used];
	return NULL;
}

static struct stash_array *new_array(const struct workers *all, struct stash *stash)
{
	struct stash_array *array = take_spare(stash);

	if (!array)
		array = malloc(sizeof(*array));
	return array || stash != &all->stashes.shared ? array : reserved_array();
}

/*
 * The last array is full. If all of it is freed it is used again: nobody looks into it before given moves. Acquire:
 * its pointers have been read.
 */
static bool extend(const struct workers *all, struct stash *stash, unsigned long given)
{
	struct stash_array *array;

	if (__atomic_load_n(&stash->freed, __ATOMIC_ACQUIRE) == given) {
		stash->last->base = given;
		return true;
	}
	array = new_array(all, stash);
	if (!array)
		return false;
	array->base = given;
	array->next = NULL;
	/* In a fork's child the array that is reached is whole. */
	__atomic_store_n(&stash->last->next, array, __ATOMIC_RELEASE);
	quiesce_delay();
	__atomic_store_n(&stash->last, array, __ATOMIC_RELEASE);
	return true;
}

/* While it is his. Of a function in free's place nothing is known. */
static void measure(const struct workers *all, struct stash *stash, void *ptr)
{
	size_t size = stash->size;

	if (__atomic_load_n(&all->stashes.release, __ATOMIC_RELAXED))
		return;
	size = size - size / SIZES_MEAN + (malloc_usable_size(ptr) + OVERHEAD) / (size ? SIZES_MEAN : 1);
	__atomic_store_n(&stash->size, size, __ATOMIC_RELAXED);
}

bool quiesce_stash_give(struct workers *all, struct stash *stash, void *ptr)
{
	unsigned long given = stash->given;

	if (given % STASH_STRIDE == 0)
		measure(all, stash, ptr);
	if (given - stash->last->base == STASH_ARRAY && !extend(all, stash, given))
		return false;
	quiesce_stash_put(stash, ptr);
	return true;
}

/* ---- The consumer's side ---- */

static bool try_turn(struct stash *stash)
{
	if (!quiesce_lock_try(&stash->turn))
		return false;
	quiesce_hold(&stash->consumer);
	return true;
}

/* False: it is the calling thread's, in a release function. */
static bool take_turn(struct workers *all, struct stash *stash)
{
	struct watch watch = quiesce_watch();

	if (__atomic_load_n(&stash->consumer.thread, __ATOMIC_RELAXED) == quiesce_self())
		return false;
	if (!quiesce_lock_try(&stash->turn))
		while (!quiesce_lock_step(&stash->turn, NULL, &watch))
			if (quiesce_holder_is_due(&stash->consumer, __atomic_load_n(&stash->freed, __ATOMIC_RELAXED), &watch))
				quiesce_function_report(all, "free_rcu: a release function",
							(const void *)(uintptr_t)release_of(all), &stash->consumer,
							watch.waited - watch.since, "a barrier of free_rcu");
	quiesce_hold(&stash->consumer);
	return true;
}

static void give_turn(void *arg)
{
	struct stash *stash = arg;

	quiesce_let_go(&stash->consumer);
	quiesce_unlock(&stash->turn);
}

/*
 * So many are kept for the giver as he fills while he keeps up, and of the shared stash its own room and what it has
 * of the reserve, which cannot be freed. To allocate one each time would cost more than all the rest: glibc tidies
 * its heap up for a block of that size.
 */
static void retire(struct workers *all, struct stash *stash, struct stash_array *array)
{
	bool own_room = array == &all->stashes.room[0] || array == &all->stashes.room[1] ||
			(uintptr_t)array - (uintptr_t)reserve < sizeof(reserve);

	if (quiesce_stash_waiting(stash) >= STASH_LEFT_TO_GIVER && !own_room) {
		free(array);
		return;
	}
	array->next = __atomic_load_n(&stash->spare, __ATOMIC_RELAXED);
	/* Release: its last pointer has been read. */
	while (!__atomic_compare_exchange_n(&stash->spare, &array->next, array, true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		continue;
}

/* What pauses a worker, or stops it, between two arrays; and that it gets on. */
static bool is_asked(struct worker *worker)
{
	int32_t state = worker ? quiesce_worker_asked(worker) : 0;

	return worker && ((state & WORKER_PAUSE) || quiesce_worker_must_leave(worker, state));
}

/* What is in one array. freed moves first: in a fork's child nothing is freed again. */
static void release_run(struct stash *stash, unsigned long limit, void (*release)(void *ptr))
{
	void **pointers = stash->first->pointers;

	for (unsigned long freed = stash->freed; freed != limit; freed++) {
		void *ptr = pointers[freed % STASH_ARRAY];

		/* Release: who sees it may use the array again. */
		__atomic_store_n(&stash->freed, freed + 1, __ATOMIC_RELEASE);
		quiesce_delay();
		release(ptr);
	}
}

static void release_until(struct workers *all, struct stash *stash, unsigned long limit,
		struct worker *worker)
{
	while (stash->freed != limit) {
		struct stash_array *array = stash->first;
		unsigned long room = array->base + STASH_ARRAY - stash->freed;

		if (room == 0) {
			stash->first = array->next;
			cmm_barrier();
			retire(all, stash, array);
			continue;
		}
		release_run(stash, limit - stash->freed < room ? limit : stash->freed + room, release_of(all));
		if (stash->freed % STASH_ARRAY == 0 && is_asked(worker))
			return;
	}
}

static void mark(struct workers *all, struct stash *stash)
{
	/* Acquire: what the giver did before comes before the grace period, by the barrier of the ticket. */
	unsigned long given = __atomic_load_n(&stash->given, __ATOMIC_ACQUIRE);

	quiesce_tell_acquire(&stash->given);
	if (given == stash->mark)
		return;
	stash->ticket = quiesce_gp_ticket(&all->domain->grace);
	cmm_barrier();
	stash->mark = given;
}

/*
 * With the turn, which this gives up, also if the release function ends the thread. It may be a cancellation
 * point; no cancel is to end the thread. Returns whether nothing was left: later somebody else may be about to
 * free what he has taken.
 */
static bool consume(struct workers *all, struct stash *stash, unsigned long most, struct worker *worker)
{
	bool empty;
	int cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pthread_cleanup_push(give_turn, stash);
	if (stash->freed != stash->mark && quiesce_gp_over(&all->domain->grace, stash->ticket))
		release_until(all, stash, stash->mark - stash->freed < most ? stash->mark : stash->freed + most,
			      worker);
	quiesce_delay();
	if (stash->freed == stash->mark)
		mark(all, stash);
	empty = stash->freed == stash->mark;
	pthread_cleanup_pop(1);
	pthread_setcancelstate(cancel, NULL);
	return empty;
}

void quiesce_stash_tidy(struct workers *all, struct stash *stash, unsigned long most)
{
	if (try_turn(stash))
		consume(all, stash, most, NULL);
}

bool quiesce_stash_empty(struct workers *all, struct stash *stash)
{
	if (quiesce_stash_has_freed(stash, __atomic_load_n(&stash->given, __ATOMIC_RELAXED)))
		return true;
	return take_turn(all, stash) && consume(all, stash, ULONG_MAX, NULL);
}

/* ---- All of them ---- */

struct stash *quiesce_stash_next(struct workers *all, struct stash *before)
{
	if (!before)
		return &all->stashes.shared;
	/* Acquire: it is whole. */
	return before == &all->stashes.shared ? __atomic_load_n(&all->stashes.list, __ATOMIC_ACQUIRE) :
	       before->next;
}

bool quiesce_stashes_empty(struct workers *all)
{
	struct stash *stash = NULL;

	while ((stash = quiesce_stash_next(all, stash)))
		if (quiesce_stash_waiting(stash))
			return false;
	return true;
}

size_t quiesce_stashes_bytes(struct workers *all)
{
	struct stash *stash = NULL;
	size_t bytes = 0;

	while ((stash = quiesce_stash_next(all, stash)))
		bytes += quiesce_stash_waiting(stash) * __atomic_load_n(&stash->size, __ATOMIC_RELAXED);
	return bytes;
}

/* A thread that has filled an array since the last sweep frees by itself, as long as it keeps up. */
static bool is_left_to_giver(const struct stash *stash, unsigned long waiting, unsigned long given)
{
	return __atomic_load_n(&stash->owned, __ATOMIC_RELAXED) && given - stash->swept >= STASH_ARRAY &&
	       waiting < STASH_LEFT_TO_GIVER;
}

/*
 * Come to rest: nothing is left. [V1] NONE is stored before the looks at what was given, while a giver stores given
 * before he looks at sweep; pairs with [V2] in src/callbacks/free.c: one of us sees the other. As in [D1] he has no
 * fence for that where a membarrier from here can be one; if the kernel has come to refuse it, there is no rest.
 */
static void come_to_rest(struct workers *all)
{
	int32_t none = SWEEP_NONE;
	bool ordered;

	__atomic_store_n(&all->stashes.sweep, SWEEP_NONE, __ATOMIC_SEQ_CST);
	quiesce_delay();
	cmm_smp_mb();
	ordered = !all->domain->membarrier_granted || quiesce_try_order_all_threads();
	/* Unserved: whoever stands in for the worker leaves after this. */
	if (!ordered || !quiesce_stashes_empty(all))
		__atomic_compare_exchange_n(&all->stashes.sweep, &none, SWEEP_UNSERVED, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED);
}

/* It waits for nobody: the consumer may be in a release function that waits for a fork, which waits for us. */
bool quiesce_stashes_sweep(struct workers *all, struct worker *worker)
{
	struct stash *stash = NULL;
	bool empty = true;

	/* What is left at the end of the process goes with it. */
	if (!quiesce_sweep_is_wanted(all) || quiesce_process_ends())
		return true;
	while ((stash = quiesce_stash_next(all, stash))) {
		unsigned long waiting = quiesce_stash_waiting(stash);
		unsigned long given = __atomic_load_n(&stash->given, __ATOMIC_RELAXED);

		if (is_asked(worker))
			return false;
		if (!waiting)
			continue;
		empty &= !is_left_to_giver(stash, waiting, given) && try_turn(stash) &&
			 consume(all, stash, ULONG_MAX, worker);
		stash->swept = given;
	}
	quiesce_tell_swept(all);
	if (empty)
		come_to_rest(all);
	/* What asked for that in the last stash stays until we are not busy. */
	return empty || !is_asked(worker);
}

/* [V4] THREAD goes before the look at sweep; pairs with [V3] in src/callbacks/free.c. */
void quiesce_worker_leave_sweep(struct workers *all, const struct worker *worker)
{
	int32_t sweep = SWEEP_SERVED;

	if (worker == &all->standard.own && !(__atomic_load_n(&worker->state, __ATOMIC_SEQ_CST) & WORKER_THREAD))
		__atomic_compare_exchange_n(&all->stashes.sweep, &sweep, SWEEP_UNSERVED, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED);
}

/*
 * A consumer that is gone has freed what is before freed. The forking thread may be one, in a release function. What
 * waits does so until this process has a use for a worker: it is not looked at here.
 */
void quiesce_stashes_child(struct workers *all)
{
	struct stash *stash = NULL;

	pthread_mutex_init(&all->stashes.lock, NULL);
	while ((stash = quiesce_stash_next(all, stash))) {
		bool consumed = stash->consumer.thread == quiesce_self();

		stash->owned = stash == all->calls->own()->stash;
		stash->turn = consumed;
		if (consumed)
			quiesce_hold(&stash->consumer);
		else
			quiesce_let_go(&stash->consumer);
		/* That of a grace period which was under way here: one more than the child has to wait for. */
		if (stash->mark != stash->freed && !quiesce_gp_over(&all->domain->grace, stash->ticket))
			stash->ticket = quiesce_gp_ticket(&all->domain->grace);
	}
	/* A dead giver may not have come to it. */
	all->stashes.sweep = quiesce_stashes_empty(all) ? SWEEP_NONE : SWEEP_UNSERVED;
}

/*
 * This may be the end of the process taken for dlclose (doc/design/exit.md), where other threads go on: what one of
 * them owns is left to it.
 */
void quiesce_stashes_trim(struct workers *all)
{
	struct stash **link = &all->stashes.list, **own = &all->calls->own()->stash, *stash;

	if (!quiesce_stashes_empty(all))
		return;
	while ((stash = *link)) {
		if (stash != *own && __atomic_exchange_n(&stash->owned, true, __ATOMIC_ACQUIRE)) {
			link = &stash->next;
			continue;
		}
		if (stash == *own)
			*own = NULL;
		*link = stash->next;
		quiesce_stash_free_spares(stash);
		free(stash->last);
		/* In the child of a fork in between: nothing was given into the last yet. */
		if (stash->first != stash->last)
			free(stash->first);
		free(stash);
	}
}
