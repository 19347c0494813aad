/* SPDX-License-Identifier: MIT */
#pragma once

/* What holds a worker up: watch.c. A part of callbacks.h, which says what else there is. */

#include <stdbool.h>
#include <stdint.h>

#include "system/system.h"

struct worker;

/*
 * As quiesce_watched_wait. When the watch is due, see whether the worker has got on, and report it if not, and who
 * waits: what the program called.
 */
bool quiesce_worker_watch(struct worker *worker, int32_t *word, int32_t value, uint64_t *left, struct watch *watch,
		const char *waiter);

/*
 * By who comes by, and does not wait for a word of it to change: see whether it has got on since somebody last did,
 * and report it if it has not for as long as a stall takes. He takes the time only of one that stands still. waiter as
 * above; NULL: nobody waits.
 */
void quiesce_worker_glance(struct worker *worker, const char *waiter);

/* By the worker, where it is WATCHED: it gets on. And the same if it is, with what it is asked. */
void quiesce_worker_breathe(struct worker *worker);
int32_t quiesce_worker_asked(struct worker *worker);
