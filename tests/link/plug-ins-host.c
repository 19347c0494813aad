/* SPDX-License-Identifier: MIT */
/*
 * A program that knows no RCU and opens plug-ins that do: plug-ins-host turn ROUNDS PLUG-IN ..., each
 * before the one before it is closed; plug-ins-host namespaces NUMBER PLUG-IN ..., in namespaces of
 * their own (dlmopen); plug-ins-host open 1 PLUG-IN ... .
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *use(void *handle)
{
	int (*visit)(void);
	void *found = handle ? dlsym(handle, "visit") : NULL;

	memcpy(&visit, &found, sizeof(found));
	if (!found || visit() <= 0) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	return handle;
}

static void *open_one(const char *path, int apart)
{
	(void)apart;
#ifdef LM_ID_NEWLM
	if (apart)
		return use(dlmopen(LM_ID_NEWLM, path, RTLD_NOW));
#endif
	return use(dlopen(path, RTLD_NOW | RTLD_LOCAL));
}

/*
 * In a namespace threads are made by another copy of the C library, and yet they allocate their thread-local
 * storage by the program's, which takes no lock in malloc as long as it has made no thread itself (glibc 2.36):
 * the heap broke in one of 20 runs, with liburcu as well.
 */
static void *stay(void *arg)
{
	pause();
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	void *last = NULL;

	if (pthread_create(&thread, NULL, stay, NULL) != 0)
		return 1;

	for (int i = 0; argc > 3 && i < atoi(argv[2]); i++)
		for (int plug_in = 3; plug_in < argc; plug_in++) {
			void *next = open_one(argv[plug_in], argv[1][0] == 'n');

			if (argv[1][0] == 't' && last)
				dlclose(last);
			last = next;
		}
	return argc < 4;
}
