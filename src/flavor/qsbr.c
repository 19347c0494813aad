/* SPDX-License-Identifier: MIT */
#define URCU_NO_INLINE
#include <stddef.h>

#include <urcu/urcu-qsbr.h>

#include "system/system.h"
#include "flavor/exports.h"
#include "flavor/observed.h"
#include "system/sanitize.h"

FLAVOR_READER_CHECK(struct urcu_qsbr_reader);

struct urcu_gp urcu_qsbr_gp = { .ctr = GP_FIRST };
QUIESCE_TLS struct urcu_qsbr_reader urcu_qsbr_reader;

FLAVOR_THREAD(qsbr)

/* Relaxed: the leader's barrier before it is [S3] in src/grace/lead.c. */
static void ask_for_wake(struct reader *reader)
{
	__atomic_store_n(&((struct urcu_qsbr_reader *)reader)->waiting, 1, __ATOMIC_RELAXED);
}

static void announce(void)
{
	if (urcu_qsbr_read_ongoing())
		urcu_qsbr_quiescent_state();
}

static bool suspend(void)
{
	bool online = urcu_qsbr_read_ongoing();

	if (online)
		urcu_qsbr_thread_offline();
	return online;
}

static const struct reader_calls reader_calls = {
	FLAVOR_READER_CALLS(qsbr),
	.announce = announce,
	.suspend = suspend,
	.resume = urcu_qsbr_thread_online,
};

FLAVOR_CALLS(qsbr);

struct flavor quiesce_qsbr = {
	FLAVOR_INIT(qsbr),
	.engine.watch = watch,
	.engine.domain.gp = &urcu_qsbr_gp,
	.engine.domain.readers_wake = true,
	.engine.domain.announces = true,
	.engine.domain.ask_for_wake = ask_for_wake,
};

void urcu_qsbr_read_lock(void)
{
	_urcu_qsbr_read_lock();
}

void urcu_qsbr_read_unlock(void)
{
	_urcu_qsbr_read_unlock();
}

int urcu_qsbr_read_ongoing(void)
{
	return _urcu_qsbr_read_ongoing();
}

void urcu_qsbr_quiescent_state(void)
{
	quiesce_tell_release(&urcu_qsbr_reader.ctr);
	_urcu_qsbr_quiescent_state();
}

void urcu_qsbr_thread_offline(void)
{
	quiesce_tell_release(&urcu_qsbr_reader.ctr);
	_urcu_qsbr_thread_offline();
}

void urcu_qsbr_thread_online(void)
{
	_urcu_qsbr_thread_online();
}

void urcu_qsbr_register_thread(void)
{
	urcu_qsbr_reader.tid = pthread_self();
	urcu_qsbr_reader.registered = 1;
	quiesce_flavor_register(&quiesce_qsbr, (struct reader *)&urcu_qsbr_reader);
	quiesce_delay();
	_urcu_qsbr_thread_online();
}

void urcu_qsbr_unregister_thread(void)
{
	_urcu_qsbr_thread_offline();
	quiesce_flavor_unregister(&quiesce_qsbr, (struct reader *)&urcu_qsbr_reader);
	quiesce_delay();
	urcu_qsbr_reader.registered = 0;
}

__attribute__((constructor))
static void begin(void)
{
	quiesce_flavor_init(&quiesce_qsbr);
}

void urcu_qsbr_exit(void)
{
	quiesce_exit_rest(&quiesce_qsbr.engine);
}

__attribute__((destructor))
static void end(void)
{
	quiesce_exit_end(&quiesce_qsbr.engine);
	quiesce_flavor_ignore_ends(&quiesce_qsbr);
}

FLAVOR_EXPORTS(qsbr)
FLAVOR_TABLE(qsbr);
FLAVOR_OBSERVED(qsbr, struct urcu_qsbr_reader, true);
