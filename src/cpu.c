/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "cpu.h"

unsigned int quiesce_cpu_count(void)
{
	static int known;	/* the same whoever asks; set once, relaxed: any thread's is good */
	int count = __atomic_load_n(&known, __ATOMIC_RELAXED);
	long configured;

	if (count)
		return (unsigned int)count;
	configured = sysconf(_SC_NPROCESSORS_CONF);
	count = configured < 1 ? 1 : (int)configured;
	__atomic_store_n(&known, count, __ATOMIC_RELAXED);
	return (unsigned int)count;
}

unsigned int quiesce_cpu_usable(void)
{
	unsigned long mask[QUIESCE_CPU_WORDS] = { 0 };
	int usable = 0, saved_errno = errno;

	if (sched_getaffinity(0, sizeof(mask), (cpu_set_t *)mask) == 0)
		usable = CPU_COUNT_S(sizeof(mask), (cpu_set_t *)mask);
	errno = saved_errno;
	return usable < 1 ? quiesce_cpu_count() : (unsigned int)usable;
}

int quiesce_cpu_current(void)
{
	return sched_getcpu();
}

void quiesce_cpu_bind(int cpu)
{
	unsigned long mask[QUIESCE_CPU_WORDS] = { 0 };

	if (cpu < 0 || (size_t)cpu >= 8 * sizeof(mask))
		return;
	CPU_SET_S((size_t)cpu, sizeof(mask), (cpu_set_t *)mask);
	pthread_setaffinity_np(pthread_self(), sizeof(mask), (cpu_set_t *)mask);
}
