/* SPDX-License-Identifier: MIT */
/*
 * Forks through the hooks, one after the other, while two threads do nothing but replace objects. fork-flood ROUNDS
 * SCENARIO; prints lines as costs.c does, some of them in MB. It ends after 4 seconds, or with the
 * fork that is under way then; 18 if need be, in the middle of that.
 *
 *	call		malloc and call_rcu(free)
 *	call-wait	the same within a limit, which forks wait for, too
 *	free		malloc and urcu_free_rcu
 *	free-wait	the same
 *
 * In turns a child leaves at once by _exit, executes another program, and uses RCU until all that it has
 * inherited is freed. liburcu has the first scenario alone; the others print nothing.
 */
#include "costs.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>

#define SECONDS		4
#define SECONDS_AT_MOST	18
#define PRODUCERS	2
/* Of 64 bytes; in MB, and callbacks. */
#define OBJECT		64
#define LIMIT		8
#define LIMIT_CALLS	((LIMIT << 20) / OBJECT)
#define FORK_WAIT_MS	100
/* Nobody shall bring the machine down. */
#define MEMORY_MAX	(3UL << 30)

static bool over, limited, pointers;

static void give(void)
{
	void *object = malloc(OBJECT);

	if (!object)
		sched_yield();
#ifdef URCU_HAVE_FREE_RCU
	else if (pointers)
		urcu_free_rcu(object);
#endif
	else
		call_rcu(object, release);
}

/* In qsbr nobody waits for a limit online. */
static void *produce(void *arg)
{
	rcu_register_thread();
	offline();
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		if (!limited)
			online();
		for (int i = 0; i < 256; i++)
			give();
		offline();
	}
	rcu_unregister_thread();
	return arg;
}

/* ---- Children ---- */

static void leave_at_once(void)
{
	_exit(0);
}

static void execute(void)
{
	execl("/bin/true", "true", (char *)NULL);
	_exit(1);
}

static void use(void)
{
	queue(1);
	rcu_barrier();
	_exit(0);
}

static struct kind {
	const char *name;
	void (*act)(void);
	struct series whole, copied;
} kinds[] = {
	{ .name = "leaves", .act = leave_at_once },
	{ .name = "executes", .act = execute },
	{ .name = "uses RCU", .act = use },
};

#define KINDS ((int)(sizeof(kinds) / sizeof(kinds[0])))

static double in_mb(double kilobytes)
{
	return kilobytes / 1024;
}

static void note_value(struct series *series, double value)
{
	note(series, now() - value);
	series->values[series->count - 1] = value;
}

/* What has been measured so far. */
static struct series pauses;
static double peak;
static int forks;

static void fork_one(struct kind *kind)
{
	double began = now();
	struct rusage used;
	int status = 1;
	pid_t child;

	call_rcu_before_fork();
	child = fork();
	if (child == 0) {
		call_rcu_after_fork_child();
		kind->act();
	}
	call_rcu_after_fork_parent();
	note(&pauses, began);
	if (child < 0 || wait4(child, &status, 0, &used) != child || status) {
		fprintf(stderr, "fork-flood: a child failed\n");
		exit(1);
	}
	note(&kind->whole, began);
	note_value(&kind->copied, in_mb((double)used.ru_minflt * (double)sysconf(_SC_PAGESIZE) / 1024));
	if (in_mb((double)used.ru_maxrss) > peak)
		peak = in_mb((double)used.ru_maxrss);
}

/* ---- All ---- */

static void print_as(const char *scenario, const char *what, const char *kind, struct series *series)
{
	static char name[128];

	snprintf(name, sizeof(name), "flood, %s: %s%s", scenario, what, kind);
	series->name = name;
	if (series->count)
		print(series);
}

static void print_value(const char *scenario, const char *what, double value)
{
	printf("flood, %s: %s\t%.2f\t\t\n", scenario, what, value);
}

/* Whether this library has it. */
static bool set_limit(const char *scenario)
{
	limited = strstr(scenario, "-wait");
	pointers = strncmp(scenario, "free", 4) == 0;
#ifdef URCU_HAVE_BACKLOG
	if (limited) {
		urcu_set_backlog_limit(LIMIT << 20, LIMIT_CALLS);
		urcu_set_fork_drain(FORK_WAIT_MS);
	}
	return true;
#else
	return !limited && !pointers;
#endif
}

static void report(const char *scenario)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	print_value(scenario, "forks", forks);
	print_as(scenario, "fork", "", &pauses);
	for (int i = 0; i < KINDS; i++)
		print_as(scenario, "fork, and a child that ", kinds[i].name, &kinds[i].whole);
	for (int i = 0; i < KINDS; i++)
		print_as(scenario, "MB copied or made by a child that ", kinds[i].name, &kinds[i].copied);
	print_value(scenario, "MB of the parent at most", in_mb((double)used.ru_maxrss));
	print_value(scenario, "MB of a child at most", peak);
}

/* For a fork that does not return, or a child that does not end. */
static void *end_it(void *scenario)
{
	const struct timespec limit = { .tv_sec = SECONDS_AT_MOST };

	nanosleep(&limit, NULL);
	report(scenario);
	print_value(scenario, "stopped in the middle of one, after s", SECONDS_AT_MOST);
	fflush(stdout);
	kill(0, SIGKILL);
	return NULL;
}

static void measure(char *scenario)
{
	double until = now() + SECONDS * 1e6;
	pthread_t producers[PRODUCERS], end;

	setpgid(0, 0);
	pthread_create(&end, NULL, end_it, scenario);
	for (int i = 0; i < PRODUCERS; i++)
		pthread_create(&producers[i], NULL, produce, NULL);
	for (; forks < rounds && now() < until; forks++)
		fork_one(&kinds[forks % KINDS]);
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	report(scenario);
	fflush(stdout);
	_exit(0);
}

int main(int argc, char **argv)
{
	const struct rlimit memory = { MEMORY_MAX, MEMORY_MAX };

	if (argc < 3)
		return 2;
	rounds = atoi(argv[1]);
	if (!set_limit(argv[2]))
		return 0;
	setrlimit(RLIMIT_AS, &memory);
	rcu_register_thread();
	offline();
	measure(argv[2]);
}
