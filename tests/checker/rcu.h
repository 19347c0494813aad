/* SPDX-License-Identifier: MIT */
#pragma once

/* Scenarios of any flavor. In qsbr a thread is online in its sections only (tests/sections.h). */

#if defined(TEST_BP)
#include <urcu-bp.h>
#elif defined(TEST_QSBR)
#include <urcu-qsbr.h>
#else
#include <urcu.h>
#endif

#include "checker/scenario.h"
#include "sections.h"

/* An object, and a word by which one that was reused or not yet made would be told. */
struct item {
	int value;
	struct rcu_head head;
};

static inline struct item *make_item(int value)
{
	struct item *item = malloc(sizeof(*item));

	if (!item)
		abort();
	item->value = value;
	return item;
}

/* What a scenario publishes, and a thread that looks at it once: it finds it whole, or finds nothing. */
static __attribute__((unused)) struct item *shared;

static __attribute__((unused)) void *read_once(void *arg)
{
	struct item *item;

	rcu_register_thread();
	rcu_read_lock();
	item = rcu_dereference(shared);
	if (item)
		assert(item->value == 1);
	rcu_read_unlock();
	rcu_unregister_thread();
	return arg;
}
