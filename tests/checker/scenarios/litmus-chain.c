/* SPDX-License-Identifier: MIT */
/* A release sequence: a read-modify-write by a third thread hands on what the first released; a store does not. */
#include "checker/scenario.h"

int data, flag;

static void *first(void *arg)
{
	data = 1;
	SET(flag, 1, release);
	return arg;
}

static void *second(void *arg)
{
#ifdef BY_STORE
	if (GET(flag, relaxed) == 1)
		SET(flag, 2, relaxed);
#else
	int one = 1;

	__atomic_compare_exchange_n(&flag, &one, 2, false, relaxed, relaxed);
#endif
	return arg;
}

static void *third(void *arg)
{
	if (GET(flag, acquire) == 2)
		assert(data == 1);
	return arg;
}

int main(void)
{
	run(first, second, third);
	return 0;
}
