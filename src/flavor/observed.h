/* SPDX-License-Identifier: MIT */
#pragma once

/* The block by which a flavor is seen from outside, quiesce/observed.h: F is the flavor, type its reader's. */

#include <quiesce/observed.h>

#include "flavor/flavor.h"

/* What is told of a worker's state is what it is. */
_Static_assert(QUIESCE_WORKER_THREAD == (int)WORKER_THREAD && QUIESCE_WORKER_STARTING == (int)WORKER_STARTING &&
	       QUIESCE_WORKER_BUSY == (int)WORKER_BUSY && QUIESCE_WORKER_IDLE == (int)WORKER_IDLE &&
	       QUIESCE_WORKER_LINGER == (int)WORKER_LINGER && QUIESCE_WORKER_PAUSE == (int)WORKER_PAUSE &&
	       QUIESCE_WORKER_STOP == (int)WORKER_STOP && QUIESCE_WORKER_GUEST == (int)WORKER_GUEST &&
	       QUIESCE_WORKER_WAITING == (int)WORKER_WAITING, "one state, two names");

#define OBSERVED_GRACE(F)									\
	.sequence = &quiesce_##F.engine.domain.grace.sequence,					\
	.gp_ctr = &urcu_##F##_gp.ctr,								\
	.gp_futex = &urcu_##F##_gp.futex,							\
	.since = &quiesce_##F.engine.domain.grace.since,					\
	.leader = &quiesce_##F.engine.domain.grace.leader,					\
	.merged = &quiesce_##F.engine.domain.grace.merged,					\
	.latency = quiesce_##F.engine.domain.grace.waited,					\
	.latencies = GP_LATENCIES

#define OBSERVED_READERS(F, type)								\
	.readers = (const void *const *const *)&quiesce_##F.engine.domain.registry.readers,	\
	.registered = &quiesce_##F.engine.domain.registry.registered,				\
	.reader_count = &quiesce_##F.engine.domain.registry.count,				\
	.reader_awaited = &quiesce_##F.engine.domain.registry.awaited,				\
	.reader_beyond = &quiesce_##F.engine.domain.registry.beyond,				\
	.reader_size = sizeof(type),								\
	.reader_ctr = offsetof(type, ctr),							\
	.reader_node = offsetof(type, node),							\
	.reader_thread = offsetof(type, tid)

#define OBSERVED_QUEUE									\
	.queue_size = sizeof(struct call_rcu_data),					\
	.queue_node = offsetof(struct call_rcu_data, node),				\
	.queue_id = offsetof(struct call_rcu_data, id),					\
	.queue_flags = offsetof(struct call_rcu_data, flags),				\
	.queue_cpu = offsetof(struct call_rcu_data, cpu),				\
	.queue_newest = offsetof(struct call_rcu_data, newest),				\
	.queue_taken = offsetof(struct call_rcu_data, taken),				\
	.queue_turned = offsetof(struct call_rcu_data, turned),				\
	.queue_waiting = offsetof(struct call_rcu_data, waiting),			\
	.queue_batch = offsetof(struct call_rcu_data, batch),				\
	.queue_pushed = offsetof(struct call_rcu_data, pushed),				\
	.queue_seen = offsetof(struct call_rcu_data, seen),				\
	.queue_held = offsetof(struct call_rcu_data, held),				\
	.queue_ran = offsetof(struct call_rcu_data, ran),				\
	.queue_batches = offsetof(struct call_rcu_data, batches),			\
	.queue_most = offsetof(struct call_rcu_data, most),				\
	.queue_running = offsetof(struct call_rcu_data, running),			\
	.queue_server = offsetof(struct call_rcu_data, server),				\
	.queue_worker = offsetof(struct call_rcu_data, own),				\
	.head_node = offsetof(struct rcu_head, next),					\
	.head_func = offsetof(struct rcu_head, func),					\
	.worker_size = sizeof(struct worker),						\
	.worker_state = offsetof(struct worker, state),					\
	.worker_thread = offsetof(struct worker, thread),				\
	.worker_serving = offsetof(struct worker, serving),				\
	.worker_wakeups = offsetof(struct worker, wakeups)

#define OBSERVED_WORKERS(F)								\
	.queue_standard = &quiesce_##F.engine.workers.standard,				\
	.queue_deferred = &quiesce_##F.engine.workers.deferred,				\
	.queue_made = &quiesce_##F.engine.workers.list,					\
	.queue_gone = &quiesce_##F.engine.workers.gone.ran,				\
	.stash_shared = &quiesce_##F.engine.workers.stashes.shared,			\
	.stash_list = (const void *const *)&quiesce_##F.engine.workers.stashes.list,	\
	.stash_next = offsetof(struct stash, next),					\
	.stash_given = offsetof(struct stash, window.given),					\
	.stash_freed = offsetof(struct stash, freed),					\
	.stash_bytes = offsetof(struct stash, size)

#define FLAVOR_OBSERVED(F, type, is_announced)						\
const struct quiesce_observed quiesce_observed_##F = {					\
	.magic = QUIESCE_OBSERVED_MAGIC,						\
	.version = QUIESCE_OBSERVED_VERSION,						\
	.size = sizeof(struct quiesce_observed),					\
	.flavor = #F,									\
	.announces = is_announced,							\
	OBSERVED_GRACE(F),								\
	OBSERVED_READERS(F, type),							\
	OBSERVED_QUEUE,									\
	OBSERVED_WORKERS(F),								\
	.forks = &quiesce_##F.engine.fork.forks,					\
	.fork_owner = &quiesce_##F.engine.fork.owner,					\
	.reports = &quiesce_reports,							\
	.stalls = &quiesce_##F.engine.domain.grace.stalls,				\
}
