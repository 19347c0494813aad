/* SPDX-License-Identifier: MIT */
/*
 * exit at any step of another thread and of the worker. What main has queued runs before exit's function is over; then
 * nothing runs but what a destructor waits for; the library's threads are joined, and nobody waits beyond the limit
 * (the checker sees to both).
 *
 *	OTHER_...	what the other thread does: reads, unless one is named
 *	IN_CALLBACK	the worker exits, in a callback
 *	IN_HANDLER	a signal interrupts main wherever it is, and its handler exits; with a limit that an execution has
 *			the steps for, as main may have the registry's lock, which is tried every 100 us until then
 *	CHILD		a fork's child exits
 *	FORKS		a third thread forks meanwhile: its child waits for what is queued, and exits
 */
#include <signal.h>

#include "checker/rcu.h"
#include "checker/child.h"

int ran, closed;
bool child;
pthread_t main_thread, thread, third;
#ifdef OTHER_ENDS
__thread bool waits;	/* the other thread, in rcu_exit: it may run what is queued */
#else
enum { waits = false };
#endif

static void count(struct rcu_head *head)
{
	assert(!GET(closed, relaxed) || waits);
	free(caa_container_of(head, struct item, head));
	__atomic_fetch_add(&ran, 1, relaxed);
}

/* Its own thread may run it later than that. */
static __attribute__((unused)) void free_call(void *item)
{
	free(item);
}

/* Registered before the first call_rcu: it runs after the library's function. */
static void check(void)
{
#if !defined(IN_CALLBACK) && !defined(IN_HANDLER)
	assert(GET(ran, relaxed) >= 2);
	SET(closed, 1, relaxed);
#endif
}

static __attribute__((destructor)) void wait_for_more(void)
{
#if !defined(IN_CALLBACK) && !defined(IN_HANDLER)
	int before = GET(ran, relaxed);

	SET(closed, 0, relaxed);
	call_rcu(&make_item(1)->head, count);
	rcu_barrier();
	assert(GET(ran, relaxed) > before);
	SET(closed, 1, relaxed);
#endif
#ifdef OTHER_ENDS
	/* Who ends first may have left the join of the worker's thread to the other. */
	if (!child)
		pthread_join(thread, NULL);
#endif
#ifdef FORKS
	if (!child)
		pthread_join(third, NULL);
#endif
}

static void *other(void *arg)
{
#if defined(IN_HANDLER)
	pthread_kill(main_thread, SIGUSR1);
#elif defined(OTHER_CALLS)
	call_rcu(&make_item(1)->head, count);
	rcu_barrier();
	call_rcu(&make_item(1)->head, count);
#elif defined(OTHER_ENDS)
	waits = true;
	call_rcu(&make_item(1)->head, count);
	rcu_exit();
	waits = false;
	call_rcu(&make_item(1)->head, count);
#elif defined(OTHER_DEFERS)
	rcu_defer_register_thread();
	defer_rcu(free_call, make_item(1));
	rcu_defer_unregister_thread();
#else
	struct item *item;

	rcu_register_thread();
	rcu_read_lock();
	item = rcu_dereference(shared);
	assert(item->value == 1);
	rcu_read_unlock();
	synchronize_rcu();
	rcu_unregister_thread();
#endif
	return arg;
}

/* Returns in the parent. */
static __attribute__((unused)) void fork_and_exit(void)
{
	pid_t pid;

	call_rcu_before_fork();
	pid = fork();
	if (pid == 0) {
		/* Another thread may have been in its exit. */
		closed = 0;
		child = true;
		call_rcu_after_fork_child();
#ifdef FORKS
		call_rcu(&make_item(1)->head, count);
		rcu_barrier();
#endif
		exit(0);
	}
	call_rcu_after_fork_parent();
	await_child(pid);
}

static __attribute__((unused)) void *forker(void *arg)
{
	fork_and_exit();
	return arg;
}

#ifdef IN_CALLBACK
static void leave(struct rcu_head *head)
{
	(void)head;
	exit(0);
}
#endif

static __attribute__((unused)) void handle(int signal)
{
	(void)signal;
	exit(0);
}

int main(void)
{
	main_thread = pthread_self();
	shared = make_item(1);
	atexit(check);
#ifdef IN_HANDLER
	struct sigaction action = { .sa_handler = handle };

	sigaction(SIGUSR1, &action, NULL);
	setenv("URCU_EXIT_TIMEOUT", "20", 1);
#endif
	call_rcu(&make_item(1)->head, count);
	if (pthread_create(&thread, NULL, other, NULL) != 0)
		abort();
	call_rcu(&make_item(1)->head, count);
#if defined(IN_CALLBACK)
	call_rcu(&make_item(1)->head, leave);
	pthread_join(thread, NULL);
	rcu_barrier();
#elif defined(IN_HANDLER)
	rcu_barrier();
	synchronize_rcu();
	call_rcu(&make_item(1)->head, count);
	pthread_join(thread, NULL);
#elif defined(CHILD)
	fork_and_exit();
#ifndef OTHER_ENDS
	pthread_join(thread, NULL);
#endif
#elif defined(FORKS)
	if (pthread_create(&third, NULL, forker, NULL) != 0)
		abort();
#endif
	exit(0);
}
