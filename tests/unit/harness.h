/* SPDX-License-Identifier: MIT */
/*
 * What the tests of readers, grace periods and call_rcu share. A test is compiled once per flavor:
 * nothing defined: memb; RCU_MB: mb; TEST_BP: bp; TEST_QSBR: qsbr (tests/sections.h: its sections).
 * Nothing here sleeps to order things: threads meet at barriers and semaphores, or look at the
 * grace-period number.
 */
#pragma once

#include <check.h>
#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(TEST_BP)
#define FLAVOR "bp"
#include <urcu-bp.h>
#elif defined(TEST_QSBR)
#define FLAVOR "qsbr"
#include <urcu-qsbr.h>
#elif defined(RCU_MB)
#define FLAVOR "mb"
#include <urcu.h>
#else
#define FLAVOR "memb"
#include <urcu.h>
#endif

#include "../entries.h"
#include "../limits.h"
#include "../sections.h"
#include "../suite.h"

/*
 * Where long has 32 bits a grace period has two passes (src/grace/lead.c): it may wait for sections that
 * began after the call, and in qsbr for two announcements of a thread.
 */
#define ONE_PASS		(sizeof(long) == 8)
#define ONE_ANNOUNCEMENT	(ONE_PASS || strcmp(FLAVOR, "qsbr") != 0)

/* With clang, tests/sanitize/sanitize.sh defines them. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SLOW_BUILD 1
#else
#define SLOW_BUILD 0
#endif

/* An assertion for any thread and for hot loops: Check's own write to a pipe each time. */
#define want(cond)								\
	do {									\
		if (!(cond))							\
			ck_abort_msg("not so: %s", #cond);			\
	} while (0)

#define get(x)		__atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define put(x, value)	__atomic_store_n(&(x), (value), __ATOMIC_RELEASE)
#define raise_by(x, n)	__atomic_add_fetch(&(x), (n), __ATOMIC_ACQ_REL)

/* ---- Threads ---- */

#define TEAM_MAX 512

struct team {
	pthread_t thread[TEAM_MAX];
	unsigned int size;
};

static inline pthread_t start(void *(*work)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, SLOW_BUILD ? 1 << 20 : 1 << 17);
	want(pthread_create(&thread, &attr, work, arg) == 0);
	pthread_attr_destroy(&attr);
	return thread;
}

static inline void team_add(struct team *team, unsigned int count, void *(*work)(void *), void *arg)
{
	want(team->size + count <= TEAM_MAX);
	while (count--)
		team->thread[team->size++] = start(work, arg);
}

static inline void team_join(struct team *team)
{
	while (team->size)
		want(pthread_join(team->thread[--team->size], NULL) == 0);
}

/* ---- Handshakes ---- */

static inline void await(sem_t *semaphore)
{
	while (sem_wait(semaphore))
		want(errno == EINTR);
}

/* Let others run until cond holds, which another thread is bound to make true. */
#define await_that(cond)							\
	do {									\
		uint64_t since_ = 0;						\
										\
		while (!(cond)) {						\
			if (waited_too_long(&since_))				\
				ck_abort_msg("waited in vain: %s", #cond);	\
			sched_yield();						\
		}								\
	} while (0)

static inline uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Changes with each grace period that has anybody to wait for. */
static inline unsigned long gp_number(void)
{
	return __atomic_load_n(&rcu_gp.ctr, __ATOMIC_ACQUIRE);
}

/* Wait until a grace period has begun since gp_number returned before. */
static inline void await_gp_since(unsigned long before)
{
	await_that(gp_number() != before);
}

/* A thread's own cheap random numbers (xorshift). */
static inline unsigned int pick(unsigned int *state, unsigned int range)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state % range;
}

/* ---- What grace periods are for: an object is dead once nobody can hold it ---- */

enum { LIVE = 1, DEAD = 2 };

struct object {
	int state;
};

/* Where readers find the current object. One writer at a time. */
struct place {
	struct object room[2];
	struct object *current;
};

static inline void place_init(struct place *place)
{
	place->room[0].state = LIVE;
	place->room[1].state = DEAD;
	place->current = &place->room[0];
}

static inline void replace(struct place *place)
{
	struct object *old = place->current, *fresh = &place->room[old == place->room];

	fresh->state = LIVE;
	rcu_assign_pointer(place->current, fresh);
	synchronize_rcu();
	old->state = DEAD;
}

static inline void hold_for(unsigned int pauses)
{
	while (pauses--)
		caa_cpu_relax();
}

static inline void visit(struct place *place, unsigned int pauses)
{
	const struct object *object;

	rcu_read_lock();
	object = rcu_dereference(place->current);
	want(object->state == LIVE);
	hold_for(pauses);
	if (pauses % 32 == 31)
		sched_yield();
	want(object->state == LIVE);
	rcu_read_unlock();
}

/* Readers who visit all places, and writers who replace what is in one each, until told to stop. */
#define PLACES 16

struct stress {
	struct place place[PLACES];
	struct team team;
	unsigned int started, writers, numbers;	/* writers: that have something in place */
	unsigned long replaced, visited;
	bool over;
};

static inline void *stress_reader(void *arg)
{
	struct stress *s = arg;
	unsigned int random = 0x9e3779b9u * (raise_by(s->numbers, 1) + 1);
	unsigned long visited = 0;

	rcu_register_thread();
	rcu_thread_online();
	do {
		visit(&s->place[pick(&random, s->writers)], pick(&random, 200));
		visited++;
	} while (!get(s->over));
	rcu_unregister_thread();
	raise_by(s->visited, visited);
	return NULL;
}

static inline void *stress_writer(void *arg)
{
	struct stress *s = arg;
	struct place *mine = &s->place[raise_by(s->started, 1) - 1];
	unsigned long replaced = 0;

	place_init(mine);
	raise_by(s->writers, 1);
	do {
		replace(mine);
		replaced++;
	} while (!get(s->over));
	raise_by(s->replaced, replaced);
	return NULL;
}

static inline void stress_begin(struct stress *s, unsigned int readers, unsigned int writers)
{
	want(writers <= PLACES);
	memset(s, 0, sizeof(*s));
	team_add(&s->team, writers, stress_writer, s);
	await_that(get(s->writers) == writers);
	team_add(&s->team, readers, stress_reader, s);
}

static inline void stress_go_on(unsigned int ms)
{
	usleep(1000 * ms);
}

static inline void stress_end(struct stress *s)
{
	put(s->over, true);
	team_join(&s->team);
	want(s->replaced > 0 && s->visited > 0);
}

/* ---- A section that begins while stores are held up ---- */

/*
 * Processors let a section's loads pass the store that opens it; barriers at either side must keep
 * a grace period from missing such a section. What makes that rare case common: before the section
 * the reader stores to lines that the writer has just taken away, so that the opening store waits
 * in line for them. How many delay it best depends on the machine.
 */
#define LINES_HELD 55

struct hiding {
	struct place place;
	struct {
		unsigned long word __attribute__((aligned(128)));
	} line[LINES_HELD];
	bool over;
};

static inline void store_to_lines(struct hiding *hiding, unsigned long value)
{
	unsigned int count = 10 + value % (LINES_HELD - 10);

	for (unsigned int i = 0; i < count; i++)
		__atomic_store_n(&hiding->line[i].word, value, __ATOMIC_RELAXED);
}

static inline void *hide(void *arg)
{
	struct hiding *hiding = arg;

	rcu_register_thread();
	rcu_thread_online();
	for (unsigned long n = 0; !get(hiding->over); n++) {
		const struct object *object;

		store_to_lines(hiding, n);
		rcu_read_lock();
		object = rcu_dereference(hiding->place.current);
		for (unsigned int i = 0; i < 200; i++)
			want(__atomic_load_n(&object->state, __ATOMIC_RELAXED) == LIVE);
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	return NULL;
}

static inline void check_that_no_section_hides(unsigned int ms)
{
	static struct hiding hiding;
	pthread_t reader;

	place_init(&hiding.place);
	reader = start(hide, &hiding);
	for (uint64_t until = now_us() + 1000 * ms, n = 0; now_us() < until; n++) {
		store_to_lines(&hiding, n);
		replace(&hiding.place);
	}
	put(hiding.over, true);
	pthread_join(reader, NULL);
}

/* ---- Callbacks that are counted ---- */

struct tally {
	unsigned long queued, ran;
};

struct job {
	struct rcu_head head;
	struct tally *tally;
	bool queued;
};

static inline void job_run(struct rcu_head *head)
{
	struct job *job = caa_container_of(head, struct job, head);
	struct tally *tally = job->tally;

	want(job->queued);
	job->queued = false;
	free(job);
	raise_by(tally->ran, 1);
}

static inline void queue_jobs(struct tally *tally, unsigned int count)
{
	raise_by(tally->queued, count);
	while (count--) {
		struct job *job = malloc(sizeof(*job));

		want(job);
		job->tally = tally;
		job->queued = true;
		call_rcu(&job->head, job_run);
	}
}

/* After an rcu_barrier, with nobody queueing any more. */
static inline void all_ran_once(struct tally *tally)
{
	want(get(tally->ran) == get(tally->queued) && get(tally->ran) > 0);
}

/*
 * That a round trip is quick (less than limit_us) time after time. A busy machine makes many slow, and
 * then most of them; a worker that waits for more work between two makes every second slow at least.
 */
#define QUICK_IN_A_ROW 5

static inline void check_that_trips_are_quick(void (*trip)(void *arg), void *arg, uint64_t limit_us)
{
	unsigned int row = 0;

	for (unsigned int i = 0; i < 60 * patience() && row < QUICK_IN_A_ROW; i++) {
		uint64_t began = now_us();

		trip(arg);
		row = now_us() - began < limit_us ? row + 1 : 0;
	}
	want(row == QUICK_IN_A_ROW);
}

/* Run func in the calling thread's worker and wait until it has. */
struct errand {
	struct rcu_head head;
	void (*func)(void *arg);
	void *arg;
	sem_t done;
};

static inline void errand_run(struct rcu_head *head)
{
	struct errand *errand = caa_container_of(head, struct errand, head);

	errand->func(errand->arg);
	sem_post(&errand->done);
}

static inline void in_callback(void (*func)(void *arg), void *arg)
{
	struct errand errand = { .func = func, .arg = arg };

	sem_init(&errand.done, 0, 0);
	call_rcu(&errand.head, errand_run);
	await(&errand.done);
	rcu_barrier();
	sem_destroy(&errand.done);
}

/* ---- Threads as the kernel has them ---- */

static inline void thread_name(char name[16])
{
	want(prctl(PR_GET_NAME, name, 0, 0, 0) == 0);
}

static unsigned int emulators_threads;	/* qemu-user has one, before the program makes any */

/* How many threads this process has. One that was joined may be listed for a moment longer. */
static inline unsigned int thread_count(void)
{
	int threads = count_entries("/proc/self/task");

	want(threads > 0);
	return (unsigned int)threads - emulators_threads;
}

/* ThreadSanitizer has one or two of its own, once the test has made one: there it is not looked at. */
#ifdef __SANITIZE_THREAD__
#define thread_count_is(count)	((count) > 0)
#else
#define thread_count_is(count)	(thread_count() == (count))
#endif

/* Whether a thread of this process sleeps, as the kernel says. */
static inline bool sleeps(pid_t thread)
{
	char path[64], text[256] = "", *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)thread);
	file = fopen(path, "r");
	want(file && fgets(text, sizeof(text), file) && (end = strrchr(text, ')')));
	fclose(file);
	return end[2] == 'S';
}

static inline void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	want(pthread_setaffinity_np(pthread_self(), sizeof(set), &set) == 0);
}

/* One that this process may run on; there are fewer than the machine may have. */
static inline int usable_cpu(unsigned int number)
{
	cpu_set_t set;
	int cpu = -1;

	want(sched_getaffinity(getpid(), sizeof(set), &set) == 0);
	for (number = number % (unsigned int)CPU_COUNT(&set) + 1; number; number--)
		for (cpu++; !CPU_ISSET((size_t)cpu, &set); cpu++)
			continue;
	return cpu;
}

/* ---- A kernel that refuses ---- */

/*
 * Let the kernel answer system call number by action, where the low half of its argument arg is value (arg
 * negative: always). flags: 0, or SECCOMP_FILTER_FLAG_TSYNC for all threads.
 */
static inline void answer_call(int number, int arg, unsigned int value, unsigned int action,
			       unsigned int flags)
{
	unsigned int low = offsetof(struct seccomp_data, args) +
			   8u * (unsigned int)(arg < 0 ? 0 : arg) +
			   4u * (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)number, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, arg < 0 ? 0 : 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	want(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	want(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0);
}

/* The same: it fails with error. */
static inline void refuse(int number, int arg, unsigned int value, int error, unsigned int flags)
{
	answer_call(number, arg, value, SECCOMP_RET_ERRNO | (unsigned int)error, flags);
}

/* It sends SIGSYS to the calling thread, which made it. */
static inline void trap(int number)
{
	answer_call(number, -1, 0, SECCOMP_RET_TRAP, 0);
}

/* What mmap calls on 32-bit machines. */
#ifndef SYS_mmap2
#define SYS_mmap2 SYS_mmap
#endif

/* No mapping of a page, so that a registry cannot grow. False: sanitizers cannot live so. */
static inline bool refuse_pages(void)
{
#if SLOW_BUILD
	return false;
#else
	refuse(SYS_mmap2, 1, (unsigned int)sysconf(_SC_PAGESIZE), ENOMEM, 0);
	return true;
#endif
}

/* ---- stderr ---- */

/* From here on stderr goes to a file in memory; returns its descriptor. */
static inline int capture_stderr(void)
{
	int file = memfd_create("stderr", 0);

	want(file >= 0 && dup2(file, STDERR_FILENO) >= 0);
	setenv("URCU_REPORT", "2", 1);	/* whatever it is */
	put_off_stall_reports();
	return file;
}

/* What was written until now. */
static inline const char *captured(int file)
{
	static char text[4096];
	ssize_t length = pread(file, text, sizeof(text) - 1, 0);

	text[length < 0 ? 0 : length] = '\0';
	return text;
}

static inline unsigned int lines_of(const char *text)
{
	unsigned int lines = 0;

	while ((text = strchr(text, '\n'))) {
		lines++;
		text++;
	}
	return lines;
}

/* ---- Running ---- */

/* RLIMIT_NPROC binds nobody who is privileged; lowering the soft limit is not for ever. */
static inline void allow_threads(bool allow)
{
	struct rlimit limit;

	if (geteuid() == 0)
		want(setresuid(60000, 60000, 60000) == 0);
	want(getrlimit(RLIMIT_NPROC, &limit) == 0);
	limit.rlim_cur = allow ? limit.rlim_max : 0;
	want(setrlimit(RLIMIT_NPROC, &limit) == 0);
}

static inline TCase *add_case(Suite *suite, const char *name, double timeout)
{
	return add_timed_case(suite, name, SLOW_BUILD ? 6 * timeout : timeout);
}

/* Each test runs in a process of its own (CK_FORK is Check's default). TAP on stdout. */
static inline int run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);

	emulators_threads = thread_count() - 1;
	srunner_set_tap(runner, "-");
	return run_runner(runner, CK_NORMAL);
}
