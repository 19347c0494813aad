/* SPDX-License-Identifier: MIT */
#pragma once

/* Who waits for a thread between the fork hooks: forker.c. A part of callbacks.h, which says what else there is. */

#include <stdbool.h>
#include <stdint.h>

#include "system/system.h"

struct workers;

/* That thread, for reports. It may have ended, if it has forgotten a hook. */
struct forker {
	struct holder holder;
	unsigned long number;		/* of threads that had the hooks, with this one; by itself, atomically */
};

/* The calling thread has come to own the hooks; it gives them back. */
void quiesce_forker_set(struct workers *all);
void quiesce_forker_unset(struct workers *all);

/* It has been waited for so long. Nothing, if another has reported that just now. */
void quiesce_forker_report(struct workers *all, uint64_t waited, const char *waiting);

/* As quiesce_watched_wait, without limit; and that, if it is due and the same thread has been there all the time. */
void quiesce_forker_wait(struct workers *all, int32_t *word, int32_t value, struct watch *watch, const char *waiting);

/* Take a lock that it may have: fork.lock or workers.lock. The second: false if nothing is left. */
void quiesce_forker_lock(struct workers *all, int32_t *lock, const char *waiting);
bool quiesce_forker_lock_until(struct workers *all, int32_t *lock, uint64_t *left, const char *waiting);

/* Take workers.lock. In a child that nobody told us of (_Fork) a dead thread may have it: so the child is claimed first. */
void quiesce_workers_lock(struct workers *all, const char *waiting);
