/* SPDX-License-Identifier: MIT */
/*
 * To be preloaded: the machine is short of processes for every third fork, and for the first.
 *
 *	cc -shared -fPIC -o fork-fails.so fork-fails.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

pid_t fork(void)
{
	static atomic_uint calls;
	pid_t (*real)(void);
	void *symbol = dlsym(RTLD_NEXT, "fork");

	if (!symbol || atomic_fetch_add(&calls, 1) % 3 == 0) {
		errno = EAGAIN;
		return -1;
	}
	memcpy(&real, &symbol, sizeof(real));
	return real();
}
