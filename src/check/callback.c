/* SPDX-License-Identifier: MIT */
/* What is handed to the library to be run or freed later. */
#define URCU_NO_INLINE
#include <string.h>

#include <urcu/urcu-bp.h>
#include <urcu/urcu-mb.h>
#include <urcu/urcu-memb.h>
#include <urcu/urcu-qsbr.h>

#include "check/check.h"

typedef void (*head_func)(struct rcu_head *head);

/* Nothing is given back by a function of the program's own, which may do anything. */
static bool own_release[FLAVORS];

/* nest becomes that of the sections that the thread is in already. */
static void before_callback(struct thread *self, const struct thing *queued, unsigned int nest[FLAVORS])
{
	enum flavor flavor;

	for (flavor = 0; flavor < FLAVORS; flavor++)
		nest[flavor] = self->of[flavor].nest;
	self->callback = true;
	self->of[queued->flavor].callbacks++;
	self->queued_at = queued->in_at;
	check_watch_over(queued->flavor);
	check_grace_over(queued->flavor, queued->clock);
}

static void after_callback(struct thread *self, const struct thing *queued, const unsigned int nest[FLAVORS])
{
	enum flavor other;

	self->of[queued->flavor].callbacks--;
	self->callback = false;
	for (other = 0; other < FLAVORS; other++) {
		self->callback |= self->of[other].callbacks != 0;
		if (self->of[other].nest > nest[other])
			check_report("callback-ends-in-section", &self->of[other].entered_at,
				     "the callback was queued", &queued->in_at,
				     "a callback returns in a read-side critical section of urcu-%s",
				     check_names[other]);
	}
}

/* Before the library makes up for it, after which the process may be over. */
static void ended(void *arg)
{
	const struct thing *queued = arg;
	struct thread *self;
	struct place here;

	if (!check_enter(&self))
		return;
	check_place_short(&here, NULL);
	here.frames[0] = queued->in_at.frames[0];
	here.depth = 0;
	check_report("thread-ends-in-callback", &here, "the callback was queued", &queued->in_at,
		     "thread %d ends in a callback", self->tid);
	check_leave(self);
}

/*
 * In the place of each callback. Its thing is there: who queues it twice, or frees it, is stopped. Who comes here and
 * was not seen before is a thread of the library's.
 */
static void run(struct rcu_head *head)
{
	unsigned int nest[FLAVORS];
	struct thread *self;
	struct thing queued, *thing;
	bool checked;

	if (!check_own)
		check_is_of_library();
	checked = check_enter(&self);
	check_lock();
	thing = check_thing_find(head, THING_HEAD);
	queued = *thing;
	check_thing_drop(thing);
	check_unlock();
	if (checked) {
		before_callback(self, &queued, nest);
		check_leave(self);
	}
	pthread_cleanup_push(ended, &queued);
	((head_func)queued.func)(head);
	pthread_cleanup_pop(0);
	if (checked && check_enter(&self)) {
		after_callback(self, &queued, nest);
		check_leave(self);
	}
}

/* False if it must not be queued. */
static bool queue(struct thread *self, enum flavor flavor, struct rcu_head *head, head_func func,
		  const char *function, void *pc)
{
	struct place here, first;
	struct thing *thing;

	check_used(self, flavor, function, pc);
	check_queued(flavor, true);
	check_place(&here, pc);
	if (!func) {
		check_report("no-function", &here, "", NULL, "%s: func is NULL", function);
		return false;
	}
	check_lock();
	thing = check_thing_find(head, THING_HEAD);
	if (thing) {
		first = thing->in_at;
		check_unlock();
		check_report("queued-twice", &here, "queued first", &first,
			     "%s: the rcu_head at %p is queued already", function, (void *)head);
		return false;
	}
	thing = check_thing_add(head, THING_HEAD, flavor);
	thing->in_at = here;
	thing->func = (void (*)(void *))func;
	thing->clock = check_clock_next() + 1;
	check_unlock();
	check_watch(flavor);
	return true;
}

static void call(enum flavor flavor, void (*real)(struct rcu_head *, head_func), struct rcu_head *head,
		 head_func func, const char *function, void *pc)
{
	struct thread *self;
	bool queued;

	if (check_from_library(pc) || !check_enter(&self)) {
		real(head, func);
		return;
	}
	queued = queue(self, flavor, head, func, function, pc);
	check_leave(self);
	if (queued)
		real(head, run);
}

/* ---- urcu_free_rcu ---- */

struct search {
	struct thing found;
	bool is_found;
};

static void find_in_use(struct thing *thing, void *arg)
{
	struct search *search = arg;

	if (thing->kind == THING_HEAD || thing->kind == THING_GIVEN || (thing->kind == THING_NODE && !thing->out)) {
		search->found = *thing;
		search->is_found = true;
	}
}

static bool give(enum flavor flavor, void *ptr, const char *function, void *pc)
{
	static const char *const what[] = {
		[THING_HEAD] = "queued", [THING_NODE] = "added to a table", [THING_GIVEN] = "given first",
	};
	static const char *const kinds[] = {
		[THING_HEAD] = "freed-while-queued", [THING_NODE] = "freed-while-in-table",
		[THING_GIVEN] = "freed-twice",
	};
	struct search search = { .is_found = false };
	struct thread *self;
	struct place here;

	if (!ptr || own_release[flavor] || check_from_library(pc) || !check_enter(&self))
		return true;
	check_used(self, flavor, function, pc);
	check_queued(flavor, true);
	check_place(&here, pc);
	check_lock();
	check_things(ptr, 1, find_in_use, &search);
	if (!search.is_found)
		check_things(ptr, check_size(ptr), find_in_use, &search);
	if (!search.is_found)
		check_thing_add(ptr, THING_GIVEN, flavor)->in_at = here;
	check_unlock();
	if (search.is_found)
		check_report(kinds[search.found.kind], &here, what[search.found.kind], &search.found.in_at,
			     "%s: %p, in which %p is still in use", function, ptr,
			     (const void *)search.found.address);
	check_leave(self);
	return !search.is_found;
}

/* ---- defer_rcu ---- */

struct deferred {
	void (*fct)(void *p);
	void *p;
	enum flavor flavor;
	uint64_t clock;
	struct deferred *next;
};

static struct deferred *unused;

static void run_deferred(void *arg)
{
	struct deferred *deferred = arg, copy = *deferred;
	struct thread *self;
	bool checked;

	if (!check_own)
		check_is_of_library();
	checked = check_enter(&self);
	check_grace_over(copy.flavor, copy.clock);
	check_lock();
	deferred->next = unused;
	unused = deferred;
	check_unlock();
	if (checked) {
		self->deferred++;
		check_leave(self);
	}
	copy.fct(copy.p);
	if (checked)
		self->deferred--;
}

static void defer(enum flavor flavor, void (*real)(void (*)(void *), void *), void (*fct)(void *), void *p,
		  const char *function, void *pc)
{
	struct deferred *deferred;
	struct thread *self;
	struct place here;

	if (check_from_library(pc) || !check_enter(&self)) {
		real(fct, p);
		return;
	}
	check_used(self, flavor, function, pc);
	check_queued(flavor, true);
	if (check_in_section(self, flavor)) {
		check_place(&here, pc);
		check_report("wait-in-section", &here, "entered", &self->of[flavor].entered_at,
			     "%s in a read-side critical section: it waits for itself when its queue is full",
			     function);
	}
	if (!self->of[flavor].defers) {
		check_place(&here, pc);
		check_report("defer-not-registered", &here, "", NULL,
			     "%s in a thread that has not called urcu_%s_defer_register_thread", function,
			     check_names[flavor]);
	}
	check_lock();
	deferred = unused;
	if (deferred)
		unused = deferred->next;
	else
		deferred = check_allocate(sizeof(*deferred));
	check_unlock();
	*deferred = (struct deferred){ .fct = fct, .p = p, .flavor = flavor, .clock = check_clock_next() + 1 };
	check_leave(self);
	real(run_deferred, deferred);
}

static void set_defers(enum flavor flavor, bool defers)
{
	struct thread *self;

	if (check_enter(&self)) {
		self->of[flavor].defers = defers;
		check_leave(self);
	}
}

#define CALLBACKS(F, FLAVOR)									\
EXPORT void urcu_##F##_call_rcu(struct rcu_head *head, head_func func)				\
	{ call(FLAVOR, REAL(urcu_##F##_call_rcu), head, func, __func__, CALLER); }		\
EXPORT void urcu_##F##_free_rcu(void *ptr)							\
{												\
	if (give(FLAVOR, ptr, __func__, CALLER))						\
		REAL(urcu_##F##_free_rcu)(ptr);							\
}												\
EXPORT void urcu_##F##_free_rcu_at(struct rcu_head *head, size_t offset)			\
{												\
	if (give(FLAVOR, (char *)head - offset, __func__, CALLER))				\
		REAL(urcu_##F##_free_rcu_at)(head, offset);					\
}												\
EXPORT int urcu_##F##_free_rcu_with(void (*release)(void *ptr))					\
{												\
	own_release[FLAVOR] = true;								\
	return REAL(urcu_##F##_free_rcu_with)(release);						\
}												\
EXPORT void urcu_##F##_defer_rcu(void (*fct)(void *p), void *p)					\
	{ defer(FLAVOR, REAL(urcu_##F##_defer_rcu), fct, p, __func__, CALLER); }		\
EXPORT int urcu_##F##_defer_register_thread(void)						\
{												\
	set_defers(FLAVOR, true);								\
	return REAL(urcu_##F##_defer_register_thread)();					\
}												\
EXPORT void urcu_##F##_defer_unregister_thread(void)						\
{												\
	set_defers(FLAVOR, false);								\
	REAL(urcu_##F##_defer_unregister_thread)();						\
}

CALLBACKS(mb, FLAVOR_MB)
CALLBACKS(memb, FLAVOR_MEMB)
CALLBACKS(bp, FLAVOR_BP)
CALLBACKS(qsbr, FLAVOR_QSBR)
