/* SPDX-License-Identifier: MIT */
/*
 * Runs a benchmark that was compiled as a shared object with -Dmain=bench_main: the one this is
 * linked to, or else the one named first, by dlopen. That is opened as if valgrind did not look on:
 * under it the hash table does without its tags (src/system/watchers.c), and would not be what is meant.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

extern int bench_main(int argc, char **argv) __attribute__((weak));

int main(int argc, char **argv)
{
	int (*run)(int argc, char **argv);
	void *object;

	if (bench_main)
		return bench_main(argc, argv);
	unsetenv("LD_PRELOAD");
	object = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
	run = object ? (int (*)(int, char **))dlsym(object, "bench_main") : NULL;
	if (!run) {
		fprintf(stderr, "launch: %s\n", argc > 1 ? dlerror() : "no object");
		return 2;
	}
	return run(argc - 1, argv + 1);
}
