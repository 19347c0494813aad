/* SPDX-License-Identifier: MIT */
/*
 * Several flavors in one process: a section of one in a section of the other, a callback of one that queues one of the
 * other and waits for its readers; and a fork with the hooks of both, at any step of all that (FORK), or an exit
 * (EXIT).
 */

#include <urcu/urcu-bp.h>
#include <urcu/urcu-mb.h>

#include "checker/child.h"

struct item {
	int value;
	struct rcu_head head;
};

struct item *shared;
int first, second, begun, queued;

static struct item *make_item(int value)
{
	struct item *item = malloc(sizeof(*item));

	if (!item)
		abort();
	item->value = value;
	return item;
}

static void end(struct rcu_head *head)
{
	struct item *item = caa_container_of(head, struct item, head);

	item->value = 3;
	free(item);
	__atomic_fetch_add(&second, 1, relaxed);
}

/* mb's readers are gone; now wait for bp's. */
static void pass_on(struct rcu_head *head)
{
	__atomic_fetch_add(&first, 1, relaxed);
	urcu_bp_synchronize_rcu();
	urcu_bp_call_rcu(head, end);
}

static void *reader(void *arg)
{
	struct item *item;

	urcu_mb_register_thread();
	urcu_mb_read_lock();
	item = rcu_dereference(shared);
	urcu_bp_read_lock();
	urcu_mb_read_unlock();
	if (item)
		assert(item->value == 1);
	urcu_bp_read_unlock();
	urcu_mb_unregister_thread();
	return arg;
}

static void replace(void)
{
	struct item *item = __atomic_exchange_n(&shared, NULL, __ATOMIC_ACQ_REL);

	if (!item)
		return;
	SET(begun, 1, release);
	urcu_mb_call_rcu(&item->head, pass_on);
	SET(queued, 1, release);
}

static void *writer(void *arg)
{
	replace();
	return arg;
}

static void settle(void)
{
	replace();
	urcu_mb_barrier();
	assert(GET(first, relaxed) >= GET(queued, relaxed) && GET(first, relaxed) <= GET(begun, relaxed));
	urcu_bp_barrier();
	assert(GET(second, relaxed) == GET(first, relaxed));
	reader(NULL);
}

#ifdef FORK
static void fork_it(void)
{
	pid_t pid;

	urcu_mb_call_rcu_before_fork();
	urcu_bp_call_rcu_before_fork();
	pid = fork();
	if (pid == 0) {
		urcu_bp_call_rcu_after_fork_child();
		urcu_mb_call_rcu_after_fork_child();
		settle();
		_exit(0);
	}
	urcu_bp_call_rcu_after_fork_parent();
	urcu_mb_call_rcu_after_fork_parent();
	await_child(pid);
}
#endif

int main(void)
{
	pthread_t threads[2];

	shared = make_item(1);
	if (pthread_create(&threads[0], NULL, reader, NULL) != 0 ||
	    pthread_create(&threads[1], NULL, writer, NULL) != 0)
		abort();
#ifdef FORK
	fork_it();
#elif defined(EXIT)
	exit(0);
#endif
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	settle();
	return 0;
}
