/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdlib.h>

#include "system/system.h"

/* Set atomically. In one process what is registered stays so. */
static bool watched;
static const void *ending;	/* quiesce_self() of the thread that is in exit, or NULL */

void quiesce_note_end(void)
{
	__atomic_store_n(&ending, quiesce_self(), __ATOMIC_RELAXED);
}

/* What another thread's exit was to call here it may have called there. */
bool quiesce_child_ends(void)
{
	if (ending && ending != quiesce_self()) {
		ending = NULL;
		watched = false;
	}
	return ending;
}

void quiesce_end_watch(void)
{
	if (!__atomic_load_n(&watched, __ATOMIC_RELAXED) &&
	    !__atomic_exchange_n(&watched, true, __ATOMIC_RELAXED) && atexit(quiesce_note_end) != 0)
		__atomic_store_n(&watched, false, __ATOMIC_RELAXED);
}

bool quiesce_process_ends(void)
{
	return __atomic_load_n(&ending, __ATOMIC_RELAXED) != NULL;
}

bool quiesce_library_ends(void)
{
	return __atomic_load_n(&watched, __ATOMIC_RELAXED) && !quiesce_process_ends();
}
