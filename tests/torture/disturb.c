/* SPDX-License-Identifier: MIT */
/*
 * What happens to threads from outside: signals whose handlers read or stall, other CPUs, other
 * priorities. All pick any thread of the process, the library's own too.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "torture.h"

#define TO_READ		SIGUSR1
#define TO_STALL	SIGUSR2

/* ---- Signals ---- */

static sigset_t all_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, TO_READ);
	sigaddset(&set, TO_STALL);
	return set;
}

void let_signals_in(void)
{
	sigset_t set = all_signals();

	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void keep_signals_out(void)
{
	sigset_t set = all_signals();

	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void handle(int number)
{
	int saved_errno = errno;

	if (number == TO_READ) {
		look_in_handler();
	} else {
		struct timespec time = { 0, (long)(get(board->done[STALLS]) % 64 * 200000) };

		nanosleep(&time, NULL);
		done(STALLS);
	}
	errno = saved_errno;
}

/* ---- Whom ---- */

/* A thread of the process picked at random; it may have ended meanwhile. */
static pid_t some_thread(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;
	unsigned int seen = 0;
	pid_t chosen = 0;

	must(tasks);
	while ((entry = readdir(tasks)))
		if (entry->d_name[0] != '.' && pick(++seen) == 0)
			chosen = (pid_t)atol(entry->d_name);
	closedir(tasks);
	return chosen;
}

/* ---- The disturbers ---- */

static void send_signals(void)
{
	for (int i = 0; i < 8; i++)
		syscall(SYS_tgkill, getpid(), some_thread(), pick(16) ? TO_READ : TO_STALL);
}

static void move_one(void)
{
	static cpu_set_t home;
	unsigned int cpus = (unsigned int)sysconf(_SC_NPROCESSORS_CONF);
	cpu_set_t set;

	if (!CPU_COUNT(&home))
		must(sched_getaffinity(0, sizeof(home), &home) == 0);
	CPU_ZERO(&set);
	for (unsigned int cpu = 0; cpu < cpus && cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &home) && pick(2))
			CPU_SET(cpu, &set);
	/* An empty set is refused: then all. */
	sched_setaffinity(some_thread(), sizeof(set), CPU_COUNT(&set) ? &set : &home);
}

/* Where only a privileged process may go back, threads drift to the lowest, all alike. */
static void rank_one(void)
{
	pid_t thread = some_thread();
	struct sched_param none = { 0 };

	setpriority(PRIO_PROCESS, (id_t)thread, (int)pick(20));
	sched_setscheduler(thread, pick(2) ? SCHED_BATCH : SCHED_OTHER, &none);
}

/* For threads that die soon: without privilege there is no way back from SCHED_IDLE. */
void change_own_priority(void)
{
	struct sched_param none = { 0 };

	if (options.allowed[PRIORITIES])
		sched_setscheduler(0, pick(4) ? SCHED_OTHER : SCHED_IDLE, &none);
}

static const struct disturber {
	enum kind kind;
	void (*act)(void);
	uint32_t pace;		/* at most so many nanoseconds from one to the next */
} disturbers[] = {
	{ SIGNALS, send_signals, 1000000 },
	{ MOVES, move_one, 2000000 },
	{ PRIORITIES, rank_one, 5000000 },
};

#define DISTURBERS (sizeof(disturbers) / sizeof(disturbers[0]))

static pthread_t threads[DISTURBERS];

static void *disturb(void *arg)
{
	const struct disturber *disturber = (const struct disturber *)arg;

	while (!get(board->over)) {
		disturber->act();
		done(disturber->kind);
		sleep_below(disturber->pace);
	}
	return NULL;
}

void disturbances_begin(void)
{
	struct sigaction action;

	keep_signals_out();
	memset(&action, 0, sizeof(action));
	action.sa_handler = handle;
	action.sa_flags = SA_RESTART;
	must(sigaction(TO_READ, &action, NULL) == 0);
	must(sigaction(TO_STALL, &action, NULL) == 0);
}

void start_disturbances(void)
{
	for (unsigned int i = 0; i < DISTURBERS; i++)
		if (options.allowed[disturbers[i].kind])
			threads[i] = start_thread(disturb, (void *)(uintptr_t)&disturbers[i]);
}

void join_disturbances(void)
{
	for (unsigned int i = 0; i < DISTURBERS; i++)
		if (options.allowed[disturbers[i].kind])
			must(pthread_join(threads[i], NULL) == 0);
}
