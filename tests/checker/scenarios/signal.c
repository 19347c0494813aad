/* SPDX-License-Identifier: MIT */
/*
 * A signal between any two steps of a thread; its handler reads. Meanwhile an item is replaced and freed. In bp the
 * handler's section may be the thread's first; in the others the thread is registered.
 *
 *	IN_...		what the thread is at: sections, unless one is named
 *	PROCESS		the signal is the process's: none of the library's threads gets it
 */
#include <signal.h>
#include <unistd.h>

#include "checker/rcu.h"

static void read_it(void)
{
	struct item *item;

	rcu_read_lock();
	item = rcu_dereference(shared);
	if (item)
		assert(item->value == 1);
	rcu_read_unlock();
}

/* In qsbr a thread that is online may read anywhere; to go online is not for handlers. */
static void handle(int signal)
{
	(void)signal;
#ifdef TEST_QSBR
	struct item *item;

	if (!urcu_qsbr_read_ongoing())
		return;
	urcu_qsbr_read_lock();
	item = rcu_dereference(shared);
	if (item)
		assert(item->value == 1);
	urcu_qsbr_read_unlock();
#else
	read_it();
#endif
}

static void mask(int how)
{
#ifndef TEST_BP
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(how, &set, NULL);
#else
	(void)how;
#endif
}

#ifdef IN_CALLS
static void free_item(struct rcu_head *head)
{
	free(caa_container_of(head, struct item, head));
}
#endif

static void *target(void *arg)
{
	rcu_register_thread();
	mask(SIG_UNBLOCK);
#if defined(IN_SYNCS)
	synchronize_rcu();
#elif defined(IN_CALLS)
	call_rcu(&make_item(1)->head, free_item);
	rcu_barrier();
#else
	read_it();
	read_it();
#endif
	mask(SIG_BLOCK);
	rcu_unregister_thread();
	return arg;
}

static void *writer(void *arg)
{
	struct item *item = shared;

	rcu_assign_pointer(shared, NULL);
	synchronize_rcu();
	item->value = 3;
	free(item);
	return arg;
}

int main(void)
{
	struct sigaction action = { .sa_handler = handle };
	pthread_t threads[2];

	shared = make_item(1);
	sigaction(SIGUSR1, &action, NULL);
	/* Threads are made with the mask of who makes them. */
	mask(SIG_BLOCK);
	if (pthread_create(&threads[0], NULL, target, NULL) != 0 ||
	    pthread_create(&threads[1], NULL, writer, NULL) != 0)
		abort();
#ifdef PROCESS
	kill(getpid(), SIGUSR1);
#else
	pthread_kill(threads[0], SIGUSR1);
#endif
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	return 0;
}
