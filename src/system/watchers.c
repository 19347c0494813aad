/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "system/sanitize.h"
#include "system/system.h"

/* valgrind shows itself by what it preloads. */
extern void __lsan_do_leak_check(void) __attribute__((weak));

static bool looked, watched;	/* by the first call, before there are tables or threads */

bool quiesce_is_watched(void)
{
	const char *preloaded;

	if (looked)
		return watched;
	preloaded = getenv("LD_PRELOAD");
	watched = QUIESCE_IS_SEEN || __lsan_do_leak_check || __tsan_acquire ||
		  (preloaded && strstr(preloaded, "vgpreload"));
	looked = true;
	return watched;
}

/* Early, so that the program has not changed its environment. */
static void __attribute__((constructor)) look_for_watchers(void)
{
	quiesce_is_watched();
}
