/* SPDX-License-Identifier: MIT */
#define URCU_NO_INLINE
#include <stddef.h>

#include <urcu/urcu-mb.h>

#include "flavor/exports.h"
#include "system/sanitize.h"

FLAVOR_READER_CHECK(struct urcu_reader);

struct urcu_gp urcu_mb_gp = { .ctr = GP_FIRST };
QUIESCE_TLS struct urcu_reader urcu_mb_reader;
static QUIESCE_TLS struct thread_state own;

static struct reader *self(void)
{
	return urcu_mb_reader.registered ? (struct reader *)&urcu_mb_reader : NULL;
}

static struct thread_state *thread(void)
{
	return &own;
}

static void at_exit(void);

struct flavor quiesce_mb = {
	.name = "mb",
	.api = &urcu_mb_flavor,
	.gp = &urcu_mb_gp,
	.readers_wake = true,
	.self = self,
	.thread = thread,
	.at_exit = at_exit,
	FLAVOR_STATE_INIT(quiesce_mb),
};

static void at_exit(void)
{
	quiesce_exit(&quiesce_mb);
}

void urcu_mb_read_lock(void)
{
	_urcu_mb_read_lock();
}

void urcu_mb_read_unlock(void)
{
	quiesce_tell_release(&urcu_mb_reader.ctr);
	_urcu_mb_read_unlock();
}

int urcu_mb_read_ongoing(void)
{
	return _urcu_mb_read_ongoing();
}

void urcu_mb_register_thread(void)
{
	urcu_mb_reader.tid = pthread_self();
	urcu_mb_reader.registered = 1;
	quiesce_register(&quiesce_mb, (struct reader *)&urcu_mb_reader);
}

void urcu_mb_unregister_thread(void)
{
	quiesce_unregister(&quiesce_mb, (struct reader *)&urcu_mb_reader);
	urcu_mb_reader.registered = 0;
}

__attribute__((constructor))
void urcu_mb_init(void)
{
	quiesce_init(&quiesce_mb);
}

void urcu_mb_exit(void)
{
	quiesce_rest(&quiesce_mb);
}

__attribute__((destructor))
static void end(void)
{
	quiesce_end(&quiesce_mb);
	quiesce_ignore_ends(&quiesce_mb);
}

FLAVOR_EXPORTS(mb, quiesce_mb)
FLAVOR_TABLE(mb);
