/* SPDX-License-Identifier: MIT */
/* Whoever starts the worker, all who ask find the name of its thread. */
#include "checker/rcu.h"

pthread_t names[2];

static void *asker(void *arg)
{
	static int askers;

	names[__atomic_fetch_add(&askers, 1, relaxed)] = get_call_rcu_thread(get_default_call_rcu_data());
	return arg;
}

int main(void)
{
	run(asker, asker, NULL);
	/* Where no thread was to be had there is no name. */
	if (names[0] && names[1])
		assert(pthread_equal(names[0], names[1]));
	return 0;
}
