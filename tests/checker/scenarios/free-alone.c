/* SPDX-License-Identifier: MIT */
/*
 * No barrier helps: what free_rcu was given is freed because who gave it wakes the worker, or starts it. With STOP the
 * worker is stopped meanwhile: then who gives next sees to all of it.
 */
#include "checker/rcu.h"

#include <urcu/backlog.h>
#include <urcu/free-rcu.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
int told;

static void tell(void *block)
{
	free(block);
	pthread_mutex_lock(&lock);
	told++;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
}

static void await(int count)
{
	pthread_mutex_lock(&lock);
	while (told < count)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static void *giver(void *arg)
{
	urcu_free_rcu(malloc(1));
	return arg;
}

static __attribute__((unused)) void *stopper(void *arg)
{
	urcu_stop_default_worker();
	return arg;
}

int main(void)
{
	assert(urcu_free_rcu_with(tell) == 0);
	giver(NULL);
#ifdef STOP
	run(giver, stopper, NULL);
#else
	await(1);
	run(giver, giver, NULL);
	await(3);
#endif
	giver(NULL);
#ifdef STOP
	await(3);
#else
	await(4);
#endif
	return 0;
}
