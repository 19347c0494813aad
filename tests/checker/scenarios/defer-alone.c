/* SPDX-License-Identifier: MIT */
/* As free-alone.c, for deferred calls: nobody waits for them but for what they do, and the worker has to run them. */
#include "checker/rcu.h"

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

int main(void)
{
	rcu_register_thread();
	assert(rcu_defer_register_thread() == 0);
	for (int i = 1; i <= 3; i++) {
		defer_rcu(tell, malloc(1));
		await(i);
	}
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
	return 0;
}
