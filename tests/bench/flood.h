/* SPDX-License-Identifier: MIT */
/* What programs that flood have in common: delays, memory, a slow reader, and a process for each row. */
#ifndef TESTS_BENCH_FLOOD_H
#define TESTS_BENCH_FLOOD_H

#include <sys/wait.h>

#include "bench.h"

/* ---- Delays: of one in 16, in a histogram of 16 steps to each power of two ---- */

#define STEPS		16
#define WATCHED_ONE_IN	16

static unsigned long histogram[64 * STEPS];	/* atomically: several workers */

static void note_delay(double delay)
{
	unsigned long whole = delay < 1 ? 1 : (unsigned long)delay;
	unsigned int power = 63 - (unsigned int)__builtin_clzl(whole);
	unsigned int step = (unsigned int)(STEPS * (delay / (double)(1UL << power) - 1));

	__atomic_add_fetch(&histogram[power * STEPS + (step < STEPS ? step : 0)], 1,
			   __ATOMIC_RELAXED);
}

/* What a part of the delays is no longer than, in nanoseconds. */
static double delay_of(double part)
{
	unsigned long sum = 0, seen = 0;
	unsigned int i;

	for (i = 0; i < 64 * STEPS; i++)
		sum += histogram[i];
	for (i = 0; i < 64 * STEPS - 1 && (double)(seen + histogram[i]) < part * (double)sum; i++)
		seen += histogram[i];
	return (double)(1UL << i / STEPS) * (1 + (i % STEPS + 0.5) / STEPS);
}

/* ---- Memory ---- */

/* Forget how much memory was used at most until now. */
static void watch_memory(void)
{
	FILE *file = fopen("/proc/self/clear_refs", "w");

	if (file) {
		fputs("5", file);
		fclose(file);
	}
}

/* A line of /proc/self/status, in MB. */
static double memory(const char *field)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[128];
	double kilobytes = 0;

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, field, strlen(field)) == 0)
			kilobytes = strtod(line + strlen(field), NULL);
	if (file)
		fclose(file);
	return kilobytes / 1024;
}

/* ---- A reader that takes its time ---- */

#ifndef BENCH_RWLOCK
static double slow_section = 100e6;

static void read_slowly(struct bench_group *group, unsigned long number)
{
	(void)number;
	while (!bench_stopped(group)) {
		rcu_read_lock();
		group->done[0] = 1;
		bench_nap(slow_section);
		rcu_read_unlock();
		bench_quiescent();
	}
}
#endif

/* ---- Each row in a process of its own, which begins with no memory that others have left ---- */

static int in_processes(char **argv, size_t rows)
{
	char number[16];
	int status, failed = 0;

	for (size_t i = 0; i < rows; i++) {
		pid_t child = fork();

		snprintf(number, sizeof(number), "%zu", i);
		if (child == 0) {
			execl("/proc/self/exe", argv[0], argv[1], argv[2], number, (char *)NULL);
			_exit(127);
		}
		if (child < 0 || waitpid(child, &status, 0) != child || status)
			failed = 1;
	}
	return failed;
}

#endif
