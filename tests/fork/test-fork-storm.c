/* SPDX-License-Identifier: MIT */
/*
 * Everything at once while several threads fork, in one flavor or in all four: readers, producers,
 * synchronizers, barriers, polls, deferred calls, tables that resize themselves, workers made and
 * freed, threads that come and go (fork-storm-cases.c). The children use everything, fork three
 * levels deep and leave in every way there is. STORM_FORKS sets how many times the parent forks
 * (default 200).
 *
 * A child that hangs is ended by its alarm, and the stage it was in is reported.
 */
#include <malloc.h>
#include <sys/resource.h>
#include <time.h>

#include "../entries.h"
#include "fork-harness.h"
#include "fork-storm-cases.h"

#define DEEPEST		3
#define FORKS		200
#define FIRST_FORKS	100	/* that make what stays: worker threads, arrays, heaps */
#define HEAP_GROWTH	(256L << 10)
#define RESIDENT_GROWTH	(2L << 20)

struct storm_load *storm_loads;

static int forks, forks_wanted;

/* ---- The forking threads and their children ---- */

enum leaving { BY_EXIT, BY__EXIT, BY_EXEC, BY_ABORT, BY_SIGNAL, WAYS };

struct forker {
	pthread_t thread;
	int number;
};

static void for_each_load(struct storm_load *load, void (*act)(const struct storm_load *load))
{
	for (; load; load = load->next)
		act(load);
}

/* The last flavor's hook first: its callbacks may use the others. */
static void before_fork(const struct storm_load *load)
{
	if (!load)
		return;
	before_fork(load->next);
	load->before_fork();
}

static void after_fork_parent(const struct storm_load *load)
{
	load->after_fork_parent();
}

static void after_fork_child(const struct storm_load *load)
{
	load->after_fork_child();
}

/*
 * Of the flavor whose hook comes first. In a section of another one a thread may wait there for a
 * fork which waits for a callback of that other flavor, which waits for the section: doc/fork.md.
 */
static const struct storm_load *first_hook(void)
{
	const struct storm_load *load = storm_loads;

	while (load->next)
		load = load->next;
	return load;
}

static void queue_some(const struct storm_load *load)
{
	load->queue_some();
}

static void use_by_barrier(const struct storm_load *load)
{
	load->use(true);
}

static void use_by_worker(const struct storm_load *load)
{
	load->use(false);
}

static void end_by(enum leaving way)
{
	switch (way) {
	case BY_EXIT:
		exit(0);
	case BY_EXEC:
		execlp("true", "true", (char *)NULL);
		_exit(127);
	case BY_ABORT:
		signal(SIGABRT, SIG_DFL);
		abort();
	case BY_SIGNAL:
		signal(SIGTERM, SIG_DFL);
		raise(SIGTERM);
		_exit(126);
	default:
		_exit(0);
	}
}

static bool ended_by(enum leaving way, int status)
{
	if (way == BY_ABORT)
		return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
	if (way == BY_SIGNAL)
		return WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
	return status == 0;
}

static void fork_in_storm(int number, int depth);

static void be_child(int number, int depth)
{
	for_each_load(storm_loads, queue_some);
	if (depth < DEEPEST)
		fork_in_storm(number, depth + 1);
	for_each_load(storm_loads, number % 2 ? use_by_barrier : use_by_worker);
	STAGE("leaving");
	end_by((enum leaving)(number % WAYS));
}

static void fork_in_storm(int number, int depth)
{
	bool in_section = number % 8 == 0;
	int status;
	pid_t pid;

	if (in_section)
		first_hook()->begin_section();
	STAGE("before_fork");
	before_fork(storm_loads);
	pid = fork();
	if (pid == 0) {
		alarm(child_limit());
		STAGE("after_fork_child");
	}
	for_each_load(storm_loads, pid == 0 ? after_fork_child : after_fork_parent);
	if (in_section)
		first_hook()->end_section();
	MUST(pid >= 0);
	if (pid == 0)
		be_child(number + depth, depth);
	MUST(waitpid(pid, &status, 0) == pid);
	if (shared->failure[0] || ended_by((enum leaving)((number + depth) % WAYS), status))
		return;
	snprintf(shared->failure, sizeof(shared->failure),
		 "level %d, fork %d: status %#x, last in: %s", depth, number,
		 (unsigned int)status, shared->stage);
}

/* One of them registers for each fork anew. */
static void *fork_on(void *arg)
{
	const struct forker *forker = arg;
	bool entered = false;
	int number;

	while (!shared->failure[0] &&
	       (number = __atomic_fetch_add(&forks, 1, __ATOMIC_RELAXED)) < forks_wanted) {
		for (struct storm_load *load = storm_loads; load && !entered; load = load->next)
			load->enter(forker->number);
		fork_in_storm(number, 1);
		entered = forker->number != 0;
		for (struct storm_load *load = storm_loads; load && !entered; load = load->next)
			load->leave();
	}
	for (struct storm_load *load = storm_loads; load && entered; load = load->next)
		load->leave();
	return NULL;
}

/* ---- The storm ---- */

static void storm(int number)
{
	struct forker forkers[FORKERS];

	forks = 0;
	forks_wanted = number;
	for (struct storm_load *load = storm_loads; load; load = load->next)
		load->start();
	for (int i = 0; i < FORKERS; i++) {
		forkers[i].number = i;
		forkers[i].thread = start_thread(fork_on, &forkers[i]);
	}
	for (int i = 0; i < FORKERS; i++)
		join(forkers[i].thread);
	if (shared->failure[0])
		ck_abort_msg("%s", shared->failure);
	for (struct storm_load *load = storm_loads; load; load = load->next)
		load->stop();
}

/* ---- What stays after it ---- */

struct remains {
	int threads, descriptors;
	long heap, resident;	/* bytes */
};

/* Threads that were joined are gone a moment later. */
static int count_threads(int expected)
{
	int number;

	for (int i = 0; i < 100000; i++) {
		number = count_entries("/proc/self/task");
		MUST(number > 0);
		if (number <= expected)
			break;
		relax();
	}
	return number;
}

static long resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long pages = 0;

	MUST(file && fscanf(file, "%*d %ld", &pages) == 1);
	fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

static struct remains see_remains(int threads)
{
	struct remains remains = {
		.threads = count_threads(threads),
		.descriptors = count_entries("/proc/self/fd") - 1,
	};

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	malloc_trim(0);
	remains.heap = (long)mallinfo2().uordblks;
	remains.resident = resident_bytes();
#endif
	return remains;
}

static int forks_to_do(void)
{
	const char *text = getenv("STORM_FORKS");

	return text && atoi(text) > 0 ? atoi(text) : FORKS;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void tell(const char *when, const struct remains *remains, double began)
{
	printf("# %s, %.0f s: %d threads, %d descriptors, %ld KB in use, %ld KB resident\n", when,
	       now() - began, remains->threads, remains->descriptors, remains->heap >> 10,
	       remains->resident >> 10);
	fflush(stdout);
}

START_TEST(a_storm_of_forks_breaks_nothing_and_leaves_nothing)
{
	const struct rlimit no_core = { 0, 0 };
	int number = forks_to_do(), loads = 0;
	int first = number < 2 * FIRST_FORKS ? number / 2 : FIRST_FORKS;
	struct remains before, after;
	double began = now();

	setrlimit(RLIMIT_CORE, &no_core);
	for (struct storm_load *load = storm_loads; load; load = load->next, loads++)
		load->attach(shared, test_pid);
	storm(first);
	before = see_remains(1 + loads);
	tell("after the first forks", &before, began);
	storm(number - first);
	/* What was deferred by threads that are gone is freed by the worker, soon. */
	for (int tries = 0; tries < 10000; tries++) {
		after = see_remains(before.threads);
		if (after.heap - before.heap < HEAP_GROWTH)
			break;
		relax();
	}
	tell("after all", &after, began);
	ck_assert_int_le(after.threads, before.threads);
	ck_assert_int_eq(after.descriptors, before.descriptors);
	ck_assert_int_lt(after.heap - before.heap, HEAP_GROWTH);
	ck_assert_int_lt(after.resident - before.resident, RESIDENT_GROWTH);
}
END_TEST

/* Of one arena malloc_trim gives all back. */
int main(void)
{
	Suite *suite = suite_create("fork-storm");
	TCase *tcase = add_case(suite, "storm");

#ifdef __GLIBC__
	mallopt(M_ARENA_MAX, 1);
#endif
	tcase_set_timeout(tcase, 60 + forks_to_do());
	tcase_add_test(tcase, a_storm_of_forks_breaks_nothing_and_leaves_nothing);
	return run_suite(suite);
}
