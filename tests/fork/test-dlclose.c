/* SPDX-License-Identifier: MIT */
/*
 * The exit contract where the process goes on: each library is opened, used by several threads that
 * are joined, and closed, over and over; nothing of it stays (doc/design/exit.md). For all flavors
 * at once: this program is linked with none, and finds them in the directory LIBRARIES of the
 * environment, or where the dynamic linker looks.
 */
#include <check.h>
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <urcu/call-rcu.h>

#include "../entries.h"
#include "../limits.h"
#include "../suite.h"

static const char *const flavors[] = { "mb", "memb", "bp", "qsbr" };

#define FLAVORS	((int)(sizeof(flavors) / sizeof(flavors[0])))
#define ROUNDS	50
#define WARM_UP	10
#define THREADS	40	/* more than registry and arena hold without mapping memory */

/* A library and the functions of it that a round needs. */
static struct library {
	void *handle;
	void (*register_thread)(void), (*unregister_thread)(void);
	void (*read_lock)(void), (*read_unlock)(void), (*synchronize_rcu)(void), (*barrier)(void);
	void (*call_rcu)(struct rcu_head *head, void (*func)(struct rcu_head *head));
	struct call_rcu_data *(*create_call_rcu_data)(unsigned long flags, int cpu);
	void (*call_rcu_data_free)(struct call_rcu_data *worker);
	void (*set_thread_call_rcu_data)(struct call_rcu_data *worker);
	int (*create_all_cpu_call_rcu_data)(unsigned long flags);
	void (*free_all_cpu_call_rcu_data)(void);
	void (*rcu_barrier)(void);
	void (*thread_offline)(void);	/* qsbr's alone */
	void (*call_rcu_before_fork)(void), (*call_rcu_after_fork_parent)(void);
	void (*call_rcu_after_fork_child)(void);
} library;

static void find(const char *flavor, const char *name, void *function)
{
	char symbol[64];
	void *found;

	snprintf(symbol, sizeof(symbol), "urcu_%s_%s", flavor, name);
	found = dlsym(library.handle, symbol);
	ck_assert_msg(found, "%s", dlerror());
	memcpy(function, &found, sizeof(found));
}

#define FIND(name) find(flavor, #name, &library.name)

static void open_library(const char *flavor)
{
	const char *directory = getenv("LIBRARIES");
	char path[4096];

	snprintf(path, sizeof(path), "%s%sliburcu-%s.so.8", directory ? directory : "",
		 directory ? "/" : "", flavor);
	library.handle = dlopen(path, RTLD_NOW);
	ck_assert_msg(library.handle, "%s", dlerror());
	FIND(register_thread);
	library.unregister_thread = library.thread_offline = NULL;
	if (strcmp(flavor, "bp") != 0)
		FIND(unregister_thread);
	if (strcmp(flavor, "qsbr") == 0)
		FIND(thread_offline);
	FIND(read_lock);
	FIND(read_unlock);
	FIND(synchronize_rcu);
	FIND(barrier);
	FIND(call_rcu);
	find(flavor, "barrier", &library.rcu_barrier);
	FIND(create_call_rcu_data);
	FIND(call_rcu_data_free);
	FIND(set_thread_call_rcu_data);
	FIND(create_all_cpu_call_rcu_data);
	FIND(free_all_cpu_call_rcu_data);
	FIND(call_rcu_before_fork);
	FIND(call_rcu_after_fork_parent);
	FIND(call_rcu_after_fork_child);
}

/* ---- What is there ---- */

static bool is_mapped(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[4352];
	bool mapped = false;

	ck_assert(file);
	while (!mapped && fgets(line, sizeof(line), file))
		mapped = strstr(line, "liburcu-");
	fclose(file);
	return mapped;
}

/* In pages. Not those of a sanitizer, which go with neither threads nor libraries. */
static long address_space(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return 0;
#else
	FILE *file = fopen("/proc/self/statm", "re");
	long pages;

	ck_assert(file && fscanf(file, "%ld", &pages) == 1);
	fclose(file);
	return pages;
#endif
}

static long heap(void)
{
#ifdef __GLIBC__
	return (long)mallinfo2().uordblks;
#else
	return 0;
#endif
}

static int count_threads(void)
{
	int threads = count_entries("/proc/self/task");

	ck_assert_int_gt(threads, 0);
	return threads;
}

static void *tell_id(void *id)
{
	*(long *)id = syscall(SYS_gettid);
	return NULL;
}

/* Those that are there without a library: a sanitizer has its own, from the first thread on. */
static int own_threads;

/* A thread that was joined may be listed a moment longer. */
static void pause_once(uint64_t *since, const char *until)
{
	if (waited_too_long(since))
		ck_abort_msg("waited in vain until %s", until);
	usleep(20);
}

static void count_own_threads(void)
{
	pthread_t thread;
	uint64_t since = 0;
	char path[64];
	long id = 0;

	ck_assert_int_eq(pthread_create(&thread, NULL, tell_id, &id), 0);
	pthread_join(thread, NULL);
	snprintf(path, sizeof(path), "/proc/self/task/%ld", id);
	while (access(path, F_OK) == 0)
		pause_once(&since, "a thread that was joined is gone");
	own_threads = count_threads();
}

/* ---- A round ---- */

static int runs;
static pthread_barrier_t meet;

static void count_and_free(struct rcu_head *head)
{
	__atomic_fetch_add(&runs, 1, __ATOMIC_RELAXED);
	free(head);
}

static void queue_some(int number)
{
	for (int i = 0; i < number; i++) {
		struct rcu_head *head = malloc(sizeof(*head));

		ck_assert(head);
		library.call_rcu(head, count_and_free);
	}
}

static void *use(void *worker)
{
	library.register_thread();
	library.read_lock();
	library.read_unlock();
	if (library.thread_offline)
		library.thread_offline();
	pthread_barrier_wait(&meet);
	queue_some(10);
	library.set_thread_call_rcu_data(worker);
	queue_some(10);
	library.set_thread_call_rcu_data(NULL);
	library.synchronize_rcu();
	if (library.unregister_thread)
		library.unregister_thread();
	return NULL;
}

static void use_in_threads(struct call_rcu_data *worker)
{
	pthread_t threads[THREADS];

	pthread_barrier_init(&meet, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, use, worker), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&meet);
}

static void close_library(void)
{
	uint64_t since = 0;

	ck_assert_int_eq(dlclose(library.handle), 0);
	while (count_threads() > own_threads)
		pause_once(&since, "the library's threads are gone");
	ck_assert(!is_mapped());
}

/* Callbacks are still queued when the library is closed: that runs them. */
static void do_round(const char *flavor, bool keep_workers)
{
	struct call_rcu_data *worker;

	runs = 0;
	open_library(flavor);
	worker = library.create_call_rcu_data(0, -1);
	ck_assert(worker);
	ck_assert_int_eq(library.create_all_cpu_call_rcu_data(0), 0);
	use_in_threads(worker);
	if (!keep_workers) {
		library.free_all_cpu_call_rcu_data();
		library.call_rcu_data_free(worker);
	}
	close_library();
	ck_assert_int_eq(runs, 20 * THREADS);
}

static void must_not_grow(const char *flavor, bool keep_workers)
{
	long pages, bytes;
	int fds;

	setenv("URCU_EXIT_TIMEOUT", "60000", 1);
	for (int i = 0; i < WARM_UP; i++)
		do_round(flavor, keep_workers);
	pages = address_space();
	bytes = heap();
	fds = count_entries("/proc/self/fd");
	ck_assert_int_gt(fds, 0);
	for (int i = 0; i < ROUNDS; i++)
		do_round(flavor, keep_workers);
	ck_assert_int_eq(count_entries("/proc/self/fd"), fds);
	/* Less than a worker, or a page, each round; the heap's caches of freed memory vary. */
	ck_assert_int_lt(heap() - bytes, 512 * ROUNDS);
	ck_assert_int_lt(address_space() - pages, ROUNDS);
}

START_TEST(fifty_rounds_leave_no_thread_no_mapping_no_descriptor_no_memory)
{
	must_not_grow(flavors[_i], false);
}
END_TEST

START_TEST(nor_do_workers_that_the_program_never_freed)
{
	must_not_grow(flavors[_i], true);
}
END_TEST

/* ---- With a thread that has ended, but is listed for as long as its tracer has not noticed ---- */

static pid_t traced;

static void *be_traced(void *unused)
{
	__atomic_store_n(&traced, (pid_t)syscall(SYS_gettid), __ATOMIC_RELAXED);
	pthread_barrier_wait(&meet);	/* its number is known */
	pthread_barrier_wait(&meet);	/* it is traced */
	return unused;
}

/* When told to by a byte, which it answers. */
static void trace(int socket)
{
	char go;

	if (read(socket, &go, 1) == 1) {
		go = ptrace(PTRACE_SEIZE, traced, 0, 0) == 0;
		if (write(socket, &go, 1) == 1)
			pause();
	}
	_exit(1);
}

/* A thread is made, traced, ended and joined. Returns its tracer, or 0 where nobody may trace. */
static pid_t make_listed_thread(void)
{
	pthread_t thread;
	int sockets[2];
	char go = 1;
	pid_t tracer;

	pthread_barrier_init(&meet, NULL, 2);
	ck_assert_int_eq(pthread_create(&thread, NULL, be_traced, NULL), 0);
	pthread_barrier_wait(&meet);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	tracer = fork();
	if (tracer == 0)
		trace(sockets[1]);
	prctl(PR_SET_PTRACER, tracer);
	ck_assert(write(sockets[0], &go, 1) == 1 && read(sockets[0], &go, 1) == 1);
	pthread_barrier_wait(&meet);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&meet);
	close(sockets[0]);
	close(sockets[1]);
	return go ? tracer : 0;
}

START_TEST(nor_if_a_thread_that_has_ended_is_still_listed)
{
	pid_t tracer = make_listed_thread();

	if (!tracer)
		return;
	count_own_threads();
	ck_assert_int_ge(own_threads, 2);
	must_not_grow(flavors[_i], true);
	kill(tracer, SIGKILL);
	waitpid(tracer, NULL, 0);
}
END_TEST

/* ---- In a forked child ---- */

static void close_in_child(const char *flavor)
{
	alarm(20 * patience());
	close_library();
	do_round(flavor, true);
	_exit(runs == 20 * THREADS ? 0 : 1);
}

static void requeue(struct rcu_head *head)
{
	__atomic_fetch_add(&runs, 1, __ATOMIC_RELAXED);
	library.call_rcu(head, requeue);
}

/* Each barrier, and that of dlclose, is worth one callback of the chain. */
START_TEST(a_callback_that_queues_itself_for_ever_ends_with_it)
{
	static struct rcu_head head;

	setenv("URCU_EXIT_TIMEOUT", "60000", 1);
	for (int i = 0; i < 5; i++) {
		runs = 0;
		open_library(flavors[_i]);
		library.call_rcu(&head, requeue);
		for (int barriers = 1; barriers < 10; barriers++)
			library.rcu_barrier();
		close_library();
		ck_assert_int_ge(runs, 10);
	}
}
END_TEST

START_TEST(a_forked_child_may_close_it_as_well)
{
	int status;
	pid_t pid;

	signal(SIGALRM, SIG_DFL);
	setenv("URCU_EXIT_TIMEOUT", "60000", 1);
	open_library(flavors[_i]);
	use_in_threads(NULL);
	library.call_rcu_before_fork();
	pid = fork();
	if (pid == 0) {
		library.call_rcu_after_fork_child();
		close_in_child(flavors[_i]);
	}
	library.call_rcu_after_fork_parent();
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	close_library();
	ck_assert_int_eq(runs, 20 * THREADS);
}
END_TEST

/* Nobody can call the hook any more, and no thread may stay behind. */
START_TEST(dlclose_between_the_hooks_does_what_the_hook_would)
{
	setenv("URCU_EXIT_TIMEOUT", "60000", 1);
	setenv("URCU_REPORT", "none", 1);
	open_library(flavors[_i]);
	use_in_threads(NULL);
	library.call_rcu_before_fork();
	close_library();
	ck_assert_int_eq(runs, 20 * THREADS);
}
END_TEST

/* The program knows of no hooks; the child's only thread ends after the library is gone. */
static void *fork_and_close(void *arg)
{
	pid_t *pid = arg;

	library.register_thread();
	library.read_lock();
	library.read_unlock();
	*pid = fork();
	if (*pid)
		return NULL;
	alarm(20);
	dlclose(library.handle);
	return NULL;
}

START_TEST(a_child_without_hooks_may_close_it_and_end)
{
	pthread_t thread;
	int status;
	pid_t pid;

	signal(SIGALRM, SIG_DFL);
	open_library(flavors[_i]);
	ck_assert_int_eq(pthread_create(&thread, NULL, fork_and_close, &pid), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* ---- Beside forks of a program that uses another library ---- */

static int stop;

static void *open_and_close(void *flavor)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		runs = 0;
		open_library(flavor);
		use_in_threads(NULL);
		ck_assert_int_eq(dlclose(library.handle), 0);
		ck_assert_int_eq(runs, 20 * THREADS);
	}
	return NULL;
}

static int other_runs;

static void count_other(struct rcu_head *head)
{
	(void)head;
	__atomic_fetch_add(&other_runs, 1, __ATOMIC_RELAXED);
}

/*
 * Whatever the thread that opens and closes was in the middle of: it may be in ck_assert, so that the
 * child must not.
 */
static bool use_other(const struct library *other)
{
	struct rcu_head heads[3];

	other_runs = 0;
	for (int i = 0; i < 3; i++)
		other->call_rcu(&heads[i], count_other);
	other->barrier();
	other->synchronize_rcu();
	return other_runs == 3;
}

static void fork_beside(const struct library *other)
{
	int status;
	pid_t pid;

	other->call_rcu_before_fork();
	pid = fork();
	if (pid == 0) {
		alarm(20 * patience());
		other->call_rcu_after_fork_child();
		_exit(use_other(other) ? 0 : 1);
	}
	other->call_rcu_after_fork_parent();
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert(use_other(other));
}

START_TEST(another_thread_may_be_in_dlclose_at_a_fork)
{
	const char *closed = flavors[(_i + 1) % FLAVORS];
	struct library other;
	pthread_t thread;

	signal(SIGALRM, SIG_DFL);
	setenv("URCU_EXIT_TIMEOUT", "60000", 1);
	open_library(flavors[_i]);
	other = library;
	ck_assert_int_eq(pthread_create(&thread, NULL, open_and_close, (void *)closed), 0);
	for (int i = 0; i < 50; i++)
		fork_beside(&other);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	library = other;
	close_library();
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, count_own_threads, NULL);
	suite_add_tcase(suite, tcase);
	return tcase;
}

static Suite *suite(void)
{
	Suite *suite = suite_create("dlclose");
	TCase *tcase = add_case(suite, "closed");

	tcase_add_loop_test(tcase,
		fifty_rounds_leave_no_thread_no_mapping_no_descriptor_no_memory, 0, FLAVORS);
	tcase_add_loop_test(tcase, nor_do_workers_that_the_program_never_freed, 0, FLAVORS);
	tcase_add_loop_test(tcase, nor_if_a_thread_that_has_ended_is_still_listed, 0, FLAVORS);
	tcase_add_loop_test(tcase, a_callback_that_queues_itself_for_ever_ends_with_it, 0, FLAVORS);
	/* Tags: tests/sanitize/sanitize.sh. */
	tcase = add_case(suite, "forks");
	tcase_set_tags(tcase, "forks");
	tcase_add_loop_test(tcase, a_forked_child_may_close_it_as_well, 0, FLAVORS);
	tcase_add_loop_test(tcase, a_child_without_hooks_may_close_it_and_end, 0, FLAVORS);
	tcase_add_loop_test(tcase, dlclose_between_the_hooks_does_what_the_hook_would, 0, FLAVORS);
	tcase = add_case(suite, "forks beside malloc");
	tcase_set_tags(tcase, "forks forks-beside-malloc");
	tcase_add_loop_test(tcase, another_thread_may_be_in_dlclose_at_a_fork, 0, FLAVORS);
	return suite;
}

int main(void)
{
	/* One arena: how many malloc makes for threads is chance, and each takes address space. */
	mallopt(M_ARENA_MAX, 1);
	return run_forked_suite(suite());
}
