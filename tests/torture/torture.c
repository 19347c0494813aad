/* SPDX-License-Identifier: MIT */
/*
 * torture [-t SECONDS] [-s SEED] [-r READERS] [-w WRITERS] [-x KIND]...
 *
 * Prints one line, and fails if anything did not hold, if a thread hangs, or if something that the
 * run was to do never got done. READERS: threads that only read (4 for each CPU); WRITERS: threads
 * of each other kind (1 for each two CPUs); -x leaves a kind out, by the name that the line has.
 *
 * The first process watches the second, which does it all, and stops and continues it at random.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "torture.h"

#ifdef __cplusplus
#define LANGUAGE "C++"
#else
#define LANGUAGE "C"
#endif

/* A thread that does nothing for so long hangs: many times what the slowest takes. */
#define HANG	40

/* As in enum kind. */
static const char *const names[KINDS] = {
	"reading", "handlers", "synchronize", "call_rcu", "defer", "poll", "barrier", "workers",
	"table", "births", "signals", "stalls", "affinity", "priorities", "stops",
};

struct board *board;
struct options options;
__thread struct self me;

/* ---- For all threads ---- */

uint32_t pick(uint32_t range)
{
	static uint32_t threads;	/* atomically */

	if (!me.random)
		me.random = (options.seed + raise_by(threads, 1)) * 0x9e3779b9U | 1;
	me.random ^= me.random << 13;
	me.random ^= me.random >> 17;
	me.random ^= me.random << 5;
	return (uint32_t)(((uint64_t)me.random * range) >> 32);
}

void sleep_below(uint32_t ns)
{
	struct timespec time = { 0, (long)pick(ns) };

	nanosleep(&time, NULL);
}

void disorder(void)
{
	uint32_t number = pick(200);

	if (number < 8)
		sched_yield();
	else if (number == 8)
		sleep_below(1000000);
	else if (number < 20)
		for (uint32_t i = pick(500); i; i--)
			caa_cpu_relax();
}

void stage(const char *what)
{
	if (me.post)
		put(me.post->stage, what);
}

void done(enum kind kind)
{
	raise_by(board->done[kind], 1);
	if (me.post)
		put(me.post->steps, me.post->steps + 1);
}

/* The other threads go on until the process has ended; the first failure is told. */
void fail(const char *format, ...)
{
	va_list args;

	if (raise_by(board->failed, 1) == 1) {
		va_start(args, format);
		vsnprintf(board->failure, sizeof(board->failure), format, args);
		va_end(args);
		_exit(1);
	}
	for (;;)
		pause();
}

pthread_t start_thread(void *(*work)(void *arg), void *arg)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 1 << 18);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	must(pthread_create(&thread, &attr, work, arg) == 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return thread;
}

/* ---- The process that does it ---- */

static int torture(void)
{
	me.post = &board->posts[raise_by(board->used, 1) - 1];
	me.post->kind = KINDS;
	stage("beginning");
	put(me.post->taken, true);
	disturbances_begin();
	objects_begin();
	start_actors();
	start_disturbances();
	stage("joining the others");
	join_actors();
	join_disturbances();
	actors_end();
	objects_end();
	stage("exit");
	return 0;
}

/* ---- The process that watches ---- */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Return whether a thread has taken no step for too long; the first one has only to end. */
static bool hangs(uint64_t now)
{
	static unsigned long steps[POSTS];
	static uint64_t since[POSTS];
	bool over = get(board->over), any = false;

	for (unsigned int i = get(board->used); i--;) {
		struct post *post = &board->posts[i];
		unsigned long seen = get(post->steps);

		if (!since[i] || seen != steps[i] || (i == 0 && !over))
			since[i] = now;
		steps[i] = seen;
		if (!get(post->taken) || now - since[i] < HANG * 1000)
			continue;
		any = true;
		printf("# %s hangs: %s\n", i ? names[post->kind] : "the first thread",
		       get(post->stage));
	}
	return any;
}

static void nothing(int number)
{
	(void)number;
}

/* Wait up to so many ms for the process to end. */
static bool ends(pid_t pid, uint32_t ms, int *status)
{
	struct timespec time = { 0, (long)(1 + pick(ms)) * 1000000 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigtimedwait(&set, NULL, &time);
	return waitpid(pid, status, WNOHANG) == pid;
}

static const char *watch(pid_t pid)
{
	static char why[64];
	uint64_t end = now_ms() + 1000ULL * options.seconds;
	int status = 0;

	while (!ends(pid, 50, &status)) {
		if (now_ms() >= end)
			put(board->over, true);
		if (options.allowed[STOPS] && !get(board->over)) {
			kill(pid, SIGSTOP);
			if (ends(pid, 20, &status))
				break;
			kill(pid, SIGCONT);
			done(STOPS);
		}
		if (hangs(now_ms())) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return "a thread hangs";
		}
	}
	if (board->failure[0])
		return board->failure;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return NULL;
	if (WIFSIGNALED(status))
		snprintf(why, sizeof(why), "ended by %s", strsignal(WTERMSIG(status)));
	else
		snprintf(why, sizeof(why), "ended with status %d", WEXITSTATUS(status));
	return why;
}

/* Everything allowed has been done. */
static const char *idle_kind(void)
{
	for (unsigned int kind = 0; kind < KINDS; kind++)
		if (options.allowed[kind] && !board->done[kind])
			return names[kind];
	return NULL;
}

static int account(const char *why, char **arguments)
{
	const char *idle = idle_kind();

	printf("%s, %s, %u s, seed %u, %u readers, %u writers of each kind: ", FLAVOR, LANGUAGE,
	       options.seconds, options.seed, options.readers, options.writers);
	if (why || idle) {
		printf("FAILED: %s%s\n# again: ", why ? why : "nothing was done by ", why ? "" : idle);
		printf("%s -s %u", *arguments++, options.seed);
		while (*arguments)
			printf(" %s", *arguments++);
		printf("\n");
		return 1;
	}
	printf("ok:");
	for (unsigned int kind = 0; kind < KINDS; kind++)
		if (options.allowed[kind])
			printf(" %s %lu", names[kind], board->done[kind]);
	printf("\n");
	return 0;
}

/* ---- Options ---- */

static bool leave_out(const char *name)
{
	for (unsigned int kind = 0; kind < KINDS; kind++)
		if (strcmp(names[kind], name) == 0) {
			options.allowed[kind] = false;
			if (kind == SIGNALS)
				options.allowed[STALLS] = options.allowed[READING_IN_HANDLERS] = false;
			return true;
		}
	return false;
}

static bool parse(int argc, char **argv)
{
	unsigned int cpus = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	int option;

	options.seconds = 5;
	options.seed = (unsigned int)time(NULL) % 1000000;
	options.readers = 4 * cpus < 64 ? 4 * cpus : 64;
	options.writers = cpus < 32 ? (cpus + 1) / 2 : 16;
	memset(options.allowed, true, sizeof(options.allowed));
	while ((option = getopt(argc, argv, "t:s:r:w:x:")) != -1) {
		unsigned int number = optarg ? (unsigned int)strtoul(optarg, NULL, 10) : 0;

		if (option == 't')
			options.seconds = number;
		else if (option == 's')
			options.seed = number;
		else if (option == 'r')
			options.readers = number;
		else if (option == 'w')
			options.writers = number;
		else if (option != 'x' || !leave_out(optarg))
			return false;
	}
	return options.readers + 16 * options.writers < POSTS;
}

int main(int argc, char **argv)
{
	void *memory = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);
	struct sigaction action;
	char seed[16];
	sigset_t set;
	pid_t pid;

	if (memory == MAP_FAILED || !parse(argc, argv)) {
		fprintf(stderr, "usage: torture [-t SECONDS] [-s SEED] [-r READERS] [-w WRITERS] "
			"[-x KIND]...\n");
		return 2;
	}
	board = (struct board *)memory;
	snprintf(seed, sizeof(seed), "%u", options.seed);
	setenv("URCU_DELAY_SEED", seed, 0);
	memset(&action, 0, sizeof(action));
	action.sa_handler = nothing;
	action.sa_flags = SA_NOCLDSTOP;
	sigaction(SIGCHLD, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	call_rcu_before_fork();
	pid = fork();
	if (pid == 0) {
		call_rcu_after_fork_child();
		return torture();
	}
	call_rcu_after_fork_parent();
	return pid < 0 ? 2 : account(watch(pid), argv);
}
