/* SPDX-License-Identifier: MIT */
/*
 * bp: a thread's first section where the C library has no room for the key any more, so that setting
 * a value would allocate. It must not, for it may be in a signal handler or in an allocator.
 */
#include "inside.h"

#include <sys/wait.h>

#define KEYS 40

static _Thread_local bool registering;
static unsigned int allocations;

/* Ours come before the library's own, which a constructor makes. */
static void make_keys(void)
{
	pthread_key_t key;

	for (int i = 0; i < KEYS; i++)
		pthread_key_create(&key, NULL);
}

__attribute__((section(".preinit_array"), used))
static void (*const before_constructors)(void) = make_keys;

/* An allocator that is traced: with a section in it. */
static void trace(void)
{
	if (!registering)
		return;
	raise_by(allocations, 1);
	rcu_read_lock();
	rcu_read_unlock();
}

#ifdef __GLIBC__
extern void *__libc_malloc(size_t size), *__libc_calloc(size_t number, size_t size);

void *malloc(size_t size)
{
	trace();
	return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
	trace();
	return __libc_calloc(number, size);
}
#endif

static void *read_once(void *arg)
{
	registering = true;
	rcu_read_lock();
	if (!arg)
		rcu_read_unlock();
	registering = false;
	return arg;
}

static void run(void *arg)
{
	pthread_join(start(read_once, arg), NULL);
}

START_TEST(a_first_section_allocates_nothing)
{
	run(NULL);
	registering = true;
	rcu_read_lock();
	rcu_read_unlock();
	trace();
	want(get(allocations) == 1);
}
END_TEST

/* glibc's stacks are used again, and with them what pthread_self returns. */
START_TEST(threads_that_are_gone_leave_their_places_to_others)
{
	for (int i = 0; i < 1000; i++)
		run(NULL);
	want(domain->registry.registered < 50);
}
END_TEST

static void *read_among_many(void *arg)
{
	pthread_barrier_wait(arg);
	rcu_read_lock();
	pthread_barrier_wait(arg);
	rcu_read_unlock();
	pthread_barrier_wait(arg);
	return NULL;
}

START_TEST(and_those_that_are_not_have_their_own)
{
	static struct team team;
	pthread_barrier_t meet;

	pthread_barrier_init(&meet, NULL, 101);
	for (int round = 0; round < 3; round++) {
		team_add(&team, 100, read_among_many, &meet);
		pthread_barrier_wait(&meet);
		pthread_barrier_wait(&meet);
		want(domain->registry.registered >= 100 && domain->registry.registered < 250);
		pthread_barrier_wait(&meet);
		team_join(&team);
		synchronize_rcu();
	}
}
END_TEST

START_TEST(a_section_that_a_thread_ended_in_is_over_when_its_namesake_comes)
{
	struct stress s;

	run(&s);
	for (int i = 0; i < 100; i++)
		run(NULL);
	synchronize_rcu();
	stress_begin(&s, 2, 2);
	stress_go_on(100);
	stress_end(&s);
}
END_TEST

START_TEST(in_a_child_too)
{
	int status;
	pid_t pid;

	for (int i = 0; i < 20; i++)
		run(NULL);
	rcu_read_lock();
	rcu_read_unlock();
	urcu_bp_before_fork();
	pid = fork();
	if (pid == 0) {
		urcu_bp_after_fork_child();
		alarm(20);
		for (int i = 0; i < 1000; i++)
			run(NULL);
		synchronize_rcu();
		_exit(domain->registry.registered < 50 ? 0 : 1);
	}
	urcu_bp_after_fork_parent();
	want(waitpid(pid, &status, 0) == pid && status == 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("first-section " FLAVOR);
	TCase *tc = add_case(suite, "first-section", 30);

	tcase_add_test(tc, a_first_section_allocates_nothing);
	tcase_add_test(tc, threads_that_are_gone_leave_their_places_to_others);
	tcase_add_test(tc, and_those_that_are_not_have_their_own);
	tcase_add_test(tc, a_section_that_a_thread_ended_in_is_over_when_its_namesake_comes);
	tcase_add_test(tc, in_a_child_too);
	return run_suite(suite);
}
