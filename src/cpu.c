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
	unsigned int count = quiesce_cpu_count();
	cpu_set_t *set = CPU_ALLOC(count);
	int usable = 0, saved_errno = errno;

	if (set && sched_getaffinity(0, CPU_ALLOC_SIZE(count), set) == 0)
		usable = CPU_COUNT_S(CPU_ALLOC_SIZE(count), set);
	CPU_FREE(set);
	errno = saved_errno;
	return usable < 1 ? count : (unsigned int)usable;
}

int quiesce_cpu_current(void)
{
	return sched_getcpu();
}

void quiesce_cpu_bind(int cpu)
{
	unsigned int count = quiesce_cpu_count();
	cpu_set_t *set;

	if (cpu < 0 || (unsigned int)cpu >= count || !(set = CPU_ALLOC(count)))
		return;
	CPU_ZERO_S(CPU_ALLOC_SIZE(count), set);
	CPU_SET_S((size_t)cpu, CPU_ALLOC_SIZE(count), set);
	pthread_setaffinity_np(pthread_self(), CPU_ALLOC_SIZE(count), set);
	CPU_FREE(set);
}
