/* SPDX-License-Identifier: MIT */
#define URCU_NO_INLINE
#include <stddef.h>

#include <urcu/urcu-mb.h>

#include "flavor/exports.h"
#include "flavor/observed.h"
#include "system/sanitize.h"

FLAVOR_READER_CHECK(struct urcu_reader);

struct urcu_gp urcu_mb_gp = { .ctr = GP_FIRST };
QUIESCE_TLS struct urcu_reader urcu_mb_reader;

FLAVOR_THREAD(mb)

static const struct reader_calls reader_calls = {
	FLAVOR_READER_CALLS(mb),
};

FLAVOR_CALLS(mb);

struct flavor quiesce_mb = {
	FLAVOR_INIT(mb),
	.engine.watch = watch,
	.engine.domain.gp = &urcu_mb_gp,
	.engine.domain.readers_wake = true,
};

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
	quiesce_flavor_register(&quiesce_mb, (struct reader *)&urcu_mb_reader);
}

void urcu_mb_unregister_thread(void)
{
	quiesce_flavor_unregister(&quiesce_mb, (struct reader *)&urcu_mb_reader);
	urcu_mb_reader.registered = 0;
}

__attribute__((constructor))
void urcu_mb_init(void)
{
	quiesce_flavor_init(&quiesce_mb);
}

void urcu_mb_exit(void)
{
	quiesce_exit_rest(&quiesce_mb.engine);
}

__attribute__((destructor))
static void end(void)
{
	quiesce_exit_end(&quiesce_mb.engine);
	quiesce_flavor_ignore_ends(&quiesce_mb);
}

FLAVOR_EXPORTS(mb)
FLAVOR_TABLE(mb);
FLAVOR_OBSERVED(mb, struct urcu_reader, false);
