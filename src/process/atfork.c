/* SPDX-License-Identifier: MIT */
/* The hooks, installed with pthread_atfork, once. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "process/process.h"
#include "system/system.h"

enum { ATFORK_NO = 0, ATFORK_YES = -1 };

/*
 * Become the one who installs the hooks; false: they are. No lock of ours may be held meanwhile, for
 * pthread_atfork allocates. A fork in the middle leaves the child the id of its parent, which nobody
 * waits for: it tries again, and if the hooks were there already they nest.
 */
static bool claim_atfork(int32_t *atfork)
{
	int32_t own = quiesce_generation() + 1, seen;

	while ((seen = __atomic_load_n(atfork, __ATOMIC_ACQUIRE)) != ATFORK_YES)
		if (seen == own)
			quiesce_wait(atfork, own, NULL);
		else if (__atomic_compare_exchange_n(atfork, &seen, own, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

/*
 * Prepare handlers run in reverse order. An allocator that registers its own at its first use does
 * so now: they run after ours, and no callback waits for a lock that they have taken.
 */
static void wake_allocator(void)
{
	void *volatile block = malloc(1);

	free(block);
}

int quiesce_fork_atfork(struct engine *engine, void (*prepare)(void), void (*parent)(void),
		void (*child)(void))
{
	int32_t *atfork = &engine->fork.atfork;
	int error;

	if (!claim_atfork(atfork))
		return 0;
	wake_allocator();
	error = pthread_atfork(prepare, parent, child);
	/* Release: whoever finds the hooks installed finds them all. */
	__atomic_store_n(atfork, error ? ATFORK_NO : ATFORK_YES, __ATOMIC_RELEASE);
	quiesce_wake(atfork, INT_MAX);
	return error < 0 ? ENOMEM : error;	/* -1: musl before 1.2.4 */
}
