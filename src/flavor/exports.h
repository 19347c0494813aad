/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The exported functions that all flavors have, as one-line forwarders to the engine: F is the
 * flavor's name. Contracts: urcu/flavor-api.h, urcu/call-rcu.h, urcu/backlog.h,
 * urcu/free-rcu.h, urcu/stats.h, urcu/flavor.h.
 * What differs between flavors (readers, registration) stands in F.c.
 */

#include <urcu/flavor.h>

#include "callbacks/free.h"
#include "flavor/flavor.h"

#define FLAVOR_EXPORTS(F)										\
void urcu_##F##_synchronize_rcu(void)									\
	{ quiesce_workers_synchronize(&quiesce_##F.engine.workers, "synchronize_rcu"); }			\
void urcu_##F##_call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))			\
	{ quiesce_workers_call(&quiesce_##F.engine.workers, head, func); }				\
void urcu_##F##_barrier(void)										\
	{ quiesce_flavor_barrier(&quiesce_##F); }							\
int urcu_##F##_barrier_timeout(unsigned int timeout_ms)							\
	{ return quiesce_flavor_barrier_timeout(&quiesce_##F, timeout_ms); }				\
int urcu_##F##_drain(unsigned int timeout_ms)								\
	{ return quiesce_flavor_drain(&quiesce_##F, timeout_ms); }					\
int urcu_##F##_stop_default_worker(void)								\
	{ return quiesce_flavor_stop_default(&quiesce_##F); }						\
void urcu_##F##_get_backlog(struct urcu_backlog *backlog)						\
	{ quiesce_flavor_get_backlog(&quiesce_##F, backlog); }						\
void urcu_##F##_get_stats(struct urcu_stats *stats)							\
	{ quiesce_flavor_get_stats(&quiesce_##F, stats); }						\
void urcu_##F##_set_backlog_limit(size_t bytes, unsigned long callbacks)				\
	{ quiesce_backlog_set_limit(&quiesce_##F.engine.workers, bytes, callbacks); }			\
void urcu_##F##_set_backlog_handler(void (*handler)(const struct urcu_backlog *, void *), void *arg)	\
	{ quiesce_backlog_set_handler(&quiesce_##F.engine.workers, handler, arg); }			\
void urcu_##F##_set_fork_drain(unsigned int timeout_ms)							\
	{ quiesce_backlog_set_fork(&quiesce_##F.engine.workers, timeout_ms); }				\
struct call_rcu_data *urcu_##F##_create_call_rcu_data(unsigned long flags, int cpu)			\
	{ return quiesce_flavor_create(&quiesce_##F, flags, cpu); }					\
void urcu_##F##_call_rcu_data_free(struct call_rcu_data *crdp)						\
	{ quiesce_flavor_free(&quiesce_##F, crdp); }							\
struct call_rcu_data *urcu_##F##_get_default_call_rcu_data(void)					\
	{ return quiesce_workers_default(&quiesce_##F.engine.workers); }				\
struct call_rcu_data *urcu_##F##_get_call_rcu_data(void)						\
	{ return quiesce_workers_chosen(&quiesce_##F.engine.workers); }					\
pthread_t urcu_##F##_get_call_rcu_thread(struct call_rcu_data *crdp)					\
	{ return quiesce_workers_thread(crdp); }							\
struct call_rcu_data *urcu_##F##_get_thread_call_rcu_data(void)						\
	{ return own_calls()->worker; }									\
void urcu_##F##_set_thread_call_rcu_data(struct call_rcu_data *crdp)					\
	{ quiesce_workers_set_own(&quiesce_##F.engine.workers, crdp); }					\
struct call_rcu_data *urcu_##F##_get_cpu_call_rcu_data(int cpu)						\
	{ return quiesce_workers_get_cpu(&quiesce_##F.engine.workers, cpu); }				\
int urcu_##F##_set_cpu_call_rcu_data(int cpu, struct call_rcu_data *crdp)				\
	{ return quiesce_workers_set_cpu(&quiesce_##F.engine.workers, cpu, crdp); }			\
int urcu_##F##_create_all_cpu_call_rcu_data(unsigned long flags)					\
	{ return quiesce_flavor_create_cpus(&quiesce_##F, flags); }					\
void urcu_##F##_free_all_cpu_call_rcu_data(void)							\
	{ quiesce_flavor_free_cpus(&quiesce_##F); }							\
void urcu_##F##_call_rcu_before_fork(void)								\
	{ quiesce_fork_before(&quiesce_##F.engine); }							\
void urcu_##F##_call_rcu_after_fork_parent(void)							\
	{ quiesce_fork_parent(&quiesce_##F.engine); }							\
void urcu_##F##_call_rcu_after_fork_child(void)								\
	{ quiesce_fork_child(&quiesce_##F.engine); }							\
int urcu_##F##_atfork_enable(void)									\
{													\
	return quiesce_fork_atfork(&quiesce_##F.engine, urcu_##F##_call_rcu_before_fork,		\
				     urcu_##F##_call_rcu_after_fork_parent,				\
				     urcu_##F##_call_rcu_after_fork_child);				\
}													\
void urcu_##F##_register_rculfhash_atfork(struct urcu_atfork *atfork)					\
	{ quiesce_fork_set_table(&quiesce_##F.engine, atfork); }					\
void urcu_##F##_unregister_rculfhash_atfork(struct urcu_atfork *atfork)					\
	{ quiesce_fork_unset_table(&quiesce_##F.engine, atfork); }					\
void urcu_##F##_defer_rcu(void (*fct)(void *p), void *p)						\
	{ quiesce_defer(&quiesce_##F.engine.workers, fct, p); }						\
int urcu_##F##_defer_register_thread(void)								\
	{ return quiesce_defer_register(&quiesce_##F.engine.workers); }					\
void urcu_##F##_defer_unregister_thread(void)								\
	{ quiesce_defer_unregister(&quiesce_##F.engine.workers); }					\
void urcu_##F##_defer_barrier(void)									\
	{ quiesce_defer_barrier(&quiesce_##F.engine.workers); }						\
void urcu_##F##_defer_barrier_thread(void)								\
	{ quiesce_defer_barrier_thread(&quiesce_##F.engine.workers); }					\
void urcu_##F##_defer_exit(void)									\
	{ quiesce_defer_exit(&quiesce_##F.engine.workers); }						\
void urcu_##F##_free_rcu(void *ptr)									\
	{ quiesce_free(&quiesce_##F.engine.workers, own_calls()->stash, ptr); }			\
int urcu_##F##_free_rcu_with(void (*release)(void *ptr))						\
	{ return quiesce_free_with(&quiesce_##F.engine.workers, release); }				\
void urcu_##F##_free_rcu_at(struct rcu_head *head, size_t offset)					\
	{ quiesce_free_at(&quiesce_##F.engine.workers, head, offset); }					\
struct urcu_gp_poll_state urcu_##F##_start_poll_synchronize_rcu(void)					\
	{ return quiesce_poll_start(&quiesce_##F); }							\
bool urcu_##F##_poll_state_synchronize_rcu(struct urcu_gp_poll_state state)				\
	{ return quiesce_poll(&quiesce_##F, state); }

/* The same functions as struct rcu_flavor_struct has them. */
#define FLAVOR_TABLE(F)											\
const struct rcu_flavor_struct urcu_##F##_flavor = {							\
	.read_lock = urcu_##F##_read_lock,								\
	.read_unlock = urcu_##F##_read_unlock,								\
	.read_ongoing = urcu_##F##_read_ongoing,							\
	.read_quiescent_state = urcu_##F##_quiescent_state,						\
	.update_call_rcu = urcu_##F##_call_rcu,								\
	.update_synchronize_rcu = urcu_##F##_synchronize_rcu,						\
	.update_defer_rcu = urcu_##F##_defer_rcu,							\
	.thread_offline = urcu_##F##_thread_offline,							\
	.thread_online = urcu_##F##_thread_online,							\
	.register_thread = urcu_##F##_register_thread,							\
	.unregister_thread = urcu_##F##_unregister_thread,						\
	.barrier = urcu_##F##_barrier,									\
	.register_rculfhash_atfork = urcu_##F##_register_rculfhash_atfork,				\
	.unregister_rculfhash_atfork = urcu_##F##_unregister_rculfhash_atfork,				\
	.update_start_poll_synchronize_rcu = urcu_##F##_start_poll_synchronize_rcu,			\
	.update_poll_state_synchronize_rcu = urcu_##F##_poll_state_synchronize_rcu,			\
}

/* The descriptor's view of a public reader structure is its layout. */
#define FLAVOR_READER_CHECK(type)									\
	_Static_assert(offsetof(type, ctr) == offsetof(struct reader, ctr) &&				\
		       offsetof(type, node) == offsetof(struct reader, node) &&				\
		       offsetof(type, slot) == offsetof(struct reader, slot) &&				\
		       sizeof(type) == 2 * CAA_CACHE_LINE_SIZE, #type)
