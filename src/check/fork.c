/* SPDX-License-Identifier: MIT */
/* fork, and the hooks around it. */
#define URCU_NO_INLINE
#include <unistd.h>

#include <urcu/urcu-bp.h>
#include <urcu/urcu-mb.h>
#include <urcu/urcu-memb.h>
#include <urcu/urcu-qsbr.h>

#include "check/check.h"

/* In a child: what it owes before it uses a flavor. */
enum debt { NOTHING, ALL_HOOKS, CHILD_HOOK };

static enum debt debts[FLAVORS];
static struct place forked_at;

/* Whether anything was ever queued, which makes a thread. Atomically. */
static bool queued[FLAVORS];

void check_queued(enum flavor flavor, bool is)
{
	__atomic_store_n(&queued[flavor], is, __ATOMIC_RELAXED);
}

void check_used(struct thread *self, enum flavor flavor, const char *function, void *pc)
{
	enum debt debt = debts[flavor];
	struct place here;

	(void)self;
	if (debt == NOTHING)
		return;
	debts[flavor] = NOTHING;
	check_place(&here, pc);
	if (debt == ALL_HOOKS)
		check_report("fork-without-hooks", &here, "forked", &forked_at,
			     "%s in a child of a fork without urcu_%s_call_rcu_before_fork", function,
			     check_names[flavor]);
	else
		check_report("after-fork-child-forgotten", &here, "forked", &forked_at,
			     "%s in a child that has not called urcu_%s_call_rcu_after_fork_child", function,
			     check_names[flavor]);
}

/* ---- fork itself ---- */

/* Under the lock, from before the fork until after it. */
static bool checked;

static void before_fork(void)
{
	struct thread *self = check_own;
	bool was_busy = !self || self->busy;

	if (self)
		self->busy = true;
	check_lock();
	checked = !was_busy;
}

static void in_parent(void)
{
	struct thread *self = check_own;
	bool was_busy = !checked;
	enum flavor flavor;

	check_unlock();
	for (flavor = 0; self && flavor < FLAVORS; flavor++)
		self->of[flavor].forked |= self->of[flavor].between != 0;
	if (self)
		self->busy = was_busy;
}

static bool is_shared(enum flavor flavor)
{
	struct thread *thread;

	for (thread = check_threads; thread; thread = thread->next)
		if (thread->used && thread != check_own && thread->of[flavor].registered)
			return true;
	return queued[flavor];
}

static void in_child(void)
{
	struct thread *self = check_own;
	bool was_busy = !checked;
	enum flavor flavor;

	for (flavor = 0; flavor < FLAVORS; flavor++) {
		if (self && self->of[flavor].between)
			debts[flavor] = CHILD_HOOK;
		else if (is_shared(flavor))
			debts[flavor] = ALL_HOOKS;
		/* Of an earlier fork between the same hooks, in the parent. */
		if (self)
			self->of[flavor].forked = false;
	}
	check_thread_child();
	check_unlock();
	check_watch_child();
	check_report_child();
	if (self)
		self->busy = was_busy;
}

EXPORT pid_t fork(void)
{
	struct thread *self;

	if (check_enter(&self)) {
		check_place(&forked_at, CALLER);
		check_leave(self);
	}
	return REAL(fork)();
}

__attribute__((constructor))
static void watch_forks(void)
{
	pthread_atfork(before_fork, in_parent, in_child);
}

/* ---- The hooks ---- */

/* On liburcu, or if it may be. */
static bool may_hang(void)
{
	return check_options.strict || !FIND("quiesce_version");
}

static void before(enum flavor flavor, const char *function, void *pc)
{
	struct thread_flavor *of;
	struct thread *self;
	struct place here;

	if (check_from_library(pc) || !check_enter(&self))
		return;
	of = &self->of[flavor];
	check_place(&here, pc);
	if (of->between && of->forked)
		check_report("after-fork-parent-forgotten", &here, "called for the last fork", &of->before_at,
			     "%s, and the last fork's urcu_%s_call_rcu_after_fork_parent was not called", function,
			     check_names[flavor]);
	/* Here both work. liburcu's waits for all that its threads do at that moment. */
	if (may_hang() && of->callbacks)
		check_report("wait-in-callback", &here, "the callback was queued", &self->queued_at,
			     "%s in a callback: liburcu waits for itself", function);
	else if (may_hang() && check_in_section(self, flavor))
		check_report("wait-in-section", &here, "entered", &of->entered_at,
			     "%s in a read-side critical section: liburcu may wait for itself", function);
	/* In others no callback runs that could be waited for. */
	if (of->between++ == 0) {
		check_wait(self, flavor, WAIT_CALLBACK, function, pc);
		of->before_at = here;
		of->forked = false;
	}
	check_leave(self);
}

static void after(enum flavor flavor, bool child, const char *function, void *pc)
{
	struct thread_flavor *of;
	struct thread *self;
	struct place here;

	if (check_from_library(pc) || !check_enter(&self))
		return;
	of = &self->of[flavor];
	if (!of->between) {
		check_place(&here, pc);
		check_report("hook-without-before", &here, "", NULL,
			     "%s, and urcu_%s_call_rcu_before_fork was not called", function, check_names[flavor]);
	} else if (--of->between == 0) {
		of->forked = false;
		if (child)
			debts[flavor] = NOTHING;
	}
	check_leave(self);
}

/* At the end of the process: between the hooks of a fork that is over. Others may be about to call theirs. */
void check_fork_end(struct thread *self)
{
	enum flavor flavor;

	for (flavor = 0; flavor < FLAVORS; flavor++)
		if (self->of[flavor].between && self->of[flavor].forked)
			check_report("after-fork-parent-forgotten", &self->of[flavor].before_at, "", NULL,
				     "the process ends, and urcu_%s_call_rcu_after_fork_parent was not called for this",
				     check_names[flavor]);
}

#define HOOKS(F, FLAVOR)								\
EXPORT void urcu_##F##_call_rcu_before_fork(void)					\
{											\
	before(FLAVOR, __func__, CALLER);						\
	REAL(urcu_##F##_call_rcu_before_fork)();					\
}											\
EXPORT void urcu_##F##_call_rcu_after_fork_parent(void)					\
{											\
	REAL(urcu_##F##_call_rcu_after_fork_parent)();					\
	after(FLAVOR, false, __func__, CALLER);						\
}											\
EXPORT void urcu_##F##_call_rcu_after_fork_child(void)					\
{											\
	REAL(urcu_##F##_call_rcu_after_fork_child)();					\
	after(FLAVOR, true, __func__, CALLER);						\
}

HOOKS(mb, FLAVOR_MB)
HOOKS(memb, FLAVOR_MEMB)
HOOKS(bp, FLAVOR_BP)
HOOKS(qsbr, FLAVOR_QSBR)

/* bp's own pair for who uses no call_rcu: nothing is owed for its registry any more. */
EXPORT void urcu_bp_after_fork_child(void)
{
	REAL(urcu_bp_after_fork_child)();
	debts[FLAVOR_BP] = NOTHING;
}
