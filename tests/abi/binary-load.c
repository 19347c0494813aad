/* SPDX-License-Identifier: MIT */
/*
 * One flavor under load, in the words of a program that was written for liburcu: LOAD names the
 * function; RCU_MB, TEST_BP, TEST_QSBR or nothing (memb) the flavor. Readers look at objects that
 * are poisoned after a grace period, of whatever kind; meanwhile the writer forks.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(TEST_BP)
#include <urcu-bp.h>
#elif defined(TEST_QSBR)
#include <urcu-qsbr.h>
#else
#include <urcu.h>
#endif
#include <urcu-call-rcu.h>
#include <urcu-defer.h>
#include <urcu-pointer.h>

#include "binary.h"

#define READERS	3
#define UPDATES	600
#define FORK_EVERY 100
#define ALIVE	0x600d
#define DEAD	0xdead

/* Each object is used once, so that one that is poisoned stays so. */
struct object {
	int state, number;
	struct rcu_head head;
};

static struct object objects[UPDATES + 1], *shown;
static int called, deferred, readers_ready, done;

static void announce(void)
{
#ifdef TEST_QSBR
	rcu_quiescent_state();
#endif
}

static void look(void)
{
	struct object *object;

	rcu_read_lock();
	object = rcu_dereference(shown);
	rcu_read_lock();
	for (int i = 0; i < 50; i++)
		want(*(volatile int *)&object->state == ALIVE);
	rcu_read_unlock();
	for (int i = 0; i < 50; i++)
		want(*(volatile int *)&object->state == ALIVE);
	rcu_read_unlock();
	announce();
}

static void *read_on(void *arg)
{
	(void)arg;
	rcu_register_thread();
	raise_by(readers_ready, 1);
	while (!get(done)) {
		for (int i = 0; i < 100; i++)
			look();
		sched_yield();
	}
	rcu_unregister_thread();
	return NULL;
}

/* ---- The ways to be rid of an object ---- */

static void poison(struct object *object)
{
	want(__atomic_exchange_n(&object->state, DEAD, __ATOMIC_ACQ_REL) == ALIVE);
}

static void poison_called(struct rcu_head *head)
{
	poison(caa_container_of(head, struct object, head));
	raise_by(called, 1);
}

static void poison_deferred(void *object)
{
	poison(object);
	raise_by(deferred, 1);
}

static void await_grace_period(void)
{
#ifdef HAS_POLLING
	struct urcu_gp_poll_state state = start_poll_synchronize_rcu();

	while (!poll_state_synchronize_rcu(state)) {
		announce();
		sched_yield();
	}
#else
	rcu_flavor.update_synchronize_rcu();
#endif
}

static void dispose(struct object *old)
{
	switch (old->number % 5) {
	case 0:
		synchronize_rcu();
		poison(old);
		break;
	case 1:
		await_grace_period();
		poison(old);
		break;
	case 2:
		defer_rcu(poison_deferred, old);
		break;
	default:
		call_rcu(&old->head, poison_called);
	}
}

/* The pointer goes by each of the ways there are. */
static void update(int number)
{
	struct object *new = &objects[number], *old;

	new->number = number;
	new->state = ALIVE;
	switch (number % 3) {
	case 0:
		old = rcu_xchg_pointer(&shown, new);
		break;
	case 1:
		old = shown;
		want(rcu_cmpxchg_pointer(&shown, old, new) == old);
		break;
	default:
		old = shown;
		if (number % 2)
			rcu_assign_pointer(shown, new);
		else
			rcu_set_pointer(&shown, new);
	}
	dispose(old);
}

/* ---- Forks ---- */

static void *look_in_child(void *arg)
{
	(void)arg;
	rcu_register_thread();
	look();
	rcu_unregister_thread();
	return NULL;
}

/* Callbacks that were queued at the fork run here as well, in the child's own copy. */
static void work_in_child(int queued)
{
	pthread_t thread;

	alarm(30);
	look();
	synchronize_rcu();
	want(pthread_create(&thread, NULL, look_in_child, NULL) == 0);
	want(pthread_join(thread, NULL) == 0);
	call_rcu(&shown->head, poison_called);
	rcu_barrier();
	rcu_defer_barrier();
	want(called == queued + 1);
}

static void fork_and_wait(int queued)
{
	int status = -1;
	pid_t pid;

	call_rcu_before_fork();
#ifdef TEST_BP
	urcu_bp_before_fork();
#endif
	pid = fork();
	if (pid == 0) {
#ifdef TEST_BP
		urcu_bp_after_fork_child();
#endif
		call_rcu_after_fork_child();
		work_in_child(queued);
		_exit(0);
	}
#ifdef TEST_BP
	urcu_bp_after_fork_parent();
#endif
	call_rcu_after_fork_parent();
	want(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

/* ---- The whole ---- */

static int calls_until(int number)
{
	return number / 5 * 2 + (number % 5 > 3);
}

static void set_up_workers(int number)
{
	static struct call_rcu_data *own;

	switch (number) {
	case UPDATES / 6:
		own = create_call_rcu_data(0, -1);
		want(own && get_call_rcu_thread(own) != 0);
		set_thread_call_rcu_data(own);
		want(get_thread_call_rcu_data() == own && get_call_rcu_data() == own);
		break;
	case 2 * UPDATES / 6:
		set_thread_call_rcu_data(NULL);
		call_rcu_data_free(own);
		want(create_all_cpu_call_rcu_data(0) == 0);
		break;
	case 4 * UPDATES / 6:
		free_all_cpu_call_rcu_data();
		want(get_default_call_rcu_data());
	}
}

static void update_all(void)
{
	for (int number = 1; number <= UPDATES; number++) {
		set_up_workers(number);
		update(number);
		announce();
		if (number % FORK_EVERY == 0)
			fork_and_wait(calls_until(number));
	}
	rcu_barrier();
	rcu_defer_barrier();
	want(get(called) == calls_until(UPDATES));
	want(get(deferred) == UPDATES / 5);
	for (int number = 0; number < UPDATES; number++)
		want(objects[number].state == DEAD);
}

void LOAD(void)
{
	pthread_t threads[READERS];

	shown = &objects[0];
	shown->state = ALIVE;
	rcu_register_thread();
	want(rcu_defer_register_thread() == 0);
	for (int i = 0; i < READERS; i++)
		want(pthread_create(&threads[i], NULL, read_on, NULL) == 0);
	while (get(readers_ready) < READERS) {
		announce();
		sched_yield();
	}
	update_all();
	put(done, 1);
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
	for (int i = 0; i < READERS; i++)
		want(pthread_join(threads[i], NULL) == 0);
}
