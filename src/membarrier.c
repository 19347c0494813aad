/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

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

void quiesce_membarrier_lost(void)
{
	unsigned int cpu, cpus = quiesce_cpu_count(), visited = 0;
	cpu_set_t *home = CPU_ALLOC(cpus), *one = CPU_ALLOC(cpus);
	size_t size = CPU_ALLOC_SIZE(cpus);

	if (home && one && sched_getaffinity(0, size, home) == 0) {
		for (cpu = 0; cpu < cpus; cpu++) {
			CPU_ZERO_S(size, one);
			CPU_SET_S(cpu, size, one);
			visited += sched_setaffinity(0, size, one) == 0;
		}
		sched_setaffinity(0, size, home);
	}
	CPU_FREE(one);
	CPU_FREE(home);
	if (!visited) {
		quiesce_report("the kernel took sys_membarrier away and refuses sched_setaffinity: "
			       "readers cannot be protected");
		abort();
	}
}
