/* SPDX-License-Identifier: MIT */
/* What /proc/self tells: how many threads or descriptors this process has, and whether a thread sleeps. */
#ifndef TESTS_ENTRIES_H
#define TESTS_ENTRIES_H

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

/* Without . and .., and in /proc/self/fd with the one that looks. Negative: it cannot be opened. */
static inline int count_entries(const char *directory)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	int entries = 0;

	if (!dir)
		return -1;
	while ((entry = readdir(dir)))
		entries += entry->d_name[0] != '.';
	closedir(dir);
	return entries;
}

/* The state letter of one of our threads. */
static inline char thread_state(pid_t tid)
{
	char path[64], line[256], *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	end = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	fclose(file);
	return end && end[1] ? end[2] : 0;
}

#endif /* TESTS_ENTRIES_H */
