/* SPDX-License-Identifier: MIT */
/*
 * How many nodes a table has. One word says so while the table is small. Beyond, threads count on
 * words of their own and carry over to that one in steps, so that it is off by less than a step for
 * each of those words. Together those are so little of the table's size that a table which is emptied
 * is seen to be too large at a carry; when it has shrunk, what the words hold is carried over.
 */
#include <unistd.h>

#include "system/system.h"
#include "lfht/lfht.h"

#define COUNT_STEP	64L
#define COUNTERS_MAX	64U

/* Of the machine, a power of two. */
static unsigned int counters_wanted(void)
{
	static unsigned int wanted;	/* by whoever comes first; all write the same */
	unsigned int number = __atomic_load_n(&wanted, __ATOMIC_RELAXED);
	long cpus;

	if (number)
		return number;
	cpus = sysconf(_SC_NPROCESSORS_CONF);
	for (number = 1; number < COUNTERS_MAX && number < cpus; number *= 2)
		;
	__atomic_store_n(&wanted, number, __ATOMIC_RELAXED);
	return number;
}

/* Threads take turns on the counters. */
static unsigned int own_counter(void)
{
	static __thread unsigned int own;
	static unsigned int last;

	if (!own)
		own = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED) | COUNTERS_MAX;
	return own & (counters_wanted() - 1);
}

unsigned int quiesce_count_order(void)
{
	return quiesce_bits_in(counters_wanted() * COUNT_STEP - 1);
}

static bool is_small(const struct cds_lfht *ht)
{
	return 1UL << quiesce_shape_order(quiesce_shape(ht)) <
	       counters_wanted() * COUNT_STEP * SHRINK_RATIO;
}

void quiesce_count_split(struct cds_lfht *ht)
{
	unsigned int number = counters_wanted();
	struct counter *counters, *none = NULL;

	if (number == 1 || __atomic_load_n(&ht->counters, __ATOMIC_RELAXED) || is_small(ht))
		return;
	counters = ht->alloc->calloc(ht->alloc->state, number, sizeof(*counters));
	if (counters && !__atomic_compare_exchange_n(&ht->counters, &none, counters, false,
						     __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		ht->alloc->free(ht->alloc->state, counters);
}

bool quiesce_count(struct cds_lfht *ht, long delta)
{
	struct counter *counters = __atomic_load_n(&ht->counters, __ATOMIC_ACQUIRE), *own;
	long count, carry = delta * COUNT_STEP;

	if (!counters || is_small(ht)) {
		__atomic_add_fetch(&ht->count, delta, __ATOMIC_RELAXED);
		return true;
	}
	own = &counters[own_counter()];
	count = __atomic_add_fetch(&own->count, delta, __ATOMIC_RELAXED);
	if (count * delta < COUNT_STEP)
		return false;
	quiesce_delay();
	__atomic_sub_fetch(&own->count, carry, __ATOMIC_RELAXED);
	quiesce_delay();
	__atomic_add_fetch(&ht->count, carry, __ATOMIC_RELAXED);
	return true;
}

void quiesce_count_join(struct cds_lfht *ht)
{
	struct counter *counters = __atomic_load_n(&ht->counters, __ATOMIC_ACQUIRE);

	for (unsigned int i = 0; counters && is_small(ht) && i < counters_wanted(); i++)
		__atomic_add_fetch(&ht->count,
				   __atomic_exchange_n(&counters[i].count, 0, __ATOMIC_RELAXED),
				   __ATOMIC_RELAXED);
}

long quiesce_count_sum(const struct cds_lfht *ht)
{
	struct counter *counters = __atomic_load_n(&ht->counters, __ATOMIC_ACQUIRE);
	long sum = __atomic_load_n(&ht->count, __ATOMIC_RELAXED);

	for (unsigned int i = 0; counters && i < counters_wanted(); i++)
		sum += __atomic_load_n(&counters[i].count, __ATOMIC_RELAXED);
	return sum;
}
