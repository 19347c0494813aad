/* SPDX-License-Identifier: MIT */
/*
 * The library's threads block signals that come from elsewhere, and leave those that a thread causes
 * itself as they were: a program's crash reporter and its emulators work in callbacks too.
 */
#include "../unit/harness.h"

#include <setjmp.h>
#include <urcu-defer.h>

static const int synchronous[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS };
static const int asynchronous[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGCHLD, SIGTSTP,
	SIGVTALRM, SIGPROF, SIGWINCH, SIGIO,
};

#define SYNCHRONOUS	((int)(sizeof(synchronous) / sizeof(synchronous[0])))
#define ASYNCHRONOUS	((int)(sizeof(asynchronous) / sizeof(asynchronous[0])))

/* ---- Whose thread, and how to have something run in it ---- */

enum { DEFAULT, MADE, RT, OF_CPUS, DEFER, KINDS };

struct deferred {
	void (*func)(void *arg);
	void *arg;
	sem_t done;
};

static void run_deferred(void *arg)
{
	struct deferred *deferred = arg;

	deferred->func(deferred->arg);
	sem_post(&deferred->done);
}

/* By the thread of the library, which runs it after a while. */
static void in_deferred(void (*func)(void *arg), void *arg)
{
	struct deferred deferred = { .func = func, .arg = arg };

	sem_init(&deferred.done, 0, 0);
	want(rcu_defer_register_thread() == 0);
	defer_rcu(run_deferred, &deferred);
	await(&deferred.done);
	rcu_defer_unregister_thread();
}

static void in_a_thread_of(int kind, void (*func)(void *arg), void *arg)
{
	rcu_register_thread();
	if (kind == MADE || kind == RT)
		set_thread_call_rcu_data(create_call_rcu_data(kind == RT ? URCU_CALL_RCU_RT : 0, -1));
	if (kind == OF_CPUS)
		want(create_all_cpu_call_rcu_data(0) == 0);
	if (kind == DEFER)
		in_deferred(func, arg);
	else
		in_callback(func, arg);
	rcu_unregister_thread();
}

/* ---- Masks ---- */

static void look_at_mask(void *mask)
{
	pthread_sigmask(SIG_BLOCK, NULL, mask);
}

START_TEST(a_worker_blocks_what_comes_from_elsewhere_and_no_more)
{
	sigset_t mask;

	in_a_thread_of(_i, look_at_mask, &mask);
	for (int i = 0; i < ASYNCHRONOUS; i++)
		ck_assert_msg(sigismember(&mask, asynchronous[i]), "signal %d", asynchronous[i]);
	for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
		ck_assert_msg(sigismember(&mask, number), "signal %d", number);
	for (int i = 0; i < SYNCHRONOUS; i++)
		ck_assert_msg(!sigismember(&mask, synchronous[i]), "signal %d", synchronous[i]);
}
END_TEST

/* One that the program has blocked itself, when the thread was started, stays so. */
START_TEST(what_the_program_blocks_stays_blocked)
{
	sigset_t mask, ours, after;

	sigemptyset(&ours);
	sigaddset(&ours, SIGFPE);
	sigaddset(&ours, SIGTRAP);
	pthread_sigmask(SIG_BLOCK, &ours, NULL);
	in_a_thread_of(_i, look_at_mask, &mask);
	want(sigismember(&mask, SIGFPE) && sigismember(&mask, SIGTRAP));
	want(!sigismember(&mask, SIGSEGV) && !sigismember(&mask, SIGSYS));
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	want(sigismember(&after, SIGFPE) && !sigismember(&after, SIGTERM));
}
END_TEST

/* ---- Handlers ---- */

static unsigned int handled;
static __thread sigjmp_buf back;

static void go_back(int number)
{
	raise_by(handled, 1);
	siglongjmp(back, number);
}

static void touch_nothing(void)
{
	char *page = mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	want(page != MAP_FAILED);
	*(volatile char *)page = 1;
}

static void touch_beyond_the_end(void)
{
	int file = memfd_create("empty", 0);
	char *page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

	want(page != MAP_FAILED);
	*(volatile char *)page = 1;
}

static void make_filtered_call(void)
{
	trap(SYS_getppid);
	syscall(SYS_getppid);
}

/* What the processor does of itself is the same to the kernel as what a thread sends to itself. */
static void cause(int number)
{
	switch (number) {
	case SIGSEGV:
		touch_nothing();
		break;
	case SIGBUS:
		touch_beyond_the_end();
		break;
	case SIGSYS:
		make_filtered_call();
		break;
	case SIGILL:
#if defined(__x86_64__) || defined(__i386__)
		__asm__ volatile("ud2");
		break;
#endif
	case SIGTRAP:
#if defined(__x86_64__) || defined(__i386__)
		__asm__ volatile("int3");
		break;
#endif
	default:
		raise(number);
	}
}

static void cause_and_go_on(void *number)
{
	if (sigsetjmp(back, 1) == 0)
		cause(*(const int *)number);
}

START_TEST(a_handler_runs_for_what_a_callback_causes)
{
	int number = synchronous[_i % SYNCHRONOUS];
	struct sigaction action = { .sa_handler = go_back };

	want(sigaction(number, &action, NULL) == 0);
	in_a_thread_of(_i / SYNCHRONOUS, cause_and_go_on, &number);
	want(get(handled) == 1);
}
END_TEST

/* ---- The program's own thread takes what is sent to the process ---- */

static pthread_t taker;

static void note_thread(int number)
{
	(void)number;
	taker = pthread_self();
	raise_by(handled, 1);
}

START_TEST(signals_to_the_process_run_in_the_programs_threads)
{
	struct sigaction action = { .sa_handler = note_thread };
	sigset_t all, before;
	sigset_t mask;

	in_a_thread_of(_i, look_at_mask, &mask);
	sigfillset(&all);
	for (int i = 0; i < ASYNCHRONOUS; i++) {
		unsigned int seen = get(handled);

		want(sigaction(asynchronous[i], &action, NULL) == 0);
		/* While we block it nobody else takes it. */
		pthread_sigmask(SIG_SETMASK, &all, &before);
		want(kill(getpid(), asynchronous[i]) == 0);
		rcu_barrier();
		synchronize_rcu();
		want(get(handled) == seen);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		want(get(handled) == seen + 1 && pthread_equal(taker, pthread_self()));
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("guest-signals/" FLAVOR);
	TCase *tcase = add_case(suite, "signals", 20);

	tcase_add_loop_test(tcase, a_worker_blocks_what_comes_from_elsewhere_and_no_more, 0, KINDS);
	tcase_add_loop_test(tcase, what_the_program_blocks_stays_blocked, 0, KINDS);
	tcase_add_loop_test(tcase, a_handler_runs_for_what_a_callback_causes, 0,
			    KINDS * SYNCHRONOUS);
	tcase_add_loop_test(tcase, signals_to_the_process_run_in_the_programs_threads, 0, KINDS);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
