/* SPDX-License-Identifier: MIT */
/* One of each kind of fault that the checker reports. */
#include "checker/scenario.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;
int *shared, word;

static void *first(void *arg)
{
#if defined(DEADLOCK)
	pthread_mutex_lock(&a);
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
#elif defined(FREED)
	pthread_mutex_lock(&a);
	if (shared)
		*shared = 1;
	pthread_mutex_unlock(&a);
#elif defined(RACE)
	word++;
#endif
	return arg;
}

static void *second(void *arg)
{
#if defined(DEADLOCK)
	pthread_mutex_lock(&b);
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
#elif defined(FREED)
	pthread_mutex_lock(&a);
	free(shared);
	pthread_mutex_unlock(&a);
#elif defined(RACE)
	word++;
#endif
	return arg;
}

int main(void)
{
	pthread_t thread;

	shared = malloc(sizeof(int));
	*shared = word;
#ifdef LEAK
	pthread_create(&thread, NULL, first, NULL);
#endif
	(void)thread;
	(void)a;
	(void)b;
	run(first, second, NULL);
	return 0;
}
