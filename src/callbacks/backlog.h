/* SPDX-License-Identifier: MIT */
#pragma once

/* How much waits, a limit for it, and what was counted. A part of callbacks.h, which says what else there is. */

#include <stdbool.h>
#include <stddef.h>

struct call_rcu_data;
struct urcu_backlog;
struct urcu_stats;
struct workers;

/* ---- The backlog: backlog.c. urcu/backlog.h has the contracts. ---- */

/* listed: the calling thread holds workers.lock, between the fork hooks. */
void quiesce_backlog_get(struct workers *all, bool listed, struct urcu_backlog *backlog);
/* For who must not wait: false if somebody has the lock. */
bool quiesce_backlog_look(struct workers *all, struct urcu_backlog *backlog);
void quiesce_backlog_set_limit(struct workers *all, size_t bytes, unsigned long callbacks);
void quiesce_backlog_set_handler(struct workers *all,
		void (*handler)(const struct urcu_backlog *backlog, void *arg), void *arg);

/*
 * Where there is a limit, by a producer who is about to queue on queue: have its server hurry, and see whether
 * the limit is passed; *served: whether it is of any use to wait. Then see to that, outside all of our sections.
 */
bool quiesce_backlog_is_passed(struct workers *all, struct call_rcu_data *queue, struct urcu_backlog *seen,
		bool *served);
void quiesce_backlog_pass(struct workers *all, const struct urcu_backlog *seen, bool served);

/* Before a fork pauses the workers: wait for what is beyond the limit, as urcu_set_fork_drain says. */
void quiesce_backlog_set_fork(struct workers *all, unsigned int timeout_ms);
void quiesce_backlog_before_fork(struct workers *all, bool between);

/* ---- What was counted: stats.c. ---- */

/* Add it to what stats has, which is 0. listed: as above. */
void quiesce_workers_count(struct workers *all, bool listed, struct urcu_stats *stats);
