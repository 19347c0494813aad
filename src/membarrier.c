/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <urcu/compiler.h>

#include "cpu.h"
#include "membarrier.h"
#include "report.h"

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

/* The kernel's mask of CPUs may be longer than ours; 0: it refuses. */
static unsigned int visit_all_cpus(void)
{
	unsigned long home[QUIESCE_CPU_WORDS], one[QUIESCE_CPU_WORDS];
	unsigned int cpu, cpus = quiesce_cpu_count(), visited = 0;

	if (sched_getaffinity(0, sizeof(home), (cpu_set_t *)home) != 0)
		return 0;
	for (cpu = 0; cpu < cpus && cpu < QUIESCE_CPU_WORDS * CAA_BITS_PER_LONG; cpu++) {
		memset(one, 0, sizeof(one));
		CPU_SET_S(cpu, sizeof(one), (cpu_set_t *)one);
		visited += sched_setaffinity(0, sizeof(one), (cpu_set_t *)one) == 0;
	}
	sched_setaffinity(0, sizeof(home), (cpu_set_t *)home);
	return visited;
}

bool quiesce_try_order_all_threads(void)
{
	int saved_errno = errno;
	bool done = quiesce_membarrier() || visit_all_cpus();

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
