/* SPDX-License-Identifier: MIT */
/* What all flavors have counted: quiesce/stats.h. Each library has this, and finds the others that are linked. */
#include <quiesce/observed.h>
#include <quiesce/stats.h>

#include "flavor/flavor.h"

/* NULL where they are not there. */
#pragma weak urcu_mb_get_stats
#pragma weak urcu_memb_get_stats
#pragma weak urcu_bp_get_stats
#pragma weak urcu_qsbr_get_stats
#pragma weak quiesce_observed_mb
#pragma weak quiesce_observed_memb
#pragma weak quiesce_observed_bp
#pragma weak quiesce_observed_qsbr
extern void urcu_mb_get_stats(struct urcu_stats *stats);
extern void urcu_memb_get_stats(struct urcu_stats *stats);
extern void urcu_bp_get_stats(struct urcu_stats *stats);
extern void urcu_qsbr_get_stats(struct urcu_stats *stats);

static const struct {
	void (*get)(struct urcu_stats *stats);
	const struct quiesce_observed *observed;
} flavors[] = {
	{ urcu_mb_get_stats, &quiesce_observed_mb },
	{ urcu_memb_get_stats, &quiesce_observed_memb },
	{ urcu_bp_get_stats, &quiesce_observed_bp },
	{ urcu_qsbr_get_stats, &quiesce_observed_qsbr },
};
#define FLAVORS (sizeof(flavors) / sizeof(flavors[0]))

/* All fields are counts. */
static void add(struct urcu_stats *sum, const struct urcu_stats *stats)
{
	const unsigned long *from = (const unsigned long *)stats;
	unsigned long *to = (unsigned long *)sum;

	_Static_assert(sizeof(*sum) % sizeof(*to) == 0, "nothing but counts");
	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}

/* Flavors that are linked statically share theirs. */
static bool has_own_reports(size_t number)
{
	for (size_t i = 0; i < number; i++)
		if (flavors[i].get && flavors[i].observed->reports == flavors[number].observed->reports)
			return false;
	return true;
}

unsigned int quiesce_get_stats(struct urcu_stats *stats)
{
	struct urcu_stats one;
	unsigned int count = 0;

	*stats = (struct urcu_stats) { 0 };
	for (size_t i = 0; i < FLAVORS; i++) {
		if (!flavors[i].get)
			continue;
		flavors[i].get(&one);
		one.reports *= has_own_reports(i);
		add(stats, &one);
		count++;
	}
	return count;
}
