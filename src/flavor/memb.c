/* SPDX-License-Identifier: MIT */
#define URCU_NO_INLINE
#include <stddef.h>

#include <urcu/urcu-memb.h>

#include "flavor/exports.h"
#include "system/sanitize.h"

FLAVOR_READER_CHECK(struct urcu_reader);

struct urcu_gp urcu_memb_gp = { .ctr = GP_FIRST };
QUIESCE_TLS struct urcu_reader urcu_memb_reader;
int urcu_memb_has_sys_membarrier;
static QUIESCE_TLS struct thread_state own;

static struct reader *self(void)
{
	return urcu_memb_reader.registered ? (struct reader *)&urcu_memb_reader : NULL;
}

static struct thread_state *thread(void)
{
	return &own;
}

static void at_exit(void);

struct flavor quiesce_memb = {
	.name = "memb",
	.api = &urcu_memb_flavor,
	.gp = &urcu_memb_gp,
	.has_membarrier = &urcu_memb_has_sys_membarrier,
	.readers_wake = true,
	.self = self,
	.thread = thread,
	.at_exit = at_exit,
	FLAVOR_STATE_INIT(quiesce_memb),
};

static void at_exit(void)
{
	quiesce_exit(&quiesce_memb);
}

void urcu_memb_read_lock(void)
{
	_urcu_memb_read_lock();
}

void urcu_memb_read_unlock(void)
{
	quiesce_tell_release(&urcu_memb_reader.ctr);
	_urcu_memb_read_unlock();
}

int urcu_memb_read_ongoing(void)
{
	return _urcu_memb_read_ongoing();
}

void urcu_memb_register_thread(void)
{
	urcu_memb_reader.tid = pthread_self();
	urcu_memb_reader.registered = 1;
	quiesce_register(&quiesce_memb, (struct reader *)&urcu_memb_reader);
}

void urcu_memb_unregister_thread(void)
{
	quiesce_unregister(&quiesce_memb, (struct reader *)&urcu_memb_reader);
	urcu_memb_reader.registered = 0;
}

__attribute__((constructor))
void urcu_memb_init(void)
{
	quiesce_init(&quiesce_memb);
}

void urcu_memb_exit(void)
{
	quiesce_rest(&quiesce_memb);
}

__attribute__((destructor))
static void end(void)
{
	quiesce_end(&quiesce_memb);
	quiesce_ignore_ends(&quiesce_memb);
}

FLAVOR_EXPORTS(memb, quiesce_memb)
FLAVOR_TABLE(memb);
