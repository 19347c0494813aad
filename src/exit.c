/* SPDX-License-Identifier: MIT */
/*
 * The end of the process, or of the library in it (dlclose). Queued callbacks get one barrier's
 * worth of progress, then the workers are stopped and joined, all within a time limit; what did not
 * stop in time keeps its memory. doc/design/exit.md has the cases.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "call-rcu.h"
#include "cpu.h"
#include "delay.h"
#include "wait.h"

/* In milliseconds, from the environment; 0: do nothing at exit. */
#define LIMIT_VARIABLE	"URCU_EXIT_TIMEOUT"
#define LIMIT_DEFAULT	1000
#define LIMIT_MAX	86400000UL

static uint64_t time_limit(void)
{
	const char *text = secure_getenv(LIMIT_VARIABLE);
	unsigned long limit;
	char *end;

	if (!text || !*text)
		return LIMIT_DEFAULT * QUIESCE_NS_PER_MS;
	limit = strtoul(text, &end, 10);
	if (*end)
		limit = LIMIT_DEFAULT;
	return (limit < LIMIT_MAX ? limit : LIMIT_MAX) * QUIESCE_NS_PER_MS;
}

/* One that exits from a callback, from a section or between the hooks would wait for itself. */
static bool may_wait(const struct flavor *flavor)
{
	return quiesce_is_ours(flavor) && !quiesce_in_section(flavor) && !quiesce_worker_current() &&
	       __atomic_load_n(&flavor->fork.owner, __ATOMIC_RELAXED) != quiesce_self();
}

/* Another thread between the fork hooks has the workers paused. Returns false if it stays there. */
static bool await_fork(struct flavor *flavor, uint64_t limit)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += (time_t)(limit / QUIESCE_NS_PER_S);
	end.tv_nsec += (long)(limit % QUIESCE_NS_PER_S);
	if (end.tv_nsec >= (long)QUIESCE_NS_PER_S) {
		end.tv_sec++;
		end.tv_nsec -= (long)QUIESCE_NS_PER_S;
	}
	if (pthread_mutex_timedlock(&flavor->fork.lock, &end) != 0)
		return false;
	pthread_mutex_unlock(&flavor->fork.lock);
	return true;
}

/* For workers that have stopped. */
static bool all_empty(struct flavor *flavor)
{
	struct call_rcu_data *queue = NULL;
	bool empty = true;

	while ((queue = quiesce_queue_next(flavor, queue)))
		empty = empty && quiesce_queue_empty(queue);
	return empty;
}

/* Returns whether every worker has stopped. All are asked before the first is waited for. */
static bool stop_workers(struct flavor *flavor, uint64_t deadline)
{
	struct call_rcu_data *queue = NULL;
	bool stopped = true;

	while ((queue = quiesce_queue_next(flavor, queue)))
		for (unsigned int i = 0; i < queue->worker_count; i++)
			quiesce_worker_ask(&queue->workers[i], WORKER_STOP);
	while ((queue = quiesce_queue_next(flavor, queue)))
		for (unsigned int i = 0; i < queue->worker_count; i++)
			stopped = quiesce_worker_stop(&queue->workers[i], deadline) && stopped;
	return stopped;
}

/* Whoever uses RCU after this, while the process ends, finds workers that can start again. */
static void allow_workers(struct flavor *flavor)
{
	struct call_rcu_data *queue = NULL;

	__atomic_store_n(&flavor->workers.closing, false, __ATOMIC_RELAXED);
	while ((queue = quiesce_queue_next(flavor, queue)))
		for (unsigned int i = 0; i < queue->worker_count; i++)
			if (!(quiesce_worker_state(&queue->workers[i]) & WORKER_THREAD))
				__atomic_fetch_and(&queue->workers[i].state, ~WORKER_STOP,
						   __ATOMIC_SEQ_CST);
}

/* Flags are the ninth field (proc_pid_stat(5)); the second is a name, which may hold anything. */
#define KERNEL_THREAD_EXITING	0x4UL	/* PF_EXITING in the kernel's include/linux/sched.h */

/* One that has been joined is listed until the kernel, or a tracer, has done with it. */
static bool thread_has_ended(const char *thread)
{
	char path[64], text[256], *name_end;
	unsigned long flags = 0;
	ssize_t length;
	int file;

	snprintf(path, sizeof(path), "/proc/self/task/%.20s/stat", thread);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return errno == ENOENT;
	length = read(file, text, sizeof(text) - 1);
	close(file);
	if (length < 0)
		return errno == ESRCH;
	text[length] = '\0';
	name_end = strrchr(text, ')');
	return name_end && sscanf(name_end, ") %*c %*d %*d %*d %*d %*d %lu", &flags) == 1 &&
	       (flags & KERNEL_THREAD_EXITING);
}

/* Files are cancellation points. */
static bool is_only_thread(void)
{
	long self = syscall(SYS_gettid);
	const struct dirent *entry;
	DIR *threads;
	int cancel;
	bool only;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	threads = opendir("/proc/self/task");
	only = threads;
	while (only && (entry = readdir(threads)))
		only = entry->d_name[0] == '.' || strtol(entry->d_name, NULL, 10) == self ||
		       thread_has_ended(entry->d_name);
	if (threads)
		closedir(threads);
	pthread_setcancelstate(cancel, NULL);
	return only;
}

/*
 * Whether the program cannot free its workers any more: its destructors have run, and there is no
 * other thread. The destructors of a shared library's users run before its own; in a program that
 * holds the library itself they may run after.
 */
static bool program_is_over(bool at_end)
{
#ifdef PIC
	const bool shared = true;
#else
	const bool shared = false;
#endif
	return shared && at_end && is_only_thread();
}

/* With no reader left that could look at them: all, or those that the program has given up. */
static void free_queues(struct flavor *flavor, bool owned)
{
	struct worker_state *all = &flavor->workers;
	struct call_rcu_data **link = &all->list, *queue, *freed = NULL;
	struct call_rcu_data **table = owned ? all->per_cpu : NULL;

	pthread_mutex_lock(&all->lock);
	all->orphans = all->workers[0].fostered = NULL;
	for (unsigned int cpu = 0; table && cpu < quiesce_cpu_count(); cpu++)
		__atomic_store_n(&table[cpu], NULL, __ATOMIC_RELEASE);
	if (table)
		__atomic_store_n(&all->per_cpu, NULL, __ATOMIC_RELEASE);
	while ((queue = *link)) {
		if ((owned || queue->workers == all->workers) && !queue->pins) {
			*link = queue->next;
			queue->next = freed;
			freed = queue;
		} else {
			link = &queue->next;
		}
	}
	pthread_mutex_unlock(&all->lock);
	while ((queue = freed)) {
		freed = queue->next;
		free(queue);
	}
	if (table != all->cpu_room)
		free(table);
}

void quiesce_exit(struct flavor *flavor, bool at_end)
{
	uint64_t limit = time_limit(), deadline = quiesce_now() + limit;
	bool suspended;

	if (!limit || !may_wait(flavor))
		return;
	if (flavor->attend)
		flavor->attend();
	suspended = quiesce_suspend(flavor);
	if (!await_fork(flavor, limit)) {
		quiesce_resume(flavor, suspended);
		return;
	}
	quiesce_barrier_until(flavor, deadline);
	quiesce_delay();
	__atomic_store_n(&flavor->workers.closing, true, __ATOMIC_RELAXED);
	quiesce_delay();
	if (stop_workers(flavor, deadline) && all_empty(flavor) &&
	    quiesce_registry_alone(&flavor->registry, flavor->self())) {
		free_queues(flavor, program_is_over(at_end));
		quiesce_registry_trim(&flavor->registry);
	}
	allow_workers(flavor);
	quiesce_resume(flavor, suspended);
}
