/* SPDX-License-Identifier: MIT */
#include "system/system.h"

#ifdef QUIESCE_DELAYS
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <urcu/arch.h>

/* Of as many points that a thread passes one is a delay; and a sleep takes so many ns at most (tests/torture/delays.sh). */
#ifndef DELAYS_SELDOM
#define DELAYS_SELDOM		24
#define DELAYS_SLEEP_MAX	1000000U
#endif
#define SPIN_MAX		1000U		/* pauses */

/* Each thread's numbers begin with the program's seed and the thread's turn among those that came. */
static uint32_t first_number(void)
{
	static uint32_t threads;	/* raised atomically by each new thread */
	const char *seed = secure_getenv("URCU_DELAY_SEED");
	uint32_t turn = __atomic_add_fetch(&threads, 1, __ATOMIC_RELAXED);

	return ((seed ? (uint32_t)strtoul(seed, NULL, 10) : 0) + turn) * 0x9e3779b9U | 1;
}

/* Xorshift. */
static uint32_t next_number(void)
{
	static __thread uint32_t number;

	if (!number)
		number = first_number();
	number ^= number << 13;
	number ^= number >> 17;
	number ^= number << 5;
	return number;
}

static void spin(uint32_t pauses)
{
	while (pauses--)
		caa_cpu_relax();
}

static void sleep_once(uint32_t ns)
{
	const struct timespec time = { .tv_nsec = (long)ns };
	int saved_errno = errno;

	nanosleep(&time, NULL);
	errno = saved_errno;
}

void quiesce_delay(void)
{
	uint32_t number = next_number();

	if (number % DELAYS_SELDOM)
		return;
	number /= DELAYS_SELDOM;
	switch (number % 8) {
	case 0:
		sleep_once(number / 8 % DELAYS_SLEEP_MAX);
		break;
	case 1: case 2: case 3:
		spin(number / 8 % SPIN_MAX);
		break;
	default:
		sched_yield();
	}
}
#endif
