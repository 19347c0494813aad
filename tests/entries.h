/* SPDX-License-Identifier: MIT */
/* How many entries a directory has: of /proc/self, threads or descriptors of this process. */
#ifndef TESTS_ENTRIES_H
#define TESTS_ENTRIES_H

#include <dirent.h>

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

#endif /* TESTS_ENTRIES_H */
