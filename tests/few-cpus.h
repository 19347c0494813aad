/* SPDX-License-Identifier: MIT */
/*
 * A C library that counts the CPUs that the calling thread may run on, as musl's does, in the place
 * of one that counts those of the machine. Included by one file of a program, whose library then
 * finds this sysconf.
 */
#ifndef TESTS_FEW_CPUS_H
#define TESTS_FEW_CPUS_H

#include <dlfcn.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

static bool counts_own;

long sysconf(int name)
{
	static long (*real)(int name);
	cpu_set_t set;

	if (counts_own && name == _SC_NPROCESSORS_CONF && sched_getaffinity(0, sizeof(set), &set) == 0)
		return CPU_COUNT(&set);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "sysconf");
	return real(name);
}

/* One more than the highest CPU this machine may have, as the kernel says; 0: it does not. */
static inline int possible_cpus(void)
{
	FILE *file = fopen("/sys/devices/system/cpu/possible", "re");
	int cpu, last = -1;

	while (file && fscanf(file, "%d%*[-,]", &cpu) == 1)
		last = cpu;
	if (file)
		fclose(file);
	return last + 1;
}

#endif /* TESTS_FEW_CPUS_H */
