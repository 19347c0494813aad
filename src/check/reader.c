/* SPDX-License-Identifier: MIT */
/* Sections, registration, and what a section holds. */
#define URCU_NO_INLINE
#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <limits.h>

#include <urcu/urcu-bp.h>
#include <urcu/urcu-mb.h>
#include <urcu/urcu-memb.h>
#include <urcu/urcu-qsbr.h>

#include "check/check.h"

/* Rounds of destructors that are over when the library looks. */
#define LATE_ROUND (PTHREAD_DESTRUCTOR_ITERATIONS - 2)

void check_hold_nothing(struct thread *self)
{
	__atomic_store_n(&self->section, self->section + 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&self->holdings, 0, __ATOMIC_SEQ_CST);
}

/*
 * Of a section that inlined code has entered the end is not seen. Others read it under the lock, and may see one
 * that is being replaced: they compare pointers alone.
 */
void check_hold(struct thread *self, const void *pointer, void *pc)
{
	unsigned int count = self->holdings;
	struct holding *last = &self->holding[(count + HOLDINGS - 1) % HOLDINGS];
	bool called = false;
	enum flavor flavor;

	for (flavor = 0; flavor < FLAVORS; flavor++)
		called |= self->of[flavor].nest != 0;
	if (!called || (count && last->pointer == pointer))
		return;
	self->holding[count % HOLDINGS].pc = pc;
	__atomic_store_n(&self->holding[count % HOLDINGS].pointer, pointer, __ATOMIC_RELAXED);
	__atomic_store_n(&self->holdings, count + 1, __ATOMIC_RELEASE);
}

static void expect_registered(struct thread *self, enum flavor flavor, const char *function, void *pc)
{
	struct thread_flavor *of = &self->of[flavor];
	struct place here;

	if (flavor == FLAVOR_BP || of->callbacks)
		return;
	if (flavor == FLAVOR_QSBR ? check_is_online(self) || of->registered == BY_LIBRARY : of->registered)
		return;
	/* Who is alone, as main is while it reads its configuration, is in nobody's way. */
	if (!of->registered && !check_has_others(self))
		return;
	check_place(&here, pc);
	if (!of->registered)
		check_report("reader-not-registered", &here, "", NULL,
			     "%s in a thread that has not called urcu_%s_register_thread: no grace period waits for it",
			     function, check_names[flavor]);
	else
		check_report("reader-offline", &here, "went offline", &of->entered_at,
			     "%s in a thread that is offline: no grace period waits for it", function);
}

static void lock(enum flavor flavor, void (*real)(void), const char *function, void *pc)
{
	struct thread_flavor *of;
	struct thread *self;

	if (check_from_library(pc) || !check_enter(&self)) {
		real();
		return;
	}
	of = &self->of[flavor];
	expect_registered(self, flavor, function, pc);
	if (of->nest == 0) {
		check_place(&of->entered_at, pc);
		if (flavor != FLAVOR_QSBR)
			__atomic_store_n(&of->since, check_now(), __ATOMIC_RELAXED);
	}
	real();
	__atomic_store_n(&of->nest, of->nest + 1, __ATOMIC_RELAXED);
	check_leave(self);
}

static void unlock(enum flavor flavor, void (*real)(void), const char *function, void *pc)
{
	struct thread_flavor *of;
	struct thread *self;
	struct place here;

	if (check_from_library(pc) || !check_enter(&self)) {
		real();
		return;
	}
	of = &self->of[flavor];
	if (!check_in_section(self, flavor)) {
		check_place(&here, pc);
		check_report("unlock-without-lock", &here, "the last section was entered", &of->entered_at,
			     "%s outside of any section", function);
	} else {
		if (of->nest <= 1)
			check_hold_nothing(self);
		if (of->nest)
			__atomic_store_n(&of->nest, of->nest - 1, __ATOMIC_RELAXED);
		real();
	}
	check_leave(self);
}

static void register_thread(enum flavor flavor, void (*real)(void), const char *function, void *pc)
{
	struct thread_flavor *of;
	struct thread *self;
	struct place here;

	if (check_from_library(pc) && !check_own)
		check_is_of_library();
	if (!check_enter(&self)) {
		real();
		return;
	}
	of = &self->of[flavor];
	if (check_from_library(pc)) {
		of->registered = BY_LIBRARY;
	} else if (of->registered && flavor != FLAVOR_BP) {
		check_place(&here, pc);
		check_report("registered-twice", &here, "registered first", &of->registered_at,
			     "%s in a thread that is registered", function);
		check_leave(self);
		return;
	} else {
		check_place(&of->registered_at, pc);
		__atomic_store_n(&of->since, check_now(), __ATOMIC_RELAXED);
		of->stalled = false;
		self->library = false;
		__atomic_store_n(&of->registered, BY_PROGRAM, __ATOMIC_RELEASE);
	}
	check_leave(self);
	real();
	if (flavor == FLAVOR_QSBR)
		__atomic_store_n(&of->word, check_address("urcu_qsbr_reader"), __ATOMIC_RELEASE);
}

/*
 * By the library it is called for its own threads; and for those that end without, in a late destructor of
 * thread-specific data: there the C library seems to be the caller, if the compiler made a jump of the call.
 */
static bool is_end_by_library(const struct thread *self, void *pc)
{
	Dl_info caller, c;

	return check_from_library(pc) ||
	       (self->rounds >= LATE_ROUND && dladdr(pc, &caller) &&
		dladdr((void *)gnu_get_libc_version, &c) && caller.dli_fbase == c.dli_fbase);
}

static void unregister_thread(enum flavor flavor, void (*real)(void), const char *function, void *pc)
{
	struct thread_flavor *of;
	struct thread *self;
	struct place here;

	if (!check_enter(&self)) {
		real();
		return;
	}
	of = &self->of[flavor];
	check_place(&here, pc);
	if (of->registered == BY_PROGRAM && is_end_by_library(self, pc)) {
		if (check_in_section(self, flavor))
			check_report("thread-ends-in-section", &here, "entered", &of->entered_at,
				     "a thread ends in a read-side critical section of urcu-%s",
				     check_names[flavor]);
		else
			check_report("thread-ends-registered", &here, "registered", &of->registered_at,
				     "a thread ends without urcu_%s_unregister_thread", check_names[flavor]);
	} else if (!of->registered && !self->callback) {
		check_report("unregister-without-register", &here, "", NULL,
			     "%s in a thread that is not registered", function);
		check_leave(self);
		return;
	} else if (check_in_section(self, flavor)) {
		check_report("unregister-in-section", &here, "entered", &of->entered_at,
			     "%s in a read-side critical section", function);
	}
	__atomic_store_n(&of->registered, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&of->nest, 0, __ATOMIC_RELAXED);
	check_hold_nothing(self);
	check_leave(self);
	real();
}

#define READERS(F, FLAVOR)									\
EXPORT void urcu_##F##_read_lock(void)								\
	{ lock(FLAVOR, REAL(urcu_##F##_read_lock), __func__, CALLER); }				\
EXPORT void urcu_##F##_read_unlock(void)							\
	{ unlock(FLAVOR, REAL(urcu_##F##_read_unlock), __func__, CALLER); }			\
EXPORT void urcu_##F##_register_thread(void)							\
	{ register_thread(FLAVOR, REAL(urcu_##F##_register_thread), __func__, CALLER); }

#define UNREGISTER(F, FLAVOR)									\
EXPORT void urcu_##F##_unregister_thread(void)							\
	{ unregister_thread(FLAVOR, REAL(urcu_##F##_unregister_thread), __func__, CALLER); }

READERS(mb, FLAVOR_MB)
READERS(memb, FLAVOR_MEMB)
READERS(bp, FLAVOR_BP)
READERS(qsbr, FLAVOR_QSBR)
UNREGISTER(mb, FLAVOR_MB)
UNREGISTER(memb, FLAVOR_MEMB)
UNREGISTER(qsbr, FLAVOR_QSBR)

/* ---- qsbr: quiescent states ---- */

static void announce(void (*real)(void), bool offline, const char *function, void *pc)
{
	struct thread_flavor *of;
	struct thread *self;
	struct place here;

	if (check_from_library(pc) || !check_enter(&self)) {
		real();
		return;
	}
	of = &self->of[FLAVOR_QSBR];
	if (!of->registered && !of->callbacks) {
		check_place(&here, pc);
		check_report("reader-not-registered", &here, "", NULL,
			     "%s in a thread that has not called urcu_qsbr_register_thread", function);
	} else if (of->nest) {
		check_place(&here, pc);
		check_report("quiescent-in-section", &here, "entered", &of->entered_at,
			     "%s between rcu_read_lock and rcu_read_unlock", function);
	}
	check_hold_nothing(self);
	real();
	if (offline)
		check_place(&of->entered_at, pc);
	__atomic_store_n(&of->since, check_now(), __ATOMIC_RELAXED);
	of->stalled = false;
	check_leave(self);
}

EXPORT void urcu_qsbr_quiescent_state(void)
	{ announce(REAL(urcu_qsbr_quiescent_state), false, __func__, CALLER); }
EXPORT void urcu_qsbr_thread_offline(void)
	{ announce(REAL(urcu_qsbr_thread_offline), true, __func__, CALLER); }
EXPORT void urcu_qsbr_thread_online(void)
	{ announce(REAL(urcu_qsbr_thread_online), false, __func__, CALLER); }

/* ---- Pointers ---- */

/* An updater who keeps others out by a lock may look at what it likes, and so may who is alone. */
static bool may_look(struct thread *self)
{
	return self->callback || self->deferred || self->held || check_in_any_section(self) || !check_has_others(self);
}

static void dereference(const void *pointer, const char *function, void *pc)
{
	struct place here;
	struct thread *self;

	if (!pointer || check_from_library(pc) || !check_enter(&self))
		return;
	check_reached(pointer, function, pc);
	if (!may_look(self)) {
		check_place(&here, pc);
		check_report("dereference-outside-section", &here, "", NULL,
			     "%s outside of any section, and with no lock held", function);
	}
	check_hold(self, pointer, pc);
	check_leave(self);
}

#define DEREFERENCE(name)									\
EXPORT void *name(void *p)									\
{												\
	dereference(p, "rcu_dereference", CALLER);						\
	return REAL(name)(p);									\
}

DEREFERENCE(rcu_dereference_sym)
DEREFERENCE(urcu_bp_dereference_sym)
