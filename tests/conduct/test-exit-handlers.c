/* SPDX-License-Identifier: MIT */
/*
 * exit in a signal handler ends within its limit, whatever the thread was interrupted in, in this
 * library or in the C library, and whatever others do (doc/design/exit.md).
 */
#include "again.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <urcu-defer.h>

/* ---- What is interrupted ---- */

static void register_once(void)
{
	rcu_register_thread();
	rcu_read_lock();
	rcu_read_unlock();
	rcu_unregister_thread();
}

static void read_in_a_thread(void)
{
	join(start_thread(read_once, NULL));
}

static void make_worker(void)
{
	call_rcu_data_free(create_call_rcu_data(0, -1));
}

static void make_all(void)
{
	create_all_cpu_call_rcu_data(0);
	free_all_cpu_call_rcu_data();
}

static void free_head(struct rcu_head *head)
{
	free(head);
}

static void queue_and_wait(void)
{
	for (int i = 0; i < 100; i++)
		call_rcu(malloc(sizeof(struct rcu_head)), free_head);
	rcu_barrier();
}

static void call_hooks(void)
{
	call_rcu_before_fork();
	call_rcu_after_fork_parent();
}

static void defer(void)
{
	rcu_register_thread();
	MUST(rcu_defer_register_thread() == 0);
	for (int i = 0; i < 10; i++)
		defer_rcu(free, malloc(1));
	rcu_defer_barrier();
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
}

static void poll_once(void)
{
	struct urcu_gp_poll_state state = start_poll_synchronize_rcu();

	for (int i = 0; i < 1000 && !poll_state_synchronize_rcu(state); i++)
		sched_yield();
}

static void synchronize_once(void)
{
	synchronize_rcu();
}

static void give_much(void)
{
	for (int i = 0; i < 6000; i++)
		urcu_free_rcu(malloc(16));
}

static void (*const acts[])(void) = {
	register_once, read_in_a_thread, make_worker, make_all, queue_and_wait, call_hooks, defer,
	poll_once, synchronize_once, give_much,
};

#define ACTS ((int)(sizeof(acts) / sizeof(acts[0])))

static void exit_in_handler(int number)
{
	exit(number == SIGPROF ? 7 : 1);
}

/*
 * After so much time of the processor, in a thread that does not block it; on a busy machine, where that takes long
 * if the thread sleeps and wakes all the time, after 200 ms.
 */
static void exit_soon(int us)
{
	struct itimerval timer = { { 0, us }, { 0, us } };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPROF };
	struct itimerspec latest = { .it_value.tv_nsec = 200000000 };
	timer_t real;

	signal(SIGPROF, exit_in_handler);
	MUST(timer_create(CLOCK_MONOTONIC, &event, &real) == 0);
	MUST(timer_settime(real, 0, &latest, NULL) == 0);
	MUST(setitimer(ITIMER_PROF, &timer, NULL) == 0);
}

static void block_handler(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPROF);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void *act_on(void *arg)
{
	void (*act)(void) = acts[(uintptr_t)arg];

	block_handler();
	for (;;)
		act();
	return NULL;
}

/* The thread that exits is interrupted in one of these. */
static int interrupted_in(int act)
{
	exit_soon(1000 * (1 + getpid() % 20));
	for (;;)
		acts[act]();
	return 1;
}

/* Others are in one of these. */
static int beside_others_in(int act)
{
	for (int i = 0; i < 4; i++)
		start_thread(act_on, (void *)(uintptr_t)act);
	exit_soon(1000 * (1 + getpid() % 20));
	for (;;)
		acts[act]();
	return 1;
}

static void *register_and_end(void *arg)
{
	block_handler();
	sem_post(arg);
	return read_once(NULL);
}

/* So many readers that begin, read once and end, some of them at a time. */
static int beside_readers(int number)
{
	sem_t started;

	sem_init(&started, 0, 0);
	exit_soon(1000 * (1 + getpid() % 40));
	for (;;) {
		pthread_t threads[100];

		for (int i = 0; i < number; i += 100) {
			for (int j = 0; j < 100; j++)
				threads[j] = start_thread(register_and_end, &started);
			for (int j = 0; j < 100; j++)
				join(threads[j]);
		}
	}
	return 1;
}

/* ---- The C library, with its list of stacks locked ---- */

#define STACK_SIZE	(8 << 20)	/* glibc keeps 40 MB of those that nobody uses */
#define STACKS		20

/* What is unmapped in the exit itself stays where it is. */
static void exit_once(int number)
{
	static bool exits;

	(void)number;
	if (exits)
		return;
	exits = true;
	exit(7);
}

static void trap(int call, void (*handler)(int number))
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_NODEFER };

	MUST(sigaction(SIGSYS, &action, NULL) == 0);
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void *do_nothing(void *arg)
{
	return arg;
}

/* What was queued makes that the worker has a thread; or nothing was, and it was made with one. */
static int interrupted_in_a_join(int kind)
{
	pthread_t threads[STACKS];
	pthread_attr_t attr;

	MUST(pthread_attr_init(&attr) == 0 && pthread_attr_setstacksize(&attr, STACK_SIZE) == 0);
	choose_worker(kind);
	if (kind != MADE)
		queue_and_wait();
	for (int i = 0; i < STACKS; i++)
		MUST(pthread_create(&threads[i], &attr, do_nothing, NULL) == 0);
	trap(SYS_munmap, exit_once);
	for (int i = 0; i < STACKS; i++)
		join(threads[i]);
	return 7;
}

/* ---- A grace period that who gives much to free_rcu leads ---- */

/* In its membarrier, where it has one; the kernel does not say that it is done. */
static void raise_another(int number)
{
	(void)number;
	raise(SIGUSR1);
}

static void wait_in_destructors(void)
{
	rcu_barrier();
}

static int interrupted_in_a_lead(int unused)
{
	(void)unused;
	MUST(atexit(wait_in_destructors) == 0);
	queue_and_wait();
	signal(SIGUSR1, exit_once);
	trap(SYS_membarrier, raise_another);
	give_much();
	exit(7);
}

static const struct again_case cases[] = {
	{ "interrupted-in", interrupted_in },
	{ "interrupted-in-a-join", interrupted_in_a_join },
	{ "interrupted-in-a-lead", interrupted_in_a_lead },
	{ "beside-others-in", beside_others_in },
	{ "beside-readers", beside_readers },
	{ NULL, NULL },
};

/* ---- The tests; _i is what is interrupted, or the kind of worker ---- */

START_TEST(exit_in_a_handler_ends_whatever_it_interrupts)
{
	for (int i = 0; i < 10; i++)
		run_again("interrupted-in", _i, "50");
}
END_TEST

START_TEST(exit_in_a_handler_ends_whatever_others_do)
{
	for (int i = 0; i < 10; i++)
		run_again("beside-others-in", _i, "50");
}
END_TEST

START_TEST(exit_in_a_handler_ends_beside_readers_that_come_and_go)
{
	for (int i = 0; i < 20; i++)
		run_again("beside-readers", 2000, "50");
}
END_TEST

START_TEST(exit_in_a_handler_ends_while_the_c_librarys_own_lock_is_held)
{
	run_again("interrupted-in-a-join", _i, "50");
}
END_TEST

START_TEST(exit_in_a_handler_leaves_no_grace_period_without_a_leader)
{
	run_again("interrupted-in-a-lead", 0, "50");
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("exit-handlers/" FLAVOR);
	TCase *tcase = add_again_case(suite, "handlers");
	tcase_add_loop_test(tcase, exit_in_a_handler_ends_whatever_it_interrupts, 0, ACTS);
	tcase_add_loop_test(tcase, exit_in_a_handler_ends_whatever_others_do, 0, ACTS);
	tcase_add_test(tcase, exit_in_a_handler_ends_beside_readers_that_come_and_go);
	tcase_add_loop_test(tcase, exit_in_a_handler_ends_while_the_c_librarys_own_lock_is_held, 0, KINDS);
	tcase_add_test(tcase, exit_in_a_handler_leaves_no_grace_period_without_a_leader);
	return suite;
}

int main(int argc, char **argv)
{
	if (argc > 2)
		return run_case(argv[1], atoi(argv[2]));
	return run_suite(suite());
}
