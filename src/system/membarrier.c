/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <urcu/compiler.h>

#include "system/system.h"

static int membarrier(int command)
{
	return (int)syscall(SYS_membarrier, command, 0, 0);
}

bool quiesce_membarrier_init(void)
{
	int saved_errno = errno, offered = membarrier(MEMBARRIER_CMD_QUERY);
	bool granted = offered > 0 && (offered & MEMBARRIER_CMD_PRIVATE_EXPEDITED) &&
		       membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;

	errno = saved_errno;
	return granted;
}

bool quiesce_membarrier(void)
{
	int saved_errno = errno;
	bool done = membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;

	/* EPERM: this address space is not registered (a child of clone without our hooks). */
	if (!done && errno == EPERM && quiesce_membarrier_init())
		done = membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;
	errno = saved_errno;
	return done;
}

/*
 * Of all CPUs that the kernel may ever have, counted by its own mask. EINVAL says that one is not
 * there, or not in the cpuset of this process: no thread of ours runs on it. Any other refusal, or
 * of a CPU that we come from, leaves one out where a reader may be running.
 */
static bool visit_all_cpus(void)
{
	unsigned long home[QUIESCE_CPU_WORDS], one[QUIESCE_CPU_WORDS];
	long size = syscall(SYS_sched_getaffinity, 0, sizeof(home), home);
	bool all = size > 0;

	for (size_t cpu = 0; all && cpu < 8 * (size_t)size; cpu++) {
		memset(one, 0, sizeof(one));
		CPU_SET_S(cpu, sizeof(one), (cpu_set_t *)one);
		if (sched_setaffinity(0, sizeof(one), (cpu_set_t *)one) != 0)
			all = errno == EINVAL &&
			      !CPU_ISSET_S(cpu, (size_t)size, (cpu_set_t *)home);
	}
	if (size > 0)
		sched_setaffinity(0, (size_t)size, (cpu_set_t *)home);
	return all;
}

bool quiesce_try_order_all_threads(void)
{
	int saved_errno = errno;
	/* A CPU may have gone in the middle of the first. */
	bool done = quiesce_membarrier() || visit_all_cpus() || visit_all_cpus();

	errno = saved_errno;
	return done;
}

void quiesce_order_all_threads(void)
{
	if (quiesce_try_order_all_threads())
		return;
	quiesce_report("the kernel took sys_membarrier away and refuses sched_setaffinity: "
		       "readers cannot be protected");
	abort();
}
