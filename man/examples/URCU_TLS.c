/* SPDX-License-Identifier: MIT */
#include <urcu/tls-compat.h>
#include <pthread.h>
#include <stdlib.h>

static DEFINE_URCU_TLS(int, depth);
static DEFINE_URCU_TLS_INIT(int, credit, 10);

static void *spend(void *arg)
{
	URCU_TLS(depth)++;
	URCU_TLS(credit) -= 3;
	*(int *)arg = URCU_TLS(credit);
	return NULL;
}

int main(void)
{
	pthread_t thread;
	int left = 0;

	if (pthread_create(&thread, NULL, spend, &left))
		return EXIT_FAILURE;
	pthread_join(thread, NULL);
	if (URCU_TLS(depth) != 0 || URCU_TLS(credit) != 10)	/* this thread's own */
		return EXIT_FAILURE;
	return left == 7 ? EXIT_SUCCESS : EXIT_FAILURE;
}
