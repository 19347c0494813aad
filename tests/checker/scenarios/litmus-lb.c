/* SPDX-License-Identifier: MIT */
/*
 * Load buffering: both loads see the store that comes after the other. C11 and some machines allow it; the
 * checker leaves such executions out, and this scenario shows it: it finds none.
 */
#include "checker/scenario.h"

int x, y, a, b;

static void *first(void *arg)
{
	a = GET(x, relaxed);
	SET(y, 1, relaxed);
	return arg;
}

static void *second(void *arg)
{
	b = GET(y, relaxed);
	SET(x, 1, relaxed);
	return arg;
}

int main(void)
{
	run(first, second, NULL);
	assert(!(a && b));
	return 0;
}
