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

/* rcu_barrier with a deadline: false if it passed first. */
bool quiesce_barrier_until(struct flavor *flavor, uint64_t deadline);

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

/* At exit or dlclose (exit.c): at_end; or when the program asks for the same before that. */
void quiesce_exit(struct flavor *flavor, bool at_end);
