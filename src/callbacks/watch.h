/* SPDX-License-Identifier: MIT */
#pragma once

/* What holds a worker up, or who waits for a lock: watch.c. A part of callbacks.h, which says what else there is. */

#include <stdbool.h>
#include <stdint.h>

#include "system/system.h"

struct worker;
struct workers;

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

/*
 * Report a function of the program that has not returned for so long, to who waits for the lock with which holder runs it.
 * what: the function that the program called, and what it gave to that.
 */
void quiesce_function_report(struct workers *all, const char *what, const void *function, const struct holder *holder,
		uint64_t ns, const char *waiter);

/* By the worker, where it is WATCHED: it gets on. And the same if it is, with what it is asked. */
void quiesce_worker_breathe(struct worker *worker);
int32_t quiesce_worker_asked(struct worker *worker);
