/* SPDX-License-Identifier: MIT */
#pragma once

/* urcu_free_rcu's short way, inlined into that of each flavor: no calls but at its end, and few registers. */

#include <stdbool.h>

#include <urcu/arch.h>
#include <urcu/compiler.h>

#include "callbacks/callbacks.h"
#include "system/sanitize.h"
#include "system/system.h"

/* free.c */
void quiesce_free_the_long_way(struct workers *all, struct stash *stash, void *ptr);
void quiesce_ask_for_sweep(struct workers *all);

/*
 * [V2] The store to given comes before the look at sweep; pairs with [V1] in src/callbacks/stash.c: either we see
 * that the worker is at rest, or it sees what we gave.
 */
static inline bool quiesce_sweep_is_served(struct workers *all)
{
	if (caa_likely(all->domain->membarrier_granted))
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	else
		cmm_smp_mb();
	quiesce_delay();
	return __atomic_load_n(&all->stashes.sweep, __ATOMIC_RELAXED) == SWEEP_SERVED;
}

static inline void quiesce_see_to_sweep(struct workers *all)
{
	if (caa_unlikely(!quiesce_sweep_is_served(all)))
		quiesce_ask_for_sweep(all);
}

static inline void quiesce_see_to_due(struct workers *all, struct stash *stash)
{
	if (stash->window.given % STASH_FEW == 1 && quiesce_stash_is_due(stash))
		quiesce_stash_free_few(all, stash);
}

/* stash: the calling thread's, or NULL. Where ThreadSanitizer is to be told, that is a call in the middle. */
static inline void quiesce_free(struct workers *all, struct stash *stash, void *ptr)
{
	if (caa_unlikely(!ptr || !stash || stash->window.given % STASH_STRIDE == 0 || quiesce_is_told()))
		quiesce_free_the_long_way(all, stash, ptr);
	else if (quiesce_stash_put(stash, ptr), caa_unlikely(!quiesce_sweep_is_served(all)))
		quiesce_ask_for_sweep(all);
	else
		quiesce_see_to_due(all, stash);
}
