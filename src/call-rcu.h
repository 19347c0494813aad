/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The functions of urcu/call-rcu.h, which has their contracts, for any flavor. flavor-exports.h
 * forwards each exported name here.
 */

#include <stdbool.h>
#include <stdint.h>

#include "gp.h"

void quiesce_call_rcu(struct flavor *flavor, struct rcu_head *head,
		void (*func)(struct rcu_head *head));
void quiesce_barrier(struct flavor *flavor);

struct call_rcu_data *quiesce_create_worker(struct flavor *flavor, unsigned long flags, int cpu);
void quiesce_free_worker(struct flavor *flavor, struct call_rcu_data *queue);
pthread_t quiesce_worker_thread(struct flavor *flavor, struct call_rcu_data *queue);
struct call_rcu_data *quiesce_default_worker(struct flavor *flavor);
struct call_rcu_data *quiesce_chosen_worker(struct flavor *flavor);
void quiesce_set_thread_worker(struct flavor *flavor, struct call_rcu_data *queue);
struct call_rcu_data *quiesce_cpu_worker(struct flavor *flavor, int cpu);
int quiesce_set_cpu_worker(struct flavor *flavor, int cpu, struct call_rcu_data *queue);
int quiesce_create_cpu_workers(struct flavor *flavor, unsigned long flags);
void quiesce_free_cpu_workers(struct flavor *flavor);

/*
 * rcu_barrier, and the same for one queue, for at most as long as is left (NULL: for ever): false if
 * that was too short.
 */
bool quiesce_barrier_until(struct flavor *flavor, uint64_t *left);
bool quiesce_queue_await(struct call_rcu_data *queue, uint64_t *left);

/* Fork hooks (fork.c). The registry hooks are bp's own three. */
void quiesce_before_fork(struct flavor *flavor);
void quiesce_after_fork_parent(struct flavor *flavor);
void quiesce_after_fork_child(struct flavor *flavor);
int quiesce_atfork_enable(struct flavor *flavor, void (*prepare)(void), void (*parent)(void),
		void (*child)(void));
void quiesce_registry_before_fork(struct flavor *flavor);
void quiesce_registry_after_fork_parent(struct flavor *flavor);
void quiesce_registry_after_fork_child(struct flavor *flavor);
void quiesce_set_table_hooks(struct flavor *flavor, struct urcu_atfork *hooks);
void quiesce_unset_table_hooks(struct flavor *flavor, struct urcu_atfork *hooks);

/* Whether the calling thread is between call_rcu_before_fork and its companion. */
bool quiesce_between_hooks(const struct flavor *flavor);

/*
 * Whether the workers stand still until the calling thread's next hook. In the child that is over with
 * the first hook that sees to them, and others may follow.
 */
bool quiesce_holds_workers(const struct flavor *flavor);

/*
 * The calling thread is between the hooks and will call none any more, for it does what "how" says: do
 * what the hooks that it forgot would, with a report.
 */
void quiesce_end_fork(struct flavor *flavor, const char *how);

/*
 * In a child that was forked without the hooks: make the state this process's own, as far as that is
 * possible, and return false; true: it was.
 */
bool quiesce_claim_process(struct flavor *flavor);

/* The end of the process (exit.c): have quiesce_exit called, in front of what was registered before. */
void quiesce_await_exit(struct flavor *flavor);

/*
 * Run what is queued, then let no callback run any more that nobody waits for, and stop the threads,
 * within the time limit.
 */
void quiesce_exit(struct flavor *flavor);

/* rcu_exit: the same, and then everything may go on. */
void quiesce_rest(struct flavor *flavor);

/*
 * The library's end: quiesce_exit if it was not called, and memory is given back. False: this process
 * is not the one that the threads and locks are of, or the calling thread interrupted itself in the
 * middle of something; the caller leaves everything as it is.
 */
bool quiesce_end(struct flavor *flavor);
