/* SPDX-License-Identifier: MIT */
/*
 * The fork hooks through pthread_atfork (urcu_atfork_enable): installed once, in the right place among
 * the handlers of others; forks that fail; children that cannot make a thread. Children that execute
 * programs are in test-fork-programs.c, allocators in test-allocators.sh.
 */
#include "fork-harness.h"
#include "refusal.h"

/* ---- What the library asks of pthread_atfork, which is this in glibc ---- */

#ifdef __GLIBC__
#include <dlfcn.h>

static int registrations;	/* of the hooks */
static int refused;		/* so many registrations are refused */
static int held;		/* registrations wait while this is set */
static int arrived;
static __thread unsigned long mallocs, mallocs_before;

#ifdef __SANITIZE_ADDRESS__
#define COUNTS_MALLOCS	0	/* the sanitizer has a malloc of its own */
#else
#define COUNTS_MALLOCS	1
extern void *__libc_malloc(size_t size);

void *malloc(size_t size)
{
	mallocs++;
	return __libc_malloc(size);
}
#endif

typedef int registering(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *dso);
extern registering __register_atfork;

int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *dso)
{
	registering *real;

	*(void **)&real = dlsym(RTLD_NEXT, "__register_atfork");
	if (prepare == call_rcu_before_fork) {
		MUST(!COUNTS_MALLOCS || mallocs > mallocs_before);
		put(&arrived, 1);
		await_value(&held, 0);
		if (refused && refused--)
			return ENOMEM;
		__atomic_fetch_add(&registrations, 1, __ATOMIC_RELAXED);
	}
	return real(prepare, parent, child, dso);
}

static void *enable(void *arg)
{
	for (int i = 0; i < 3; i++) {
		mallocs_before = mallocs;
		MUST(urcu_atfork_enable() == 0);
	}
	return arg;
}

START_TEST(the_hooks_are_installed_once_by_whoever_asks)
{
	pthread_t threads[8];

	put(&held, 1);
	for (int i = 0; i < 8; i++)
		threads[i] = start_thread(enable, NULL);
	await_value(&arrived, 1);
	put(&held, 0);
	for (int i = 0; i < 8; i++)
		join(threads[i]);
	MUST(registrations == 1);
}
END_TEST

START_TEST(without_memory_the_next_call_tries_again)
{
	refused = 2;
	MUST(urcu_atfork_enable() == ENOMEM);
	MUST(urcu_atfork_enable() == ENOMEM);
	MUST(registrations == 0);
	enable(NULL);
	MUST(registrations == 1);
}
END_TEST

static void plain_child(void)
{
	alarm(child_limit());
	put(&held, 0);
	enable(NULL);
	MUST(registrations == 1);
	use_everything();
	_exit(0);
}

/* The child's copy of that thread is not there to end what it began. */
START_TEST(a_child_forked_while_a_thread_installs_them_installs_its_own)
{
	pthread_t thread;
	pid_t pid;

	put(&held, 1);
	thread = start_thread(enable, NULL);
	await_value(&arrived, 1);
	if (_i)
		call_rcu_before_fork();
	pid = fork();
	if (pid == 0) {
		if (_i)
			call_rcu_after_fork_child();
		plain_child();
	}
	if (_i)
		call_rcu_after_fork_parent();
	expect_clean(pid);
	put(&held, 0);
	join(thread);
	MUST(registrations == 1);
}
END_TEST
#endif

/* ---- By plain fork ---- */

static void finish_and_fork_again(void *arg)
{
	struct batch *batch = arg;

	finish_in_child(batch);
	queue_and_finish(NULL);
	run_plain_child(use_everything_in_child, NULL);
	run_child(use_everything_in_child, NULL);
}

START_TEST(plain_forks_keep_the_contract_and_hooks_by_hand_nest)
{
	struct counted *all = counted_new(60);
	struct batch batch = { all, 0 };
	struct reader_thread reader;

	MUST(urcu_atfork_enable() == 0);
	hold(&reader);
	for (int i = 0; i < 20; i++) {
		queue_all(all + 3 * i, 3);
		batch.number = 3 * (i + 1);
		if (i % 2)
			run_plain_child(finish_and_fork_again, &batch);
		else
			run_child(finish_and_fork_again, &batch);
	}
	MUST(sum_of_runs(all, 60) == 0);
	release(&reader);
	finish(all, 60);
}
END_TEST

/* ---- Handlers of another library, which take its lock ---- */

static pthread_mutex_t library_lock = PTHREAD_MUTEX_INITIALIZER;
static int stop, calls;

static void lock_library(void)
{
	pthread_mutex_lock(&library_lock);
}

static void unlock_library(void)
{
	pthread_mutex_unlock(&library_lock);
}

/* With the hooks by hand, as the contract says for handlers that are registered after ours. */
static void pause_and_lock_library(void)
{
	call_rcu_before_fork();
	lock_library();
}

static void unlock_and_resume_parent(void)
{
	unlock_library();
	call_rcu_after_fork_parent();
}

static void unlock_and_resume_child(void)
{
	unlock_library();
	call_rcu_after_fork_child();
}

struct call {
	struct rcu_head head;
	int pending;
};

static void use_library(struct rcu_head *head)
{
	lock_library();
	sched_yield();
	unlock_library();
	put(&caa_container_of(head, struct call, head)->pending, 0);
	__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
}

static struct call ring[64];

static void *keep_calling(void *arg)
{
	rcu_register_thread();
	for (int i = 0; !get(&stop); i = (i + 1) % 64) {
		if (!get(&ring[i].pending)) {
			put(&ring[i].pending, 1);
			call_rcu(&ring[i].head, use_library);
		}
		rcu_quiescent_state();
		sched_yield();
	}
	rcu_unregister_thread();
	return arg;
}

static void use_library_in_child(void *arg)
{
	static struct call call = { .pending = 1 };

	call_rcu(&call.head, use_library);
	rcu_barrier();
	MUST(!get(&call.pending));
	lock_library();
	unlock_library();
	(void)arg;
}

static void fork_among_calls(void)
{
	pthread_t thread;

	put(&stop, 0);
	thread = start_thread(keep_calling, NULL);
	for (int i = 0; i < 100; i++)
		run_plain_child(use_library_in_child, NULL);
	put(&stop, 1);
	join(thread);
	rcu_barrier();
	MUST(get(&calls) > 0);
	for (int i = 0; i < 64; i++)
		MUST(!get(&ring[i].pending));
}

START_TEST(callbacks_may_take_what_handlers_registered_before_ours_lock)
{
	MUST(pthread_atfork(lock_library, unlock_library, unlock_library) == 0);
	MUST(urcu_atfork_enable() == 0);
	fork_among_calls();
}
END_TEST

START_TEST(and_what_later_ones_lock_which_call_the_hooks_themselves)
{
	MUST(urcu_atfork_enable() == 0);
	MUST(pthread_atfork(pause_and_lock_library, unlock_and_resume_parent,
			    unlock_and_resume_child) == 0);
	fork_among_calls();
}
END_TEST

static sem_t in_callback;

static void wait_for_library(struct rcu_head *head)
{
	(void)head;
	sem_post(&in_callback);
	lock_library();
	unlock_library();
}

static void *fork_for_ever(void *arg)
{
	fork();
	_exit(1);
	return arg;
}

/* What cannot be: it hangs, and says so. */
START_TEST(a_fork_that_waits_for_such_a_lock_is_reported)
{
	static const char expected[] = "has not returned for ";
	struct rcu_head head;
	char line[1024] = "";
	int ends[2];

	MUST(urcu_atfork_enable() == 0);
	sem_init(&in_callback, 0, 0);
	lock_library();
	call_rcu(&head, wait_for_library);
	await(&in_callback);
	reports = NULL;
	quiesce_set_stall_timeout(100);
	MUST(pipe(ends) == 0 && dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
	start_thread(fork_for_ever, NULL);
	for (size_t length = 0; !strchr(line, '\n'); ) {
		ssize_t got = read(ends[0], line + length, sizeof(line) - 1 - length);

		MUST(got > 0);
		length += (size_t)got;
	}
	ck_assert_msg(strstr(line, expected), "%s", line);
	_exit(0);
}
END_TEST

/* ---- A fork that fails, a child that cannot make a thread ---- */

struct everything {
	struct counted *all;
	struct call_rcu_data *own;
	struct reader_thread reader;
	struct task tasks[2];
};

static void set_everything_up(struct everything *e)
{
	e->all = counted_new(60);
	e->own = create_call_rcu_data(0, -1);
	MUST(e->own && create_all_cpu_call_rcu_data(0) == 0);
	rcu_register_thread();
	hold(&e->reader);
	queue_all(e->all, 20);
	set_thread_call_rcu_data(e->own);
	queue_all(e->all + 20, 20);
	start_stuck_task(&e->tasks[0], synchronize, NULL);
	start_stuck_task(&e->tasks[1], barrier, NULL);
}

/* All goes on from where it was. */
static void wind_everything_up(struct everything *e)
{
	MUST(get_thread_call_rcu_data() == e->own && get_cpu_call_rcu_data(0));
	must_be_stuck(&e->tasks[0]);
	must_be_stuck(&e->tasks[1]);
	MUST(sum_of_runs(e->all, 60) == 0);
	release(&e->reader);
	join(e->tasks[0].thread);
	join(e->tasks[1].thread);
	must_have_run_once(e->all, 40);
	queue_all(e->all + 40, 20);
	finish(e->all, 60);
	rcu_read_lock();
	must_be_waited_for();
	rcu_unregister_thread();
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(e->own);
	use_everything();
}

static const int errors[] = { EAGAIN, ENOMEM };

START_TEST(a_fork_that_the_kernel_refuses_leaves_everything_as_it_was)
{
	struct everything e;

	MUST(urcu_atfork_enable() == 0);
	set_everything_up(&e);
	if (refuse_clone(false, errors[_i]))
		for (int i = 0; i < 20; i++) {
			errno = 0;
			MUST(fork() == -1 && errno == errors[_i]);
		}
	wind_everything_up(&e);
}
END_TEST

START_TEST(so_does_a_fork_beyond_the_limit_of_processes)
{
	struct everything e;

	MUST(urcu_atfork_enable() == 0);
	set_everything_up(&e);
	allow_processes(false);
	for (int i = 0; i < 40; i++) {
		if (i % 2)
			call_rcu_before_fork();
		errno = 0;
		MUST(fork() == -1 && errno == EAGAIN);
		if (i % 2)
			call_rcu_after_fork_parent();
	}
	allow_processes(true);
	wind_everything_up(&e);
}
END_TEST

/* Not every call pays for a try, but one of so many does. */
#define CALLS_TO_A_TRY 256

/* No thread: what was queued before the fork and after it stays; rcu_barrier runs it itself. */
static void live_without_threads(struct batch *batch, int extra)
{
	struct counted *fresh = counted_new(extra);

	reports = NULL;		/* that it cannot make one is reported */
	MUST(dup2(fileno(tmpfile()), STDERR_FILENO) == STDERR_FILENO);
	setenv("URCU_REPORT", "2", 1);	/* whatever it is */
	queue_all(fresh, extra);
	MUST(sum_of_runs(batch->all, batch->number) == 0 && sum_of_runs(fresh, extra) == 0);
	MUST(create_call_rcu_data(0, -1) == NULL && errno == EAGAIN);
	synchronize_rcu();
	rcu_barrier();
	must_have_run_once(batch->all, batch->number);
	must_have_run_once(fresh, extra);
}

static void live_beyond_the_limit(void *arg)
{
	struct counted *last = counted_new(CALLS_TO_A_TRY);
	struct counted *more = counted_new(10);

	allow_processes(false);
	live_without_threads(arg, 50);
	queue_all(more, 10);
	allow_processes(true);
	queue_all(last, CALLS_TO_A_TRY);
	await_value(&last[CALLS_TO_A_TRY - 1].runs, 1);
	finish(more, 10);
	use_everything();
	exit(0);
}

static void live_in_a_sandbox(void *arg)
{
	if (refuse_clone(true, EAGAIN))
		live_without_threads(arg, 50);
	exit(0);
}

START_TEST(a_child_that_can_make_no_thread_keeps_its_callbacks)
{
	struct counted *all = counted_new(30);
	struct batch batch = { all, 30 };
	struct reader_thread reader;

	MUST(urcu_atfork_enable() == 0);
	hold(&reader);
	queue_all(all, 30);
	run_plain_child(live_beyond_the_limit, &batch);
	run_plain_child(live_in_a_sandbox, &batch);
	run_child(live_in_a_sandbox, &batch);
	release(&reader);
	finish(all, 30);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("fork-atfork/" FLAVOR);
	TCase *tcase = add_case(suite, "atfork");

#ifdef __GLIBC__
	tcase_add_test(tcase, the_hooks_are_installed_once_by_whoever_asks);
	tcase_add_test(tcase, without_memory_the_next_call_tries_again);
	tcase_add_loop_test(tcase, a_child_forked_while_a_thread_installs_them_installs_its_own,
			    0, 2);
#endif
	tcase_add_test(tcase, plain_forks_keep_the_contract_and_hooks_by_hand_nest);
	tcase = add_case(suite, "order");
	tcase_add_test(tcase, callbacks_may_take_what_handlers_registered_before_ours_lock);
	tcase_add_test(tcase, and_what_later_ones_lock_which_call_the_hooks_themselves);
	tcase_add_test(tcase, a_fork_that_waits_for_such_a_lock_is_reported);
	tcase = add_case(suite, "failure");
	tcase_add_loop_test(tcase, a_fork_that_the_kernel_refuses_leaves_everything_as_it_was,
			    0, 2);
	tcase_add_test(tcase, so_does_a_fork_beyond_the_limit_of_processes);
	tcase_add_test(tcase, a_child_that_can_make_no_thread_keeps_its_callbacks);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
