/* SPDX-License-Identifier: MIT */
/*
 * Does one thing with RCU while a tracer looks at its system calls, or a filter refuses some:
 * situations [OPTION...] NAME. Without arguments: the names. Compiled with the headers of either
 * library, once per flavor; with -DPLUG_IN as the plug-in of situations-host.c. Between "begin" and
 * "end" it makes no calls of its own but those that a situation names: it waits by spinning.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>

#if defined(TEST_BP)
#include <urcu-bp.h>
#elif defined(TEST_QSBR)
#include <urcu-qsbr.h>
#else
#include <urcu.h>
#endif
#include <urcu/rculfhash.h>

#include "../sections.h"
#include "situations.h"
#include "situations-table.h"

/* ---- Pieces ---- */

static void section(long rounds)
{
	rcu_read_lock();
	while (rounds--)
		__asm__ volatile("" ::: "memory");
	rcu_read_unlock();
}

static void sections(void)
{
	for (int i = 0; i < 100; i++)
		section(10);
}

static void synchronize(void)
{
	for (int i = 0; i < 20; i++)
		synchronize_rcu();
}

static int called;

static void callback(struct rcu_head *head)
{
	(void)head;
	__atomic_fetch_add(&called, 1, __ATOMIC_ACQ_REL);
}

#define HEADS 200000
static struct rcu_head heads[HEADS];

/* Each head is queued anew once its callback has run. */
static void call(int count)
{
	put(called, 0);
	for (int i = 0; i < count; i++)
		call_rcu(&heads[i], callback);
}

static void call_and_wait(int count)
{
	call(count);
	spin_until(get(called) == count);
}

static void use(void)
{
	sections();
	synchronize();
}

static void call_once(void)
{
	call_and_wait(1);
}

static void use_registered(void)
{
	rcu_register_thread();
	use();
}

static void default_worker(void)
{
	use_registered();
	call_once();
}

/* ---- Threads ---- */

#define TEAM 8
static struct {
	pthread_t thread[TEAM];
	int size, started;
	bool go, over, stay;
} team;

static void add_to_team(int count, void *(*work)(void *))
{
	while (count--)
		want(pthread_create(&team.thread[team.size++], NULL, work, NULL) == 0);
	spin_until(get(team.started) == team.size);
}

static void start_and_await_go(void)
{
	__atomic_fetch_add(&team.started, 1, __ATOMIC_ACQ_REL);
	spin_until(get(team.go));
}

/* To the end, without a call that counts. */
static void rest(void)
{
	static sem_t never;

	mark("quiet");
	sem_wait(&never);
}

static void *read_always(void *arg)
{
	static const long rounds[] = { 0, 1000, 100000, 20000000 };

	rcu_register_thread();
	__atomic_fetch_add(&team.started, 1, __ATOMIC_ACQ_REL);
	for (unsigned int i = 0; !get(team.over); i++)
		section(rounds[i % 4]);
	rest();
	return arg;
}

static void *synchronize_once_told(void *arg)
{
	rcu_register_thread();
	start_and_await_go();
	synchronize();
	rest();
	return arg;
}

static void readers_and_writers(void)
{
	rcu_register_thread();
	add_to_team(1, read_always);
	add_to_team(2, synchronize_once_told);
}

static void all_synchronize(void)
{
	put(team.go, true);
	synchronize();
	put(team.over, true);
}

/* Many, one after the other: the registry grows. They stay until the end. */
#define MANY 600
static pthread_barrier_t turn;

static void *register_here(void *arg)
{
	mark("mine");
	rcu_register_thread();
	mark("done");
	pthread_barrier_wait(&turn);
	if (!get(team.stay)) {
		mark("mine");
		rcu_unregister_thread();
		mark("done");
		return arg;
	}
	rest();
	return arg;
}

static void start_many(void)
{
	pthread_t thread;
	pthread_attr_t attr;

	pthread_barrier_init(&turn, NULL, 2);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 1 << 17);
	for (int i = 0; i < MANY; i++) {
		want(pthread_create(&thread, &attr, register_here, NULL) == 0);
		pthread_barrier_wait(&turn);
		if (!team.stay)
			pthread_join(thread, NULL);
	}
}

static void many_register(void)
{
	put(team.stay, true);
	start_many();
}

static void *end_registered(void *arg)
{
	rcu_register_thread();
	section(1);
	start_and_await_go();
#ifndef TEST_BP
	rcu_unregister_thread();
#endif
	return arg;
}

static void start_one_that_ends(void)
{
	add_to_team(1, end_registered);
}

static void let_it_end(void)
{
	put(team.go, true);
}

/* ---- Callbacks and workers ---- */

static void call_again(void)
{
	for (int i = 0; i < 4; i++) {
		call_and_wait(1);
		call_and_wait(300);
	}
}

static void flood(void)
{
	call_and_wait(HEADS);
}

/* The calls of the producer alone. */
static void produce(void)
{
	mark("mine");
	call(HEADS / 4);
	mark("done");
	spin_until(get(called) == HEADS / 4);
}

static void produce_one_by_one(void)
{
	for (int i = 0; i < 4; i++) {
		mark("mine");
		call(1);
		mark("done");
		spin_until(get(called) == 1);
		settle();
	}
}

#include "situations-free.h"

static struct call_rcu_data *made;

static void make_default(void)
{
	want(get_default_call_rcu_data());
}

static void make(unsigned long flags, int cpu)
{
	made = create_call_rcu_data(flags, cpu);
	want(made);
}

static void make_worker(void)
{
	make(0, -1);
}

static void make_bound_worker(void)
{
	make(0, 0);
}

static void bound_worker(void)
{
	rcu_register_thread();
	make(0, 0);
	set_thread_call_rcu_data(made);
}

static void real_time_worker(void)
{
	rcu_register_thread();
	make(URCU_CALL_RCU_RT, -1);
	set_thread_call_rcu_data(made);
	call_and_wait(1);
}

static void own_worker(void)
{
	rcu_register_thread();
	make_worker();
	set_thread_call_rcu_data(made);
	call_and_wait(1);
}

static void free_worker(void)
{
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(made);
}

static void make_all(void)
{
	want(create_all_cpu_call_rcu_data(0) == 0);
}

static void all_workers(void)
{
	rcu_register_thread();
	make_all();
	call_and_wait(300);
}

static void barriers(void)
{
	for (int i = 0; i < 3; i++) {
		rcu_barrier();
		call(1);
		rcu_barrier();
		want(get(called) == 1);
		call(300);
		rcu_barrier();
		want(get(called) == 300);
	}
}

/* liburcu has them since 0.14. What stands for them before is a callback. */
static void polls(void)
{
#ifdef HAVE_POLLS
	for (int i = 0; i < 4; i++) {
		struct urcu_gp_poll_state state = start_poll_synchronize_rcu();

		spin_until(poll_state_synchronize_rcu(state));
	}
#else
	for (int i = 0; i < 4; i++)
		call_and_wait(1);
#endif
}

static int deferred;

static void run_deferred(void *arg)
{
	(void)arg;
	__atomic_fetch_add(&deferred, 1, __ATOMIC_ACQ_REL);
}

/* More than a queue has room for, a barrier, and some that run when their time has come. */
static void defer(void)
{
	want(rcu_defer_register_thread() == 0);
	for (int i = 0; i < 10000; i++)
		defer_rcu(run_deferred, NULL);
	rcu_defer_barrier();
	want(get(deferred) == 10000);
	defer_rcu(run_deferred, NULL);
	spin_until(get(deferred) == 10001);
	defer_rcu(run_deferred, NULL);
	rcu_defer_unregister_thread();
	want(get(deferred) == 10002);
}

/* ---- Forks ---- */

static pid_t hooked_fork(void)
{
	pid_t child;

	call_rcu_before_fork();
	child = fork();
	if (child == 0)
		call_rcu_after_fork_child();
	else
		call_rcu_after_fork_parent();
	return child;
}

static void fork_with_hooks(void)
{
	pid_t child = hooked_fork();

	if (child == 0) {
		use();
		call(3);
		rcu_barrier();
		_exit(get(called) != 3);
	}
	await_child(child);
	call_and_wait(1);
}

static void fork_with_hooks_and_exit(void)
{
	pid_t child = hooked_fork();

	if (child == 0)
		exit(0);
	await_child(child);
}

/* The child of a thread that was alone may use what needs no worker. */
static void fork_without_hooks(void)
{
	pid_t child = fork();

	if (child == 0) {
		use();
		_exit(0);
	}
	await_child(child);
}

static void fork_and_exit(void)
{
	pid_t child = fork();

	if (child == 0)
		exit(0);
	await_child(child);
}

/* ---- In a sandbox that was closed after the preparation ---- */

static void prepare_sandbox(void)
{
	rcu_register_thread();
	make_default();
}

static void live_in_sandbox(void)
{
	use();
	call_again();
	barriers();
	flood();
	rcu_unregister_thread();
}

static void queue_one(void)
{
	call(1);
}

/* ---- As a plug-in ---- */

void plug_in_use(void);
void plug_in_use_worker(void);

void plug_in_use(void)
{
	rcu_register_thread();
	use();
	rcu_unregister_thread();
}

void plug_in_use_worker(void)
{
	plug_in_use();
	call(1);
	rcu_barrier();
}

/* ---- All ---- */

#define READY	.prepare = use_registered
#define RUNNING	.prepare = default_worker
#define HERE	.own = true

static const struct situation situations[] = {
	{ "load", "the library is loaded, before main", .alone = true },
	{ "register", "600 threads register (their own calls)", many_register, HERE, .alone = true },
	{ "unregister", "a thread registers and unregisters (its own calls)", start_many, HERE,
	  .alone = true },
	{ "thread-end", "a thread ends that has used RCU", start_one_that_ends, let_it_end,
	  .busy = true },
	{ "first-section", "the first section, and synchronize_rcu", .run = use_registered },
	{ "sections", "sections", READY, .run = sections },
	{ "synchronize", "synchronize_rcu, nobody in a section", READY, .run = synchronize },
	{ "synchronize-readers", "synchronize_rcu by three threads, a reader in sections",
	  readers_and_writers, all_synchronize, .busy = true },
	{ "get-default", "get_default_call_rcu_data", rcu_register_thread, make_default },
	{ "create", "create_call_rcu_data", rcu_register_thread, make_worker },
	{ "create-bound", "create_call_rcu_data, for a CPU", rcu_register_thread, make_bound_worker },
	{ "create-all", "create_all_cpu_call_rcu_data", rcu_register_thread, make_all },
	{ "first-call", "the first call_rcu, until the callback has run", READY, .run = call_once },
	{ "call", "call_rcu again, until the callbacks have run", RUNNING, .run = call_again },
	{ "call-flood", "200,000 call_rcu at once, until they have run", RUNNING, .run = flood },
	{ "call-bound", "call_rcu to a worker for a CPU", bound_worker, call_again },
	{ "call-all", "call_rcu to workers of CPUs", all_workers, call_again },
	{ "producer", "call_rcu now and then (the caller's own calls)", RUNNING,
	  .run = produce_one_by_one, HERE },
	{ "producer-rt", "the same to a worker with URCU_CALL_RCU_RT (the caller's own calls)",
	  real_time_worker, produce_one_by_one, HERE },
	{ "producer-flood-rt", "50,000 at once to such a worker (the caller's own calls)",
	  real_time_worker, produce, HERE },
	{ "free-rcu-first", "the first urcu_free_rcu, until it is freed", free_noted, give_once },
	{ "free-rcu", "urcu_free_rcu again, 50,000 at once too, until they are freed, and rcu_barrier", free_used,
	  give_again },
	{ "free-rcu-producer", "urcu_free_rcu now and then (the caller's own calls)", free_used, give_one_by_one,
	  HERE },
	{ "free", "call_rcu_data_free", own_worker, free_worker },
	{ "free-all", "free_all_cpu_call_rcu_data", all_workers, free_all_cpu_call_rcu_data },
	{ "barrier-unused", "rcu_barrier, without a worker", rcu_register_thread, rcu_barrier },
	{ "barrier", "rcu_barrier, idle and with callbacks", RUNNING, .run = barriers },
	{ "polls", "polls of grace periods", READY, .run = polls },
	{ "defer", "defer_rcu, rcu_defer_barrier, a thread for it and its end", READY, .run = defer },
	{ "table-new", "cds_lfht_new", READY, .run = table_new },
	{ "table-grow", "a hash table that grows", table_ready, table_grow },
	{ "table-destroy", "a hash table that shrinks, cds_lfht_destroy", table_full, table_destroy },
	{ "table-fixed", "a hash table that does not resize itself: new, use, destroy", READY, .run = table_fixed },
	{ "fork-hooks", "a fork with the hooks; grace periods and callbacks in parent and child",
	  RUNNING, .run = fork_with_hooks },
	{ "fork-hooks-exit", "a fork with the hooks, exit in the child", RUNNING,
	  .run = fork_with_hooks_and_exit },
	{ "fork", "a fork without hooks; grace periods in the child", READY,
	  .run = fork_without_hooks },
	{ "fork-exit", "a fork without hooks beside a worker, exit in the child", RUNNING,
	  .run = fork_and_exit },
	{ "exit-unused", "exit of a program that never used RCU", .returns = true, .alone = true },
	{ "exit-synchronized", "exit after grace periods", READY, .returns = true },
	{ "exit-called", "exit after callbacks", RUNNING, .returns = true },
	{ "exit-queued", "call_rcu for the first time, and exit", READY, .run = queue_one,
	  .returns = true },
	{ "exit-all", "exit with workers of CPUs", all_workers, .returns = true },
	{ "sandbox", "get_default_call_rcu_data before; then sections, grace periods, callbacks, "
	  "floods, rcu_barrier, exit", prepare_sandbox, live_in_sandbox, .returns = true },
};

#ifndef PLUG_IN
int main(int argc, char **argv)
{
	(void)argc;
	return main_of(situations, sizeof(situations) / sizeof(*situations), argv);
}
#endif
