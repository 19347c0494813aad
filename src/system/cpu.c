/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "system/system.h"

/* A list such as 0-3,8-11 (Documentation/admin-guide/cputopology.rst of the kernel), in rising order. */
#define POSSIBLE "/sys/devices/system/cpu/possible"

/* One more than the last number there, or 0. */
static int count_possible(void)
{
	char text[4096], *last = text;
	int file = open(POSSIBLE, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (file < 0)
		return 0;
	length = read(file, text, sizeof(text) - 1);
	close(file);
	if (length <= 0)
		return 0;
	text[length] = '\0';
	for (char *c = text; *c; c++)
		if (*c == '-' || *c == ',')
			last = c + 1;
	return *last >= '0' && *last <= '9' ? atoi(last) + 1 : 0;
}

/*
 * Without it: the C library may count those that exist, or those that this thread may run on (musl),
 * whose numbers may be higher.
 */
static int guess(void)
{
	unsigned long mask[QUIESCE_CPU_WORDS] = { 0 };
	long configured = sysconf(_SC_NPROCESSORS_CONF);
	int count = configured < 1 ? 1 : (int)configured;

	if (sched_getaffinity(0, sizeof(mask), (cpu_set_t *)mask) != 0)
		return count;
	for (int cpu = count; cpu < (int)(8 * sizeof(mask)); cpu++)
		if (CPU_ISSET_S((size_t)cpu, sizeof(mask), (cpu_set_t *)mask))
			count = cpu + 1;
	return count;
}

/* Files are cancellation points. */
unsigned int quiesce_cpu_count(void)
{
	static int known;	/* the same whoever asks; set once, relaxed: any thread's is good */
	int count = __atomic_load_n(&known, __ATOMIC_RELAXED), saved_errno = errno, cancel;

	if (count)
		return (unsigned int)count;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	count = count_possible();
	if (!count)
		count = guess();
	pthread_setcancelstate(cancel, NULL);
	errno = saved_errno;
	__atomic_store_n(&known, count, __ATOMIC_RELAXED);
	return (unsigned int)count;
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
