/* SPDX-License-Identifier: MIT */
/* Grace periods and other waits, and publication. */
#define URCU_NO_INLINE
#include <urcu/urcu-bp.h>
#include <urcu/urcu-mb.h>
#include <urcu/urcu-memb.h>
#include <urcu/urcu-qsbr.h>

#include "check/check.h"

static uint64_t clock_now = 1, over[FLAVORS];

uint64_t check_clock(void)
{
	return __atomic_load_n(&clock_now, __ATOMIC_SEQ_CST);
}

uint64_t check_clock_next(void)
{
	return __atomic_fetch_add(&clock_now, 1, __ATOMIC_SEQ_CST);
}

void check_grace_over(enum flavor flavor, uint64_t clock)
{
	uint64_t seen = __atomic_load_n(&over[flavor], __ATOMIC_RELAXED);

	while (seen < clock && !__atomic_compare_exchange_n(&over[flavor], &seen, clock, false,
							     __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		continue;
}

/* Of any flavor: which one readers use the checks do not know. */
bool check_grace_since(uint64_t clock)
{
	enum flavor flavor;

	for (flavor = 0; flavor < FLAVORS; flavor++)
		if (__atomic_load_n(&over[flavor], __ATOMIC_ACQUIRE) > clock)
			return true;
	return false;
}

enum { NOT_IN_SECTION = 1, NOT_IN_CALLBACK = 2, READERS_TOO = 4, CALLBACKS_TOO = 8, CALLBACK_TOO = 16 };

/* A call that may wait: false if it would wait for itself. */
static bool before_wait(struct thread *self, enum flavor flavor, int rules, const char *function, void *pc)
{
	struct thread_flavor *of = &self->of[flavor];
	struct place here;

	check_used(self, flavor, function, pc);
	if ((rules & NOT_IN_SECTION) && check_in_section(self, flavor)) {
		check_place(&here, pc);
		check_report("wait-in-section", &here, "entered", &of->entered_at,
			     "%s in a read-side critical section: it waits for itself", function);
		return false;
	}
	if ((rules & NOT_IN_CALLBACK) && of->callbacks) {
		check_place(&here, pc);
		check_report("wait-in-callback", &here, "the callback was queued", &self->queued_at,
			     "%s in a callback: it waits for itself", function);
		return false;
	}
	if (rules & READERS_TOO)
		check_wait(self, flavor, WAIT_READERS, function, pc);
	if (rules & CALLBACKS_TOO)
		check_wait(self, flavor, WAIT_CALLBACKS, function, pc);
	if (rules & CALLBACK_TOO)
		check_wait(self, flavor, WAIT_CALLBACK, function, pc);
	return true;
}

struct waiting {
	struct thread *self;
	uint64_t clock;
	bool called;		/* pass the call on */
	bool checked;
};

static struct waiting wait_begins(enum flavor flavor, int rules, const char *function, void *pc)
{
	struct waiting waiting = { .called = true };

	if (check_from_library(pc) || !check_enter(&waiting.self))
		return waiting;
	waiting.checked = true;
	waiting.called = before_wait(waiting.self, flavor, rules, function, pc);
	waiting.clock = check_clock_next() + 1;
	if (rules & READERS_TOO)
		check_watch(flavor);
	/* For qsbr the call is a quiescent state. */
	if (flavor == FLAVOR_QSBR && waiting.called) {
		check_hold_nothing(waiting.self);
		__atomic_store_n(&waiting.self->of[flavor].since, INT64_MAX, __ATOMIC_RELAXED);
	}
	check_leave(waiting.self);
	return waiting;
}

static void wait_is_over(enum flavor flavor, int rules, const struct waiting *waiting)
{
	if (!waiting->checked)
		return;
	if (rules & READERS_TOO) {
		check_watch_over(flavor);
		if (waiting->called)
			check_grace_over(flavor, waiting->clock);
	}
	if (flavor == FLAVOR_QSBR && waiting->called)
		__atomic_store_n(&waiting->self->of[flavor].since, check_now(), __ATOMIC_RELAXED);
}

#define WAITS(FLAVOR, RULES, CALL)						\
	struct waiting waiting = wait_begins(FLAVOR, RULES, __func__, CALLER);	\
										\
	if (waiting.called)							\
		CALL;								\
	wait_is_over(FLAVOR, RULES, &waiting)

/* Of the poll that began last: one that is over may be an older one, which is taken for it. */
static uint64_t polled[FLAVORS];

#define WAITERS(F, FLAVOR)									\
EXPORT void urcu_##F##_synchronize_rcu(void)							\
{												\
	WAITS(FLAVOR, NOT_IN_SECTION | READERS_TOO, REAL(urcu_##F##_synchronize_rcu)());	\
}												\
EXPORT void urcu_##F##_barrier(void)								\
{												\
	WAITS(FLAVOR, NOT_IN_SECTION | NOT_IN_CALLBACK | CALLBACKS_TOO, REAL(urcu_##F##_barrier)()); \
}												\
EXPORT void urcu_##F##_call_rcu_data_free(struct call_rcu_data *crdp)				\
{												\
	WAITS(FLAVOR, NOT_IN_SECTION | CALLBACK_TOO, REAL(urcu_##F##_call_rcu_data_free)(crdp)); \
}												\
EXPORT void urcu_##F##_free_all_cpu_call_rcu_data(void)						\
{												\
	WAITS(FLAVOR, NOT_IN_SECTION | READERS_TOO | CALLBACK_TOO,				\
	      REAL(urcu_##F##_free_all_cpu_call_rcu_data)());					\
}												\
EXPORT void urcu_##F##_defer_barrier(void)							\
{												\
	WAITS(FLAVOR, NOT_IN_SECTION | READERS_TOO, REAL(urcu_##F##_defer_barrier)());		\
}												\
EXPORT void urcu_##F##_defer_barrier_thread(void)						\
{												\
	WAITS(FLAVOR, NOT_IN_SECTION | READERS_TOO, REAL(urcu_##F##_defer_barrier_thread)());	\
}												\
EXPORT int urcu_##F##_create_all_cpu_call_rcu_data(unsigned long flags)				\
{												\
	int result = 0;										\
	WAITS(FLAVOR, NOT_IN_SECTION,								\
	      result = REAL(urcu_##F##_create_all_cpu_call_rcu_data)(flags));			\
	return result;										\
}												\
EXPORT int urcu_##F##_barrier_timeout(unsigned int timeout_ms)					\
{												\
	int result = 0;										\
	WAITS(FLAVOR, 0, result = REAL(urcu_##F##_barrier_timeout)(timeout_ms));		\
	return result;										\
}												\
EXPORT int urcu_##F##_drain(unsigned int timeout_ms)						\
{												\
	int result = 0;										\
	WAITS(FLAVOR, 0, result = REAL(urcu_##F##_drain)(timeout_ms));				\
	return result;										\
}												\
EXPORT int urcu_##F##_stop_default_worker(void)							\
{												\
	int result = 0;										\
	WAITS(FLAVOR, 0, result = REAL(urcu_##F##_stop_default_worker)());			\
	if (!result)										\
		check_queued(FLAVOR, false);							\
	return result;										\
}												\
EXPORT struct urcu_gp_poll_state urcu_##F##_start_poll_synchronize_rcu(void)			\
{												\
	__atomic_store_n(&polled[FLAVOR], check_clock_next() + 1, __ATOMIC_RELAXED);		\
	return REAL(urcu_##F##_start_poll_synchronize_rcu)();					\
}												\
EXPORT bool urcu_##F##_poll_state_synchronize_rcu(struct urcu_gp_poll_state state)		\
{												\
	bool result = REAL(urcu_##F##_poll_state_synchronize_rcu)(state);			\
												\
	if (result)										\
		check_grace_over(FLAVOR, __atomic_load_n(&polled[FLAVOR], __ATOMIC_RELAXED));	\
	return result;										\
}

WAITERS(mb, FLAVOR_MB)
WAITERS(memb, FLAVOR_MEMB)
WAITERS(bp, FLAVOR_BP)
WAITERS(qsbr, FLAVOR_QSBR)

/* ---- Publication ---- */

/* Under the lock. */
static void published(const void *pointer, const struct place *here)
{
	struct thing *thing = check_thing_find(pointer, THING_POINTER);

	if (!thing)
		thing = check_thing_add(pointer, THING_POINTER, FLAVOR_MB);
	thing->places++;
	thing->out = false;
	thing->in_at = *here;
}

static void unpublished(const void *pointer, const struct place *here)
{
	struct thing *thing = check_thing_find(pointer, THING_POINTER);

	if (!thing)
		thing = check_thing_add(pointer, THING_POINTER, FLAVOR_MB);
	if (thing->places > 1 && --thing->places)
		return;
	thing->places = 0;
	thing->out = true;
	thing->clock = check_clock_next();
	thing->out_at = *here;
}

/* next stands where last did. */
static void replaced(const void *last, const void *next, const char *function, void *pc)
{
	const struct place *freed = NULL;
	struct place here, there;
	struct thread *self;

	if (last == next || check_from_library(pc) || !check_enter(&self))
		return;
	check_place(&here, pc);
	check_lock();
	if (next)
		freed = check_quarantined(next);
	if (freed)
		there = *freed;
	else if (next)
		published(next, &here);
	if (last)
		unpublished(last, &here);
	check_unlock();
	if (freed)
		check_report("published-after-free", &here, "freed", &there, "%s: %p has been freed", function,
			     next);
	check_leave(self);
}

#define PUBLISHERS(prefix)									\
EXPORT void *prefix##_set_pointer_sym(void **p, void *v)					\
{												\
	void *last = __atomic_load_n(p, __ATOMIC_RELAXED);					\
												\
	replaced(last, v, "rcu_set_pointer", CALLER);						\
	return REAL(prefix##_set_pointer_sym)(p, v);						\
}												\
EXPORT void *prefix##_xchg_pointer_sym(void **p, void *v)					\
{												\
	void *last = REAL(prefix##_xchg_pointer_sym)(p, v);					\
												\
	replaced(last, v, "rcu_xchg_pointer", CALLER);						\
	return last;										\
}												\
EXPORT void *prefix##_cmpxchg_pointer_sym(void **p, void *old, void *_new)			\
{												\
	void *last = REAL(prefix##_cmpxchg_pointer_sym)(p, old, _new);				\
												\
	if (last == old)									\
		replaced(last, _new, "rcu_cmpxchg_pointer", CALLER);				\
	return last;										\
}

PUBLISHERS(rcu)
PUBLISHERS(urcu_bp)
