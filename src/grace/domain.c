/* SPDX-License-Identifier: MIT */
/* A domain, and the calling thread as its reader. */
#include <urcu/static/urcu-common.h>

#include "grace/grace.h"
#include "system/system.h"

void quiesce_domain_init(struct domain *domain)
{
	domain->membarrier_granted = domain->has_membarrier && quiesce_membarrier_init();
	if (domain->membarrier_granted)
		__atomic_store_n(domain->has_membarrier, 1, __ATOMIC_RELAXED);
}

/* The leader may sleep until this reader wakes it. */
static void wake_leader(const struct domain *domain)
{
	if (__atomic_load_n(&domain->gp->futex, __ATOMIC_RELAXED) == -1)
		urcu_common_wake_leader(domain->gp);
}

void quiesce_domain_report_unlock(const struct domain *domain)
{
	quiesce_report("urcu_%s_read_unlock: was called more often than urcu_%s_read_lock by a thread: "
		       "from here on it counts as in no section", domain->name, domain->name);
}

/*
 * After more unlocks than locks the depth is below zero, which looks like a very deep section that
 * nobody ever leaves. There is none: release, as [R3], for those that were.
 */
static bool is_in_section(const struct domain *domain, struct reader *self)
{
	if (!quiesce_is_below_zero(self->ctr))
		return self->ctr & URCU_GP_NEST_MASK;
	quiesce_domain_report_unlock(domain);
	__atomic_store_n(&self->ctr, 0, __ATOMIC_RELEASE);
	wake_leader(domain);
	return false;
}

bool quiesce_domain_in_section(const struct domain *domain)
{
	struct reader *self = domain->announces ? NULL : domain->calls->self();

	return self && is_in_section(domain, self);
}

bool quiesce_domain_holds_up(const struct domain *domain)
{
	const struct reader *self = domain->calls->self();

	return domain->announces ? self && self->ctr : quiesce_domain_in_section(domain);
}

bool quiesce_domain_enter(const struct domain *domain)
{
	bool offline = domain->announces && domain->calls->self() && !quiesce_domain_holds_up(domain);

	if (caa_unlikely(offline))
		domain->calls->resume();
	domain->calls->enter();
	return offline;
}

void quiesce_domain_leave(const struct domain *domain, bool offline)
{
	domain->calls->leave();
	if (caa_unlikely(offline))
		domain->calls->suspend();
}

bool quiesce_domain_suspend(const struct domain *domain)
{
	return domain->calls->suspend && domain->calls->suspend();
}

void quiesce_domain_resume(const struct domain *domain, bool suspended)
{
	if (suspended)
		domain->calls->resume();
}

bool quiesce_domain_add(struct domain *domain, struct reader *reader)
{
	return quiesce_registry_add(&domain->registry, reader);
}

bool quiesce_domain_remove(struct domain *domain, struct reader *reader, bool *in_section)
{
	bool removed;

	*in_section = !domain->announces && is_in_section(domain, reader);
	removed = quiesce_registry_remove(&domain->registry, reader);
	quiesce_delay();
	wake_leader(domain);
	return removed;
}
