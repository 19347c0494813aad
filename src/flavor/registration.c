/* SPDX-License-Identifier: MIT */
/*
 * Registration, and threads that end registered, or between the fork hooks. The reader lies in memory of
 * the thread, which goes away, and nobody else can call the hooks that it owes: so each is reported, and
 * made up for. bp's threads never unregister; bp.c has its own way.
 */
#include <limits.h>

#include "flavor/flavor.h"

/* The key's value is the flavor's address plus the number of rounds. */
static void end_thread(void *arg)
{
	uintptr_t round = (uintptr_t)arg % QUIESCE_APART + 1;
	struct flavor *flavor = (struct flavor *)((char *)arg - (round - 1));
	struct domain *domain = &flavor->engine.domain;

	quiesce_free_end(&flavor->engine.workers);
	if (!domain->calls->self() && !quiesce_fork_is_between(&flavor->engine))
		return;
	if (round < THREAD_END_ROUND &&
	    pthread_setspecific(flavor->thread_end, (char *)flavor + round) == 0)
		return;
	if (quiesce_fork_is_between(&flavor->engine))
		quiesce_fork_forgotten(&flavor->engine, "ended");
	if (!domain->calls->self())
		return;
	quiesce_report("urcu_%s_unregister_thread: not called by a thread that ended registered",
		       domain->name);
	domain->calls->part();
}

static void watch_ends(struct flavor *flavor)
{
	if (!flavor->engine.domain.calls->attend &&
	    !__atomic_load_n(&flavor->has_thread_end, __ATOMIC_RELAXED) &&
	    pthread_key_create(&flavor->thread_end, end_thread) == 0)
		__atomic_store_n(&flavor->has_thread_end, true, __ATOMIC_RELEASE);
}

void quiesce_flavor_init(struct flavor *flavor)
{
	if (__atomic_exchange_n(&flavor->ready, true, __ATOMIC_RELAXED))
		return;
	quiesce_workers_enlist(&flavor->engine.workers);
	quiesce_fork_watch(&flavor->engine);
	watch_ends(flavor);
	quiesce_domain_init(&flavor->engine.domain);
}

/* Without memory for it nobody watches this thread: nothing that it does is any different. */
static bool watch_thread(struct flavor *flavor)
{
	/* Acquire: the key is there. */
	return __atomic_load_n(&flavor->has_thread_end, __ATOMIC_ACQUIRE) &&
	       pthread_setspecific(flavor->thread_end, flavor) == 0;
}

/* One that is watched may be in its end, and have rounds behind it. */
bool quiesce_flavor_watch_end(struct flavor *flavor)
{
	return (__atomic_load_n(&flavor->has_thread_end, __ATOMIC_ACQUIRE) &&
		pthread_getspecific(flavor->thread_end)) || watch_thread(flavor);
}

void quiesce_flavor_watch_fork(struct flavor *flavor)
{
	if (!flavor->engine.domain.calls->self() && flavor->thread_end < KEYS_WITH_ROOM)
		watch_thread(flavor);
}

/* Another thread may register meanwhile, and find the key deleted: that one is not watched. */
void quiesce_flavor_ignore_ends(struct flavor *flavor)
{
	if (__atomic_exchange_n(&flavor->has_thread_end, false, __ATOMIC_ACQUIRE))
		pthread_key_delete(flavor->thread_end);
}

void quiesce_flavor_register(struct flavor *flavor, struct reader *reader)
{
	quiesce_fork_claim(&flavor->engine.workers);
	if (!quiesce_domain_add(&flavor->engine.domain, reader))
		quiesce_report("urcu_%s_register_thread: the thread is registered already",
			       flavor->engine.domain.name);
	else
		watch_thread(flavor);
}

void quiesce_flavor_unregister(struct flavor *flavor, struct reader *reader)
{
	struct domain *domain = &flavor->engine.domain;
	bool in_section, removed;

	quiesce_fork_claim(&flavor->engine.workers);
	removed = quiesce_domain_remove(domain, reader, &in_section);
	if (in_section)
		quiesce_report("urcu_%s_unregister_thread: called in a read-side critical section, "
			       "which is no longer protected", domain->name);
	if (!removed)
		quiesce_report("urcu_%s_unregister_thread: the thread is not registered",
			       domain->name);
}
