/* SPDX-License-Identifier: MIT */
#define URCU_NO_INLINE
#include <stddef.h>

#include <urcu/urcu-memb.h>

#include "flavor/exports.h"
#include "flavor/observed.h"
#include "system/sanitize.h"

FLAVOR_READER_CHECK(struct urcu_reader);

struct urcu_gp urcu_memb_gp = { .ctr = GP_FIRST };
QUIESCE_TLS struct urcu_reader urcu_memb_reader;
int urcu_memb_has_sys_membarrier;

FLAVOR_THREAD(memb)

static const struct reader_calls reader_calls = {
	FLAVOR_READER_CALLS(memb),
};

FLAVOR_CALLS(memb);

struct flavor quiesce_memb = {
	FLAVOR_INIT(memb),
	.engine.watch = watch,
	.engine.domain.gp = &urcu_memb_gp,
	.engine.domain.has_membarrier = &urcu_memb_has_sys_membarrier,
	.engine.domain.readers_wake = true,
};

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
	quiesce_flavor_register(&quiesce_memb, (struct reader *)&urcu_memb_reader);
}

void urcu_memb_unregister_thread(void)
{
	quiesce_flavor_unregister(&quiesce_memb, (struct reader *)&urcu_memb_reader);
	urcu_memb_reader.registered = 0;
}

__attribute__((constructor))
void urcu_memb_init(void)
{
	quiesce_flavor_init(&quiesce_memb);
}

void urcu_memb_exit(void)
{
	quiesce_exit_rest(&quiesce_memb.engine);
}

__attribute__((destructor))
static void end(void)
{
	quiesce_exit_end(&quiesce_memb.engine);
	quiesce_flavor_ignore_ends(&quiesce_memb);
}

FLAVOR_EXPORTS(memb)
FLAVOR_TABLE(memb);
FLAVOR_OBSERVED(memb, struct urcu_reader, false);
