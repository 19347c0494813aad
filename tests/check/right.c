/* SPDX-License-Identifier: MIT */
/*
 * Programs that are right, though each looks a little like a mistake: urcu-check is to find nothing in them.
 * usage: right NAME, or all in turn
 */
#include "bugs.h"

#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <threads.h>

static pthread_mutex_t outer = PTHREAD_MUTEX_INITIALIZER, inner;
static pthread_rwlock_t shared_lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;
static mtx_t mtx;

static void *in_thread(void *arg)
{
	rcu_register_thread();
	((void (*)(void))arg)();
	rcu_unregister_thread();
	return NULL;
}

static void beside(void (*work)(void))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, in_thread, (void *)work) != 0)
		abort();
	pthread_join(thread, NULL);
}

/* Who reads under a lock for reading is waited for by no other such. */
static void read_in_section(void)
{
	rcu_read_lock();
	pthread_rwlock_rdlock(&shared_lock);
	pthread_rwlock_unlock(&shared_lock);
	rcu_read_unlock();
}

static void two_readers_of_a_lock(void)
{
	beside(read_in_section);
	pthread_rwlock_rdlock(&shared_lock);
	synchronize_rcu();
	pthread_rwlock_unlock(&shared_lock);
}

/* The section holds it already. */
static void lock_again(void)
{
	pthread_mutex_lock(&inner);
	rcu_read_lock();
	pthread_mutex_lock(&inner);
	pthread_mutex_unlock(&inner);
	rcu_read_unlock();
	pthread_mutex_unlock(&inner);
}

static void taken_twice(void)
{
	beside(lock_again);
	pthread_mutex_lock(&inner);
	synchronize_rcu();
	pthread_mutex_unlock(&inner);
}

/* Both ways round, but the outer lock keeps the two apart. */
static void lock_in_section(void)
{
	pthread_mutex_lock(&outer);
	rcu_read_lock();
	mtx_lock(&mtx);
	mtx_unlock(&mtx);
	rcu_read_unlock();
	pthread_mutex_unlock(&outer);
}

static void kept_apart(void)
{
	beside(lock_in_section);
	pthread_mutex_lock(&outer);
	mtx_lock(&mtx);
	synchronize_rcu();
	mtx_unlock(&mtx);
	pthread_mutex_unlock(&outer);
}

static void take_it_in_section(void)
{
	rcu_read_lock();
	pthread_mutex_lock(&inner);
	pthread_mutex_unlock(&inner);
	rcu_read_unlock();
}

/* A thread that goes both ways round, and no other. */
static void both_ways_alone(void)
{
	pthread_mutex_init(&inner, NULL);
	take_it_in_section();
	pthread_mutex_lock(&inner);
	synchronize_rcu();
	pthread_mutex_unlock(&inner);
}

/* The same memory, another lock. */
static void made_anew(void)
{
	pthread_mutex_init(&inner, NULL);
	beside(take_it_in_section);
	pthread_mutex_init(&inner, NULL);
	pthread_mutex_lock(&inner);
	synchronize_rcu();
	pthread_mutex_unlock(&inner);
}

/* An updater looks under its lock. */
static void *wait_for_step(void *arg)
{
	await(1);
	return arg;
}

static void update(void)
{
	struct object *last;

	pthread_spin_lock(&spin);
	last = rcu_dereference(shared);
	look(last);
	rcu_assign_pointer(shared, NULL);
	pthread_spin_unlock(&spin);
	mtx_lock(&mtx);
	look(rcu_dereference(shared));
	mtx_unlock(&mtx);
	synchronize_rcu();
	free(last);
}

static void updates_under_locks(void)
{
	pthread_t thread = start(wait_for_step);

	rcu_assign_pointer(shared, new_object());
	update();
	reach(1);
	pthread_join(thread, NULL);
}

static void expect_child(pid_t child)
{
	int status = 1;

	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		abort();
}

/* Alone, and nothing was ever queued: there is nothing to be taken along. */
static void fork_after_waits(void)
{
	pid_t child;

	synchronize_rcu();
	child = fork();
	if (child == 0) {
		synchronize_rcu();
		exit(0);
	}
	expect_child(child);
}

/* The library calls the hooks. */
static void forks_by_the_library(void)
{
	pid_t child;
	int i;

	if (urcu_atfork_enable() != 0)
		abort();
	for (i = 0; i < 20; i++) {
		call_rcu(&new_object()->head, free_object);
		child = fork();
		if (child == 0) {
			call_rcu(&new_object()->head, free_object);
			rcu_barrier();
			exit(0);
		}
		expect_child(child);
	}
	rcu_barrier();
}

/* Two forks between one pair of hooks; and a child that ends between them. */
static void forks_between_hooks(void)
{
	pid_t children[2];
	int i;

	call_rcu(&new_object()->head, free_object);
	call_rcu_before_fork();
	for (i = 0; i < 2; i++) {
		children[i] = fork();
		if (children[i] == 0)
			exit(0);
	}
	call_rcu_after_fork_parent();
	expect_child(children[0]);
	expect_child(children[1]);
	rcu_barrier();
}

/* Freed, taken over, grown, and used anew. */
static void memory_anew(void)
{
	struct cds_lfht *table = new_table();
	struct object *object;
	int i;

	for (i = 0; i < 100; i++) {
		object = new_object();
		rcu_read_lock();
		cds_lfht_add(table, 1, &object->node);
		cds_lfht_del(table, &object->node);
		rcu_read_unlock();
		synchronize_rcu();
		object = realloc(object, sizeof(*object) * (1 + i % 3));
		if (i % 2)
			urcu_free_rcu(object);
		else
			call_rcu(&object->head, free_object);
	}
	rcu_barrier();
	cds_lfht_destroy(table, NULL);
}

/* A section in a handler, wherever it comes: a signal after each jiffy of processor time. */
#define SIGNALS 20

static int signals;

static void on_signal(int number)
{
	(void)number;
	__atomic_fetch_add(&signals, 1, __ATOMIC_RELAXED);
	rcu_read_lock();
	look(rcu_dereference(shared));
	rcu_read_unlock();
}

static void *interrupted(void *arg)
{
	sigset_t prof;

	sigemptyset(&prof);
	sigaddset(&prof, SIGPROF);
	pthread_sigmask(SIG_UNBLOCK, &prof, NULL);
	rcu_register_thread();
	while (__atomic_load_n(&signals, __ATOMIC_RELAXED) < SIGNALS) {
		rcu_read_lock();
		look(rcu_dereference(shared));
		free(malloc(100));
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	return arg;
}

static void handlers_read(void)
{
	const struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t prof;

	sigemptyset(&prof);
	sigaddset(&prof, SIGPROF);
	sigaction(SIGPROF, &action, NULL);
	pthread_sigmask(SIG_BLOCK, &prof, NULL);
	rcu_assign_pointer(shared, new_object());
	setitimer(ITIMER_PROF, &often, NULL);
	run(interrupted);
	setitimer(ITIMER_PROF, &never, NULL);
	free(shared);
	shared = NULL;
}

static const struct {
	const char *name;
	void (*function)(void);
} parts[] = {
	{ "two-readers-of-a-lock", two_readers_of_a_lock }, { "taken-twice", taken_twice },
	{ "kept-apart", kept_apart }, { "both-ways-alone", both_ways_alone },
	{ "made-anew", made_anew }, { "updates-under-locks", updates_under_locks },
	{ "fork-after-waits", fork_after_waits }, { "forks-between-hooks", forks_between_hooks },
	{ "memory-anew", memory_anew }, { "handlers-read", handlers_read },
	{ "forks-by-the-library", forks_by_the_library },
};

int main(int argc, char **argv)
{
	pthread_mutexattr_t recursive;
	size_t i;

	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&inner, &recursive);
	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
	mtx_init(&mtx, mtx_plain);
	rcu_register_thread();
	for (i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (argc > 1 && strcmp(argv[1], parts[i].name) != 0)
			continue;
		reach(0);
		parts[i].function();
		printf("%s\n", parts[i].name);
		fflush(stdout);
	}
	rcu_unregister_thread();
	return 0;
}
