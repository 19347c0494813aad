/* SPDX-License-Identifier: MIT */
/*
 * What all flavors of a program have done, added up. One flavor's is urcu_get_stats (urcu/stats.h), which says what each
 * number means.
 */
#ifndef QUIESCE_STATS_H
#define QUIESCE_STATS_H

#include <urcu/compiler.h>
#include <urcu/stats.h>

/* For #ifdef: that there is such a sum. */
#define QUIESCE_HAVE_STATS 1

_URCU_EXTERN_C_BEGIN

/*
 * Puts into *stats the sums over the flavors that the program and its libraries are linked with. Returns how many these
 * are. What was loaded later, by dlopen, is not among them and has its own urcu_get_stats. backlog_most is the sum of what
 * waited at most in each, which need not have been at the same moment. Flavors are looked at one after the
 * other. Of reports each copy's are counted once.
 *
 * As urcu_get_stats of each: anywhere, also in a section, in a callback or between fork hooks; it waits for no more than
 * a lock that another thread has between its own fork hooks. Not async-signal-safe. Keeps errno.
 */
extern unsigned int quiesce_get_stats(struct urcu_stats *stats);

_URCU_EXTERN_C_END

#endif /* QUIESCE_STATS_H */
