/* SPDX-License-Identifier: MIT */
/*
 * What befalls a process: fork, exit and signals. Each comes at a moment that is chosen among the steps of others
 * (of the same thread, for a signal). A fork is two executions, that of the parent and that of the child, which
 * goes on with the forking thread alone.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "checker.h"
#include "sim.h"

#define HANDLERS	16
#define WIPED		4
#define SIGNALS		64
#define BIT(signal)	(UINT64_C(1) << ((signal) - 1))
/* What looks at the clock take, beyond the library's limit for each function that exit calls. */
#define LOOKS_NS	UINT64_C(50000000)
#define PID		1000

/* Functions that are called in the one order or in the other. Those that constructors registered stay. */
struct fork_handlers {
	void (*before)(void), (*parent)(void), (*child)(void);
};

static struct fork_handlers fork_handlers[HANDLERS];
static void (*exit_handlers[HANDLERS])(void);
static int fork_count, fork_kept, exit_count, exit_kept, wiped_count;
static bool begun;
static struct { char *address; size_t length; } wiped[WIPED];
static struct sigaction actions[SIGNALS + 1];
static int first;			/* thread of the process */
static struct thread *ending;		/* who is in exit */
static int forks;

/* Destructors: the library's, and the scenario's (explore.c). */
extern void (*__start_ck_fini[])(void) __attribute__((weak));
extern void (*__stop_ck_fini[])(void) __attribute__((weak));

void ck_process_reset(void)
{
	if (!begun) {
		begun = true;
		fork_kept = fork_count;
		exit_kept = exit_count;
	}
	fork_count = fork_kept;
	exit_count = exit_kept;
	wiped_count = first = forks = 0;
	ending = NULL;
	memset(actions, 0, sizeof(actions));
}

/* ---- Fork ---- */

int sim_pthread_atfork(void (*before)(void), void (*parent)(void), void (*child)(void))
{
	if (fork_count == HANDLERS)
		return ENOMEM;
	fork_handlers[fork_count++] = (struct fork_handlers) { before, parent, child };
	return 0;
}

int sim_madvise(void *address, size_t length, int advice)
{
	if (advice == MADV_WIPEONFORK && wiped_count < WIPED) {
		wiped[wiped_count].address = address;
		wiped[wiped_count++].length = length;
	}
	return 0;
}

static void become_child(void)
{
	ck_memory_fork();
	ck_leave_behind();
	for (int i = 0; i < wiped_count; i++)
		ck_wipe((uintptr_t)wiped[i].address, wiped[i].length);
	first = ck_self->number;
	ending = NULL;
	ck_self->pending = 0;
}

/* Returns -1 where it fails. */
static pid_t split(uintptr_t code)
{
	bool child;

	if (ck_malloc_fails && ck_choose(CHOOSE_FAIL, 2)) {
		ck_trace(code, "fork fails");
		return -1;
	}
	ck_await_moment();
	child = ck_choose(CHOOSE_SIDE, 2) == 0;
	ck_trace(code, child ? "forks, and this is the child" : "forks, and this is the parent");
	if (child)
		become_child();
	return child ? 0 : PID + ++forks;
}

/* What another thread registers meanwhile is not called: its first part was not. */
pid_t sim_fork(void)
{
	int count = fork_count;
	pid_t pid;

	for (int i = count - 1; i >= 0; i--)
		if (fork_handlers[i].before)
			fork_handlers[i].before();
	pid = split(CODE);
	for (int i = 0; i < count; i++) {
		void (*after)(void) = pid == 0 ? fork_handlers[i].child : fork_handlers[i].parent;

		if (after)
			after();
	}
	errno = EAGAIN;
	return pid;
}

/* It runs no handlers. */
pid_t sim__Fork(void)
{
	errno = EAGAIN;
	return split(CODE);
}

/* The child is another execution. */
pid_t sim_waitpid(pid_t pid, int *status, int options)
{
	(void)options;
	if (status)
		*status = 0;
	return pid;
}

/* ---- The end ---- */

void ck_process_end(void)
{
	ck_check_locks();
	ck_finish();
}

void sim__exit(int status)
{
	if (status)
		ck_fail("thread %d calls _exit(%d)", ck_self->number, status);
	ck_process_end();
}

bool ck_is_first(const struct thread *thread)
{
	return thread->number == first;
}

int sim_atexit(void (*handler)(void))
{
	if (exit_count == HANDLERS)
		return ENOMEM;
	exit_handlers[exit_count++] = handler;
	return 0;
}

static void run_backwards(void (**begin)(void), void (**end)(void))
{
	while (end > begin)
		(*--end)();
}

static uint64_t library_limit(void)
{
	const char *text = getenv("URCU_EXIT_TIMEOUT");

	return (text ? strtoul(text, NULL, 10) : 1000) * UINT64_C(1000000);
}

/*
 * The library's own threads must not go on into the end, unless the time for them was over. One that has left, and in
 * whose place a barrier of another thread came before we did, is detached, and returns by itself. Nor is it waited for
 * when exit in a handler has interrupted the exit that did.
 */
static void check_end(uint64_t took, uint64_t limit, bool again)
{
	if (took > limit)
		ck_fail("exit took %lu ms", (unsigned long)(took / 1000000));
	for (int i = 0; i < ck_thread_count; i++) {
		const struct thread *thread = &ck_threads[i];

		if (!again && !thread->by_program && !thread->detached && thread != ck_self && thread->what != ENDED &&
		    took < library_limit() / 2)
			ck_fail("exit leaves thread %d of the library behind, which goes on", i);
	}
}

/* A second thread that exits waits for the first, for ever. */
void sim_exit(int status)
{
	uint64_t began, limit;
	bool again = ending == ck_self;

	if (ending && ending != ck_self)
		ck_block(WAIT_JOIN, 0, UINT64_MAX);
	if (!ending)
		ck_await_moment();
	ending = ck_self;
	ck_trace(CODE, "exits");
	if (status)
		ck_fail("thread %d calls exit(%d)", ck_self->number, status);
	began = ck_now();
	limit = (library_limit() + LOOKS_NS) * (uint64_t)(exit_count + 1);
	while (exit_count)
		exit_handlers[--exit_count]();
	run_backwards(ck_scenario_fini, ck_scenario_fini_end);
	run_backwards(__start_ck_fini, __stop_ck_fini);
	ck_trace(CODE, "has exited");
	check_end(ck_now() - began, limit, again);
	ck_process_end();
}

/* ---- Signals ---- */

static uint64_t bits(const sigset_t *set)
{
	uint64_t mask;

	memcpy(&mask, set, sizeof(mask));
	return mask;
}

int sim_pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	struct thread *self = ck_self;

	if (old) {
		sigemptyset(old);
		if (self)
			memcpy(old, &self->mask, sizeof(self->mask));
	}
	if (!set || !self)
		return 0;
	if (how == SIG_SETMASK)
		self->mask = bits(set);
	else
		self->mask = how == SIG_BLOCK ? self->mask | bits(set) : self->mask & ~bits(set);
	if (ck_has_signal(self))
		ck_handle_signals();
	return 0;
}

int sim_sigaction(int signal, const struct sigaction *action, struct sigaction *old)
{
	if (old)
		*old = actions[signal];
	if (action)
		actions[signal] = *action;
	return 0;
}

static void handle(int signal)
{
	struct thread *self = ck_self;
	const struct sigaction *action = &actions[signal];
	uint64_t mask = self->mask;

	self->pending &= ~BIT(signal);
	if (action->sa_handler == SIG_IGN)
		return;
	if (action->sa_handler == SIG_DFL)
		ck_fail("thread %d is killed by signal %d", self->number, signal);
	self->mask |= bits(&action->sa_mask) | BIT(signal);
	ck_trace(0, "is in the handler of signal %d", signal);
	action->sa_handler(signal);
	ck_trace(0, "returns from the handler of signal %d", signal);
	self->mask = mask;
}

void ck_handle_signals(void)
{
	for (int signal = 1; signal <= SIGNALS; signal++)
		if (ck_self->pending & ~ck_self->mask & BIT(signal))
			handle(signal);
}

/* Who waits is interrupted. */
static void send(struct thread *thread, int signal)
{
	thread->pending |= BIT(signal);
	if (ck_has_signal(thread) && thread != ck_self && thread->what != RUNNING &&
	    thread->what != WAIT_MOMENT && thread->what != ENDED) {
		ck_wake(thread);
		thread->woken = false;
		thread->interrupted = true;
	}
	ck_step(true);
}

int sim_pthread_kill(pthread_t name, int signal)
{
	int number = (int)(uintptr_t)name - 1;

	ck_trace(CODE, "sends signal %d to thread %d", signal, number);
	if (ck_threads[number].what != ENDED)
		send(&ck_threads[number], signal);
	return 0;
}

/* To the process: any thread that does not block it may get it, and none of the library's must. */
int sim_kill(pid_t pid, int signal)
{
	int options[THREADS], count = 0;

	(void)pid;
	ck_trace(CODE, "sends signal %d to the process", signal);
	for (int i = 0; i < ck_thread_count; i++) {
		if (ck_threads[i].what == ENDED || (ck_threads[i].mask & BIT(signal)))
			continue;
		if (!ck_threads[i].by_program)
			ck_fail("thread %d of the library may get the program's signal %d", i, signal);
		options[count++] = i;
	}
	if (count)
		send(&ck_threads[options[ck_choose_thread(CHOOSE_THREAD, options, count)]], signal);
	return 0;
}
