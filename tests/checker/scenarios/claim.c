/* SPDX-License-Identifier: MIT */
/*
 * A child of _Fork, which runs no handlers: the library is not told of it, and finds out. What was queued in the parent
 * runs in both, once, but for what a thread had in hand.
 *
 *	FIRST		what the child does first, while in the parent another thread makes a worker; otherwise two threads of
 *			the child are the first to use the library, at once
 *	DEFERS		...that thread defers calls, and does it all again
 */

#include <urcu/backlog.h>

#include "checker/rcu.h"
#include "checker/child.h"

int ran;

static void count(struct rcu_head *head)
{
	free(caa_container_of(head, struct item, head));
	__atomic_fetch_add(&ran, 1, relaxed);
}

static void queue(void)
{
	call_rcu(&make_item(1)->head, count);
}

static void ignore(void *arg)
{
	(void)arg;
}

static __attribute__((unused)) void defers(void)
{
	rcu_defer_register_thread();
	defer_rcu(ignore, NULL);
	rcu_defer_barrier();
	rcu_defer_unregister_thread();
}

static void *other(void *arg)
{
#if defined(DEFERS)
	defers();
#elif defined(FIRST)
	struct call_rcu_data *worker = create_call_rcu_data(0, -1);

	set_thread_call_rcu_data(worker);
	queue();
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(worker);
#else
	queue();
	synchronize_rcu();
	queue();
	rcu_barrier();
#endif
	return arg;
}

static __attribute__((unused)) void *user(void *arg)
{
	get_default_call_rcu_data();
	queue();
	rcu_barrier();
	return arg;
}

static __attribute__((unused)) void make(void)
{
	call_rcu_data_free(create_call_rcu_data(0, -1));
}

static __attribute__((unused)) void hooks(void)
{
	call_rcu_before_fork();
	call_rcu_after_fork_parent();
}

static __attribute__((unused)) void drain(void)
{
	urcu_drain(1);
}

static __attribute__((unused)) void look(void)
{
	struct urcu_backlog backlog;

	urcu_get_backlog(&backlog);
}

static __attribute__((unused)) void reads(void)
{
	read_once(NULL);
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

static void use(void)
{
	int before = GET(ran, relaxed);

#ifdef FIRST
	FIRST();
	user(NULL);
	assert(GET(ran, relaxed) >= before + 1);
#else
	run(user, user, NULL);
	assert(GET(ran, relaxed) >= before + 2);
#endif
	run(read_once, writer, NULL);
}

int main(void)
{
	pthread_t thread;
	pid_t pid;

	shared = make_item(1);
	queue();
	if (pthread_create(&thread, NULL, other, NULL) != 0)
		abort();
	pid = _Fork();
	if (pid == 0) {
		use();
		_exit(0);
	}
	await_child(pid);
	pthread_join(thread, NULL);
	use();
	return 0;
}
