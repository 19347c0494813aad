/* SPDX-License-Identifier: MIT */
/* No barrier helps: the callback runs because call_rcu starts the worker, or wakes it. */
#include <sched.h>

#include "checker/rcu.h"

int ran;

static void note(struct rcu_head *head)
{
	__atomic_fetch_add(&ran, 1, release);
	free(caa_container_of(head, struct item, head));
}

static void *producer(void *arg)
{
	call_rcu(&make_item(1)->head, note);
	return arg;
}

/* The main thread sleeps until a mutex is free, so that a worker that nobody wakes is a deadlock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
int told;

static void tell(struct rcu_head *head)
{
	free(caa_container_of(head, struct item, head));
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
	call_rcu(&make_item(1)->head, tell);
	run(producer, producer, NULL);
	await(1);
	call_rcu(&make_item(1)->head, tell);
	await(2);
	return 0;
}
