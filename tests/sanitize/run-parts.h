/* SPDX-License-Identifier: MIT */
/* The end of each program here: its threads run, all at once, and are joined; what went wrong is its status. */
#ifndef TESTS_SANITIZE_RUN_PARTS_H
#define TESTS_SANITIZE_RUN_PARTS_H

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static void run_parts(void *(*const parts[])(void *), size_t count)
{
	pthread_t threads[8];
	size_t i;

	if (count > sizeof(threads) / sizeof(threads[0]))
		abort();
	for (i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, parts[i], NULL))
			abort();
	for (i = 0; i < count; i++)
		if (pthread_join(threads[i], NULL))
			abort();
}

static int tell_wrong(int wrong)
{
	if (wrong)
		fprintf(stderr, "%d wrong\n", wrong);
	return wrong != 0;
}

#endif
