/* SPDX-License-Identifier: MIT */
/* Coherence: of one location nobody sees a newer store and then an older one; with TWO, of two one may. */
#include "checker/scenario.h"

int x, y;

static void *writer(void *arg)
{
	SET(x, 1, relaxed);
	SET(y, 1, relaxed);
	SET(x, 2, relaxed);
	return arg;
}

static void *reader(void *arg)
{
	int first = GET(x, relaxed), second;

#ifdef TWO
	second = GET(y, relaxed) ? 2 : 0;
	assert(first < 2 || second == 2);
#else
	second = GET(x, relaxed);
	assert(second >= first);
#endif
	return arg;
}

int main(void)
{
	run(writer, reader, NULL);
	assert(GET(x, relaxed) == 2);
	return 0;
}
