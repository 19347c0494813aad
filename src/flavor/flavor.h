/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The roof: flavors, as programs know them. A flavor is its struct flavor: data that says where its
 * readers look, what orders them and who wakes whom, plus the engine that this is given to. No other
 * state is kept, so that one program may hold all flavors, linked statically too.
 *
 *	mb.c memb.c bp.c qsbr.c	descriptor, readers, constructor and destructor of each
 *	exports.h	the exported functions that all have
 *	call-rcu.c	those of urcu/call-rcu.h that a caller may get wrong
 *	polling.c	urcu/urcu-poll.h
 *	counts.c	urcu/stats.h
 *	sum.c		that of all flavors: quiesce/stats.h
 *	stalled.c	grace periods that take long: quiesce/stall.h
 *	observed.h	what tells others where to look: quiesce/observed.h
 *	registration.c	registration, and threads that forget to undo it
 *	bp-arena.c	where bp's readers lie
 *	pointer.c	exported names without a flavor
 *
 * Each library holds one of the first four and the same rest.
 */

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>

#include <urcu/stats.h>
#include <urcu/urcu-poll.h>

#include "callbacks/callbacks.h"
#include "grace/grace.h"
#include "process/process.h"
#include "system/system.h"

/*
 * glibc has room for the values of this many keys in each thread, and allocates for more; other C
 * libraries have room for all.
 */
#ifdef __GLIBC__
#define KEYS_WITH_ROOM 32
#else
#define KEYS_WITH_ROOM PTHREAD_KEYS_MAX
#endif

/*
 * In which round of a thread's destructors the library sees to what the thread forgot: in the ones before,
 * the program may still do so in destructors of its own (pthread_key_create(3)). Not in the last, in which
 * ThreadSanitizer takes its leave of the thread.
 */
#define THREAD_END_ROUND (PTHREAD_DESTRUCTOR_ITERATIONS - 1)

struct flavor {
	struct engine engine;
	bool ready;			/* init has begun; atomically */
	bool has_thread_end;		/* set by init, cleared at exit; atomically */
	pthread_key_t thread_end;	/* of registration.c */
};

/*
 * What each flavor F says of itself, before its descriptor quiesce_F: who the calling thread is. These two
 * for flavors whose threads register by hand, with their reader in urcu_F_reader; bp has its own.
 */
#define FLAVOR_THREAD(F)									\
static QUIESCE_TLS struct own_calls own;							\
static struct own_calls *own_calls(void)							\
	{ return &own; }									\
static struct reader *self(void)								\
	{ return urcu_##F##_reader.registered ? (struct reader *)&urcu_##F##_reader : NULL; }	\
static bool thread(const struct reader *reader, pthread_t *thread)				\
{												\
	*thread = ((const __typeof__(urcu_##F##_reader) *)reader)->tid;				\
	return true;										\
}												\
extern struct flavor quiesce_##F;								\
static void watch(void)										\
	{ quiesce_flavor_watch_fork(&quiesce_##F); }						\
static bool watch_end(void)									\
	{ return quiesce_flavor_watch_end(&quiesce_##F); }					\
static void open_window(struct urcu_free_window *window)					\
	{ urcu_##F##_reader.window = window; }

/* What the floors below are given, from own_calls. */
#define FLAVOR_CALLS(F)										\
extern struct flavor quiesce_##F;								\
static void at_exit(void)									\
	{ quiesce_exit(&quiesce_##F.engine); }							\
static const struct workers_calls workers_calls = {						\
	.own = own_calls,									\
	.first = quiesce_exit_await,								\
	.claim = quiesce_fork_claim,								\
	.after_batch = quiesce_fork_after_batch,						\
	.errand = quiesce_poll_errand,								\
	.watch_end = watch_end,									\
	.open = open_window,									\
}

#define FLAVOR_READER_CALLS(F)									\
	.self = self,										\
	.thread = thread,									\
	.join = urcu_##F##_register_thread,							\
	.part = urcu_##F##_unregister_thread,							\
	.enter = urcu_##F##_read_lock,								\
	.leave = urcu_##F##_read_unlock

/* The descriptor's part that all have. What differs comes after it. */
#define FLAVOR_INIT(F)										\
	.engine.domain.name = #F,								\
	.engine.domain.calls = &reader_calls,							\
	.engine.domain.passes = GP_PASSES,							\
	.engine.domain.stalled = quiesce_flavor_stalled,					\
	.engine.domain.unled = quiesce_flavor_unled,						\
	.engine.domain.registry = REGISTRY_INIT(quiesce_##F.engine.domain.registry),		\
	.engine.workers = {									\
		.domain = &quiesce_##F.engine.domain,						\
		.calls = &workers_calls,							\
		WORKERS_STATE_INIT(quiesce_##F.engine.workers),					\
	},											\
	.engine.at_exit = at_exit

/* The constructor's part. Done once, however often it is called. */
void quiesce_flavor_init(struct flavor *flavor);

/* rcu_register_thread and rcu_unregister_thread for a reader that the caller owns: registration.c. */
void quiesce_flavor_register(struct flavor *flavor, struct reader *reader);
void quiesce_flavor_unregister(struct flavor *flavor, struct reader *reader);

/* engine.watch. One that is registered is watched anyway. */
void quiesce_flavor_watch_fork(struct flavor *flavor);

/* The workers' calls->watch_end. */
bool quiesce_flavor_watch_end(struct flavor *flavor);

/* At exit: threads that end registered are not seen any more. */
void quiesce_flavor_ignore_ends(struct flavor *flavor);

/* Of urcu/call-rcu.h: call-rcu.c. */
void quiesce_flavor_barrier(struct flavor *flavor);
struct call_rcu_data *quiesce_flavor_create(struct flavor *flavor, unsigned long flags, int cpu);
void quiesce_flavor_free(struct flavor *flavor, struct call_rcu_data *queue);
int quiesce_flavor_create_cpus(struct flavor *flavor, unsigned long flags);
void quiesce_flavor_free_cpus(struct flavor *flavor);

/* Of urcu/backlog.h: call-rcu.c. */
int quiesce_flavor_drain(struct flavor *flavor, unsigned int timeout_ms);
int quiesce_flavor_barrier_timeout(struct flavor *flavor, unsigned int timeout_ms);
int quiesce_flavor_stop_default(struct flavor *flavor);
void quiesce_flavor_get_backlog(struct flavor *flavor, struct urcu_backlog *backlog);

/* The domain's stalled and unled: stalled.c. */
void quiesce_flavor_stalled(struct domain *domain, uint64_t ns);
void quiesce_flavor_unled(struct domain *domain, uint64_t ns);

/* Of urcu/stats.h: counts.c. */
void quiesce_flavor_get_stats(struct flavor *flavor, struct urcu_stats *stats);

/* Of urcu/urcu-poll.h: polling.c. */
struct urcu_gp_poll_state quiesce_poll_start(struct flavor *flavor);
bool quiesce_poll(struct flavor *flavor, struct urcu_gp_poll_state state);
bool quiesce_poll_errand(struct workers *all);
