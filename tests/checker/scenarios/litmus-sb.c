/* SPDX-License-Identifier: MIT */
/* Store buffering: with relaxed operations both loads may miss the other's store; FENCE between forbids it. */
#include "checker/scenario.h"

int x, y, a, b;

static void *first(void *arg)
{
	SET(x, 1, STORE);
	FENCE();
	a = GET(y, LOAD);
	return arg;
}

static void *second(void *arg)
{
	SET(y, 1, STORE);
	FENCE();
	b = GET(x, LOAD);
	return arg;
}

int main(void)
{
	run(first, second, NULL);
	assert(a || b);
	return 0;
}
