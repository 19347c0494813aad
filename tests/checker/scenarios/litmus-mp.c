/* SPDX-License-Identifier: MIT */
/* Message passing: the data, then a flag (or with POINTER a pointer to the data, whose load is a dependency). */
#include "checker/scenario.h"

int x, y, *pointer;

static void *first(void *arg)
{
#ifdef POINTER
	int *data = malloc(sizeof(*data));

	*data = 1;
	SET(pointer, data, STORE);
#else
#ifdef PLAIN
	x = 1;
#else
	SET(x, 1, relaxed);
#endif
	FENCE();
	SET(y, 1, STORE);
#endif
	return arg;
}

static void *second(void *arg)
{
#ifdef POINTER
	int *data = GET(pointer, LOAD);

	assert(!data || *data == 1);
#else
	if (GET(y, LOAD)) {
		FENCE();
#ifdef PLAIN
		assert(x == 1);
#else
		assert(GET(x, relaxed) == 1);
#endif
	}
#endif
	return arg;
}

int main(void)
{
	run(first, second, NULL);
	free(pointer);
	return x + y < 0;
}
