/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdlib.h>

#include "system/system.h"

/* Set atomically: what is registered stays so. */
static bool watched, ending;

void quiesce_note_end(void)
{
	__atomic_store_n(&ending, true, __ATOMIC_RELAXED);
}

void quiesce_end_watch(void)
{
	if (!__atomic_load_n(&watched, __ATOMIC_RELAXED) &&
	    !__atomic_exchange_n(&watched, true, __ATOMIC_RELAXED) && atexit(quiesce_note_end) != 0)
		__atomic_store_n(&watched, false, __ATOMIC_RELAXED);
}

bool quiesce_process_ends(void)
{
	return __atomic_load_n(&ending, __ATOMIC_RELAXED);
}

bool quiesce_library_ends(void)
{
	return __atomic_load_n(&watched, __ATOMIC_RELAXED) && !quiesce_process_ends();
}
