/* SPDX-License-Identifier: MIT */
/*
 * Forks by plain fork(), with urcu_atfork_enable alone, in a program whose callbacks call malloc and
 * free all the time while other threads do. For test-allocators.sh, which links it with one
 * allocator after another.
 *
 *	allocators FORKS
 *
 * -DEARLY: the hooks are enabled by a constructor, before the program's first malloc; otherwise first
 * thing in main. -DCONTROL: the same without RCU, to see whether the allocator survives forks at all.
 * Exit status 0: each child ended well, and no callback was lost in any process.
 */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef TEST_BP
#include <urcu-bp.h>
#elif defined(TEST_QSBR)
#include <urcu-qsbr.h>
#else
#include <urcu.h>
#endif

#include "../limits.h"

#define CHURNERS	2
#define SLOTS		256	/* blocks that the threads hand each other */
#define BURST		500	/* blocks that a thread allocates in a row */
#define AHEAD		1000	/* callbacks that wait at most, so that a fork has little to copy */
#define IN_CHILD	20
#define LIMIT		20	/* seconds for a fork and its child, before stretching */

#define MUST(condition) do {							\
	if (!(condition)) {							\
		static const char text[] = "failed: " #condition "\n";		\
		if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)		\
			_exit(3);						\
		_exit(1);							\
	}									\
} while (0)

static int stop;
static void *slots[SLOTS];

/* Of small and large sizes, freed by whichever thread comes next. */
static void churn(unsigned int *seed)
{
	size_t size = (size_t)16 << (*seed >> 8) % 9;
	char *block = malloc(size + *seed % 16);
	void **slot = &slots[(*seed >> 16) % SLOTS];

	MUST(block);
	block[0] = block[size - 1] = 1;
	*seed = *seed * 1103515245 + 12345;
	free(__atomic_exchange_n(slot, block, __ATOMIC_ACQ_REL));
}

static void *churn_on(void *arg)
{
	unsigned int seed = (unsigned int)(size_t)arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		for (int i = 0; i < BURST; i++)
			churn(&seed);
		usleep(20);	/* leave the others some of the processor */
	}
	return NULL;
}

#ifdef CONTROL
static void begin(void) { }
static void *queue_on(void *arg) { return churn_on(arg); }
static void finish(void) { }
static void queue_some(int number)
{
	unsigned int seed = (unsigned int)number;

	while (number--)
		churn(&seed);
}
#else
static unsigned long queued, run;	/* queued: call_rcu has returned for so many */

struct job {
	struct rcu_head head;
	unsigned int seed;
};

static void run_job(struct rcu_head *head)
{
	struct job *job = caa_container_of(head, struct job, head);

	for (int i = 0; i < 4; i++)
		churn(&job->seed);
	free(job);
	__atomic_fetch_add(&run, 1, __ATOMIC_RELAXED);
}

static void queue_some(int number)
{
	while (number--) {
		struct job *job = malloc(sizeof(*job));

		MUST(job);
		job->seed = (unsigned int)number;
		call_rcu(&job->head, run_job);
		__atomic_fetch_add(&queued, 1, __ATOMIC_RELEASE);
	}
}

static void *queue_on(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		queue_some(10);
		while (__atomic_load_n(&queued, __ATOMIC_RELAXED) >
		       __atomic_load_n(&run, __ATOMIC_RELAXED) + AHEAD)
			usleep(20);
	}
	return arg;
}

/* One more than was counted may have been queued, by a thread that this process does not have. */
static void finish(void)
{
	unsigned long before = __atomic_load_n(&queued, __ATOMIC_ACQUIRE), after;

	rcu_barrier();
	after = __atomic_load_n(&run, __ATOMIC_RELAXED);
	MUST(after >= before);
	MUST(after <= __atomic_load_n(&queued, __ATOMIC_ACQUIRE) + 1);
}

#ifdef EARLY
__attribute__((constructor))
#endif
static void begin(void)
{
	MUST(urcu_atfork_enable() == 0);
}
#endif

/* Of a process that made no progress for so long. */
static void end_by_alarm(int number)
{
	static const char text[] = "failed: a fork and its child take too long\n";

	signal(number, SIG_DFL);
	if (write(STDERR_FILENO, text, sizeof(text) - 1) == sizeof(text) - 1)
		raise(number);
}

static void await_child(pid_t pid)
{
	int status;

	MUST(pid > 0 && waitpid(pid, &status, 0) == pid);
	MUST(!WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM);
	MUST(status == 0);
}

static _Noreturn void finish_child(void)
{
	alarm(LIMIT * patience());
	queue_some(IN_CHILD);
	finish();
	exit(0);
}

static _Noreturn void be_child(bool fork_again)
{
	pid_t pid;

	alarm(LIMIT * patience());
	queue_some(IN_CHILD);
	finish();
	if (fork_again) {
		pid = fork();
		if (pid == 0)
			finish_child();
		await_child(pid);
	}
	exit(0);
}

int main(int argc, char **argv)
{
	pthread_t threads[CHURNERS + 1];
	int forks = argc > 1 ? atoi(argv[1]) : 500;

	signal(SIGALRM, end_by_alarm);
#ifndef EARLY
	begin();
#endif
	for (size_t i = 0; i < CHURNERS; i++)
		MUST(pthread_create(&threads[i], NULL, churn_on, (void *)(i + 1)) == 0);
	MUST(pthread_create(&threads[CHURNERS], NULL, queue_on, NULL) == 0);
	for (int i = 0; i < forks; i++) {
		pid_t pid;

		alarm(2 * LIMIT * patience());
		pid = fork();
		if (pid == 0)
			be_child(i % 10 == 0);
		await_child(pid);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i <= CHURNERS; i++)
		pthread_join(threads[i], NULL);
	finish();
	return 0;
}
