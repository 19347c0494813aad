/* SPDX-License-Identifier: MIT */
/*
 * The loads that LOADS names, all at once. Of liburcu nothing may be mapped but what lies in the
 * directory that LIBRARIES of the environment names, and something must be. With PLUG_IN the one
 * load comes from the shared object named on the command line.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "binary.h"

static int ours;

static int look_at(struct dl_phdr_info *info, size_t size, void *directory)
{
	char path[PATH_MAX];

	(void)size;
	if (!strstr(info->dlpi_name, "liburcu"))
		return 0;
	want(realpath(info->dlpi_name, path));
	*strrchr(path, '/') = '\0';
	want(strcmp(path, directory) == 0);
	ours++;
	return 0;
}

static void want_ours(void)
{
	char directory[PATH_MAX];

	want(getenv("LIBRARIES") && realpath(getenv("LIBRARIES"), directory));
	dl_iterate_phdr(look_at, directory);
	want(ours > 0);
}

static void *run(void *load)
{
	void (*function)(void);

	memcpy(&function, &load, sizeof(function));
	function();
	return NULL;
}

#ifdef PLUG_IN
int main(int argc, char **argv)
{
	void *handle = dlopen(argv[argc - 1], RTLD_NOW | RTLD_LOCAL), *load;

	alarm(60);
	if (!handle)
		fprintf(stderr, "%s\n", dlerror());
	want(handle && (load = dlsym(handle, "load")));
	want_ours();
	run(load);
	return 0;
}
#else
int main(void)
{
	static void (*const loads[])(void) = { LOADS };
	pthread_t threads[sizeof(loads) / sizeof(loads[0])];
	size_t count = sizeof(loads) / sizeof(loads[0]);

	alarm(60);
	want_ours();
	for (size_t i = 0; i < count; i++) {
		void *load;

		memcpy(&load, &loads[i], sizeof(load));
		want(pthread_create(&threads[i], NULL, run, load) == 0);
	}
	for (size_t i = 0; i < count; i++)
		want(pthread_join(threads[i], NULL) == 0);
	return 0;
}
#endif
