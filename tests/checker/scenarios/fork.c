/* SPDX-License-Identifier: MIT */
/*
 * A fork at any step of another thread and of the worker. Parent and child go on: what was queued runs in both, once;
 * the child reads, waits, queues, makes threads and forks again.
 *
 *	OTHER_...	what the other thread does: reads, unless one is named
 *	ATFORK		the hooks by pthread_atfork
 *	NO_HOOKS	none: nothing hangs or runs twice, but something may be lost
 *	READERS_HOOKS	those of bp that pause no worker: the same
 *	IN_CALLBACK	the worker forks, in a callback
 */

#include <urcu/free-rcu.h>

#include "checker/rcu.h"
#include "checker/child.h"

/* A deferred call that a thread of the program ran at the fork goes as far as it came. */
#if defined(NO_HOOKS) || defined(READERS_HOOKS)
#define LOST 3
#elif defined(OTHER_DEFERS)
#define LOST 1
#else
#define LOST 0
#endif

int begun, queued, ran;		/* callbacks; counted before and after call_rcu */

static void count(struct rcu_head *head)
{
	free(caa_container_of(head, struct item, head));
	__atomic_fetch_add(&ran, 1, relaxed);
}

static __attribute__((unused)) void count_call(void *item)
{
	free(item);
	__atomic_fetch_add(&ran, 1, relaxed);
}

static void queue(void (*call)(struct item *item))
{
	__atomic_fetch_add(&begun, 1, release);
	call(make_item(1));
	__atomic_fetch_add(&queued, 1, release);
}

static void call_it(struct item *item)
{
	call_rcu(&item->head, count);
}

static __attribute__((unused)) void defer_it(struct item *item)
{
	defer_rcu(count_call, item);
}

static void *other(void *arg)
{
#if defined(OTHER_SYNCS)
	synchronize_rcu();
#elif defined(OTHER_CALLS)
	queue(call_it);
	queue(call_it);
	rcu_barrier();
#elif defined(OTHER_DEFERS)
	rcu_defer_register_thread();
	queue(defer_it);
	rcu_defer_barrier();
	rcu_defer_unregister_thread();
#elif defined(OTHER_FREES)
	for (int i = 0; i < OTHER_FREES; i++)
		urcu_free_rcu(make_item(1));
	rcu_barrier();
#elif defined(OTHER_POLLS)
	poll_state_synchronize_rcu(start_poll_synchronize_rcu());
#elif defined(OTHER_MAKES)
	struct call_rcu_data *worker = create_call_rcu_data(0, -1);

	set_thread_call_rcu_data(worker);
	queue(call_it);
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(worker);
#else
	read_once(NULL);
#endif
	return arg;
}

static pid_t fork_with_rcu(void)
{
#if defined(ATFORK) || defined(NO_HOOKS)
	return fork();
#elif defined(READERS_HOOKS)
	pid_t pid;

	urcu_bp_before_fork();
	pid = fork();
	if (pid == 0)
		urcu_bp_after_fork_child();
	else
		urcu_bp_after_fork_parent();
	return pid;
#else
	pid_t pid;

	call_rcu_before_fork();
	pid = fork();
	if (pid == 0)
		call_rcu_after_fork_child();
	else
		call_rcu_after_fork_parent();
	return pid;
#endif
}

/* Whatever was under way at the fork. */
static void *use(void *arg)
{
	struct item *item = shared;
	pthread_t thread;

	if (pthread_create(&thread, NULL, read_once, NULL) != 0)
		abort();
	rcu_assign_pointer(shared, NULL);
	synchronize_rcu();
	if (item) {
		item->value = 3;
		free(item);
	}
	queue(call_it);
	rcu_barrier();
	rcu_defer_barrier();
	assert(GET(ran, relaxed) <= GET(begun, relaxed));
	assert(GET(ran, relaxed) >= GET(queued, relaxed) - LOST);
	pthread_join(thread, NULL);
	shared = make_item(1);
	return arg;
}

static void fork_twice(void)
{
	pid_t pid = fork_with_rcu();

	if (pid == 0) {
		use(NULL);
		queue(call_it);
		pid = fork_with_rcu();
		if (pid == 0)
			use(NULL);
		else
			await_child(pid);
		_exit(0);
	}
	await_child(pid);
}

#ifdef IN_CALLBACK
static void *end(void *arg)
{
	use(NULL);
	_exit(0);
	return arg;
}

/* In the child the callback returns too, and its worker goes on. */
static void fork_it(struct rcu_head *head)
{
	pid_t pid = fork_with_rcu();
	pthread_t thread;

	count(head);
	if (pid != 0)
		await_child(pid);
	else if (pthread_create(&thread, NULL, end, NULL) != 0)
		abort();
}

static void call_to_fork(struct item *item)
{
	call_rcu(&item->head, fork_it);
}
#endif

int main(void)
{
	pthread_t thread;

#ifdef ATFORK
	if (urcu_atfork_enable() != 0)
		return 0;
#endif
	shared = make_item(1);
	rcu_register_thread();
	queue(call_it);
	if (pthread_create(&thread, NULL, other, NULL) != 0)
		abort();
#ifdef IN_CALLBACK
	queue(call_to_fork);
#else
	fork_twice();
#endif
	pthread_join(thread, NULL);
	use(NULL);
	rcu_unregister_thread();
	return 0;
}
