/* SPDX-License-Identifier: MIT */
/* What the benchmarks of hash tables have in common: the clock, and the order of keys. */
#ifndef TESTS_BENCH_KEYS_H
#define TESTS_BENCH_KEYS_H

#include <time.h>

/* In nanoseconds. */
static inline double clock_of(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static inline double now(void)
{
	return clock_of(CLOCK_MONOTONIC);
}

/*
 * Keys below nodes in an order that no cache foresees, the one after i: i times an odd constant, modulo
 * a power of two.
 */
static inline unsigned long scattered(unsigned long i, unsigned long nodes)
{
	unsigned long range = 1;

	while (range < nodes)
		range *= 2;
	do
		i = (i * 0x9e3779b97f4a7c15UL + 0x7f4a7c15UL) & (range - 1);
	while (i >= nodes);
	return i;
}

#endif /* TESTS_BENCH_KEYS_H */
