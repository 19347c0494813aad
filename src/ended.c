/* SPDX-License-Identifier: MIT */
/*
 * Threads that end registered, or between the fork hooks. The reader lies in memory of the thread, which
 * goes away, and nobody else can call the hooks that it owes: so each is reported, and made up for. bp's
 * threads never unregister; flavor-bp.c has its own way.
 */
#include <limits.h>

#include <urcu/flavor.h>

#include "call-rcu.h"
#include "report.h"

/*
 * The last round of destructors: in the ones before it the program may unregister the thread in a
 * destructor of its own (pthread_key_create(3)), or call the hook.
 */
static void end_thread(void *arg)
{
	struct flavor *flavor = arg;
	struct thread_state *thread = flavor->thread();

	if (!flavor->self() && !quiesce_between_hooks(flavor))
		return;
	if (++thread->destructors < PTHREAD_DESTRUCTOR_ITERATIONS &&
	    pthread_setspecific(flavor->thread_end, flavor) == 0)
		return;
	if (quiesce_between_hooks(flavor))
		quiesce_end_fork(flavor, "ended");
	if (!flavor->self())
		return;
	quiesce_report("urcu_%s_unregister_thread: not called by a thread that ended registered",
		       flavor->name);
	flavor->api->unregister_thread();
}

void quiesce_watch_ends(struct flavor *flavor)
{
	if (!flavor->attend && !__atomic_load_n(&flavor->has_thread_end, __ATOMIC_RELAXED) &&
	    pthread_key_create(&flavor->thread_end, end_thread) == 0)
		__atomic_store_n(&flavor->has_thread_end, true, __ATOMIC_RELEASE);
}

/* Without memory for it nobody watches this thread: nothing that it does is any different. */
void quiesce_watch_thread(struct flavor *flavor)
{
	flavor->thread()->destructors = 0;
	/* Acquire: the key is there. */
	if (__atomic_load_n(&flavor->has_thread_end, __ATOMIC_ACQUIRE))
		pthread_setspecific(flavor->thread_end, flavor);
}

/* One that is registered is watched. A fork hook may be called with an allocator's locks held. */
void quiesce_watch_fork(struct flavor *flavor)
{
	if (!flavor->self() && __atomic_load_n(&flavor->has_thread_end, __ATOMIC_ACQUIRE) &&
	    flavor->thread_end < KEYS_WITH_ROOM)
		quiesce_watch_thread(flavor);
}

/* Another thread may register meanwhile, and find the key deleted: that one is not watched. */
void quiesce_ignore_ends(struct flavor *flavor)
{
	if (__atomic_exchange_n(&flavor->has_thread_end, false, __ATOMIC_ACQUIRE))
		pthread_key_delete(flavor->thread_end);
}
