/* SPDX-License-Identifier: MIT */
#ifndef QUIESCE_FORK_HARNESS_H
#define QUIESCE_FORK_HARNESS_H

/*
 * What the fork and exit tests have in common. A flavor is chosen at compile time: -DRCU_MB is mb,
 * -DTEST_BP is bp, -DTEST_QSBR is qsbr, nothing is memb (tests/sections.h: sections of qsbr).
 *
 * A forked child reports by MUST: its failure, or where it hangs (STAGE), goes into shared memory,
 * and expect_clean() in the parent makes a failed test of it. A child that hangs is ended by its
 * own alarm; the test's process, with all its children, by Check's timeout.
 *
 * Nothing here sleeps to order anything. Where a test needs another thread to be inside a call, it
 * waits until the system shows that thread asleep.
 */

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef TEST_BP
#include <urcu-bp.h>
#define FLAVOR "bp"
#elif defined(TEST_QSBR)
#include <urcu-qsbr.h>
#define FLAVOR "qsbr"
#else
#include <urcu.h>
#ifdef RCU_MB
#define FLAVOR "mb"
#else
#define FLAVOR "memb"
#endif
#endif

#define UNUSED_OK	__attribute__((unused))

#include <quiesce/stall.h>

#include "../entries.h"
#include "../limits.h"
#include "../sections.h"
#include "../suite.h"

/* A callback of qsbr runs online, and must not hold grace periods up while it waits for something. */
#ifdef TEST_QSBR
#define begin_waiting()	rcu_thread_offline()
#define end_waiting()	rcu_thread_online()
#else
#define begin_waiting()	((void)0)
#define end_waiting()	((void)0)
#endif

#ifndef TEST_LIMIT
#define TEST_LIMIT	60	/* seconds for a test; CK_TIMEOUT_MULTIPLIER stretches it */
#define CHILD_LIMIT	25	/* seconds for a forked child, stretched alike */
#endif

/* ---- What a child tells its parent ---- */

static struct shared {
	const char *stage;		/* where the youngest child is; a literal */
	char failure[256];
} *shared;

static pid_t test_pid;

#ifndef STAGE
#define STAGE(text) __atomic_store_n(&shared->stage, text, __ATOMIC_RELAXED)
#endif

/* In a child, in any thread of it: tell the test and end. In the test itself: fail. */
static UNUSED_OK void broken(const char *what, const char *file, int line)
{
	if (getpid() == test_pid)
		ck_abort_msg("%s:%d: %s", file, line, what);
	snprintf(shared->failure, sizeof(shared->failure), "%s:%d: %s", file, line, what);
	_exit(1);
}

#define MUST(condition) do {						\
	if (!(condition))						\
		broken(#condition, __FILE__, __LINE__);			\
} while (0)

static UNUSED_OK unsigned int child_limit(void)
{
	return CHILD_LIMIT * patience();
}

static UNUSED_OK void expect_clean(pid_t pid)
{
	int status = 0;
	pid_t waited;

	MUST(pid > 0);
	do
		waited = waitpid(pid, &status, 0);
	while (waited < 0 && errno == EINTR);
	MUST(waited == pid);
	if (status == 0)
		return;
	if (WIFSIGNALED(status) && !shared->failure[0])
		snprintf(shared->failure, sizeof(shared->failure), "child: %s, in: %s",
			 strsignal(WTERMSIG(status)), shared->stage);
	if (!shared->failure[0])
		snprintf(shared->failure, sizeof(shared->failure), "child: status %#x, in: %s",
			 (unsigned int)status, shared->stage);
	if (getpid() == test_pid)
		ck_abort_msg("%s", shared->failure);
	_exit(1);
}

/* ---- Forking ---- */

static UNUSED_OK pid_t hooked_fork(void)
{
	pid_t pid;

	STAGE("before_fork");
	call_rcu_before_fork();
	pid = fork();
	if (pid == 0) {
		alarm(child_limit());
		STAGE("after_fork_child");
		call_rcu_after_fork_child();
		STAGE("child");
	} else {
		call_rcu_after_fork_parent();
	}
	return pid;
}

/* pid: what a fork returned; the child ends in this. */
static UNUSED_OK pid_t go_on_as_child(pid_t pid, void (*child)(void *), void *arg)
{
	if (pid == 0) {
		child(arg);
		_exit(0);
	}
	MUST(pid > 0);
	return pid;
}

static UNUSED_OK pid_t start_child(void (*child)(void *), void *arg)
{
	return go_on_as_child(hooked_fork(), child, arg);
}

static UNUSED_OK void run_child(void (*child)(void *), void *arg)
{
	expect_clean(start_child(child, arg));
}

/* The same by plain fork, when urcu_atfork_enable has been called. */

static UNUSED_OK pid_t plain_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		alarm(child_limit());
	return pid;
}

static UNUSED_OK void run_plain_child(void (*child)(void *), void *arg)
{
	expect_clean(go_on_as_child(plain_fork(), child, arg));
}

/* ---- Threads ---- */

static UNUSED_OK pid_t thread_id(void)
{
	return (pid_t)syscall(SYS_gettid);
}

static UNUSED_OK pthread_t start_thread(void *(*run)(void *), void *arg)
{
	pthread_t thread;

	MUST(pthread_create(&thread, NULL, run, arg) == 0);
	return thread;
}

static UNUSED_OK void join(pthread_t thread)
{
	MUST(pthread_join(thread, NULL) == 0);
}

static UNUSED_OK void await(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		MUST(errno == EINTR);
}

static UNUSED_OK int get(const int *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static UNUSED_OK void put(int *word, int value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* Between two looks at a state that is about to change. Orders nothing. */
static UNUSED_OK void relax(void)
{
	usleep(20);
}

/* Until a condition holds that another thread is bound to make true. */
#define await_that(condition) do {					\
	uint64_t since_ = 0;						\
									\
	while (!(condition)) {						\
		if (waited_too_long(&since_))				\
			broken("waited in vain: " #condition, __FILE__, __LINE__); \
		relax();						\
	}								\
} while (0)

#define await_value(word, value) await_that(get(word) == (value))

#define LOOKS 8

/* Until the system shows the thread asleep a few times in a row: not in a short contention. */
static UNUSED_OK void await_asleep(pid_t tid)
{
	int seen = 0;

	await_that((seen = thread_state(tid) == 'S' ? seen + 1 : 0) == LOOKS);
}

/* A thread that does one thing, which may block, and says when it is over. */
struct task {
	void (*act)(void *);
	void *arg;
	pid_t tid;
	int done;
	pthread_t thread;
};

static UNUSED_OK void *run_task(void *arg)
{
	struct task *task = arg;

	rcu_register_thread();
	__atomic_store_n(&task->tid, thread_id(), __ATOMIC_RELEASE);
	task->act(task->arg);
	put(&task->done, 1);
	rcu_unregister_thread();
	return NULL;
}

static UNUSED_OK void start_task(struct task *task, void (*act)(void *), void *arg)
{
	*task = (struct task) { .act = act, .arg = arg };
	task->thread = start_thread(run_task, task);
	await_that(__atomic_load_n(&task->tid, __ATOMIC_ACQUIRE));
}

/* Until it sleeps in what it does; it must not have done it. */
static UNUSED_OK void must_be_stuck(const struct task *task)
{
	int seen = 0;

	await_that(get(&task->done) ||
		   (seen = thread_state(task->tid) == 'S' ? seen + 1 : 0) == LOOKS);
	MUST(!get(&task->done));
}

static UNUSED_OK void start_stuck_task(struct task *task, void (*act)(void *), void *arg)
{
	start_task(task, act, arg);
	must_be_stuck(task);
}

static UNUSED_OK void synchronize(void *arg)
{
	(void)arg;
	synchronize_rcu();
}

static UNUSED_OK void barrier(void *arg)
{
	(void)arg;
	rcu_barrier();
}

static UNUSED_OK void free_worker(void *worker)
{
	call_rcu_data_free(worker);
}

/* ---- Readers that stay in their section as long as the test wants ---- */

struct reader_thread {
	pthread_t thread;
	sem_t inside, leave;
};

static UNUSED_OK void *hold_section(void *arg)
{
	struct reader_thread *reader = arg;

	rcu_register_thread();
	rcu_read_lock();
	sem_post(&reader->inside);
	await(&reader->leave);
	rcu_read_unlock();
	rcu_unregister_thread();
	return NULL;
}

static UNUSED_OK void hold(struct reader_thread *reader)
{
	sem_init(&reader->inside, 0, 0);
	sem_init(&reader->leave, 0, 0);
	reader->thread = start_thread(hold_section, reader);
	await(&reader->inside);
}

static UNUSED_OK void release(struct reader_thread *reader)
{
	sem_post(&reader->leave);
	join(reader->thread);
}

static UNUSED_OK unsigned long gp_number(void)
{
	return __atomic_load_n(&rcu_gp.ctr, __ATOMIC_ACQUIRE);
}

/* A reader is stuck: whoever raises the number after this waits for that reader. */
static UNUSED_OK void await_grace_period_after(unsigned long number)
{
	await_that(gp_number() != number);
}

/* That a grace period waits for the calling thread's section, which this leaves. */
static UNUSED_OK void must_be_waited_for(void)
{
	struct task task;

	start_stuck_task(&task, synchronize, NULL);
	while (rcu_read_ongoing())
		rcu_read_unlock();
	join(task.thread);
}

/* ---- Counted callbacks: each must run exactly once ---- */

struct counted {
	struct rcu_head head;
	int runs;
};

static UNUSED_OK void count(struct rcu_head *head)
{
	struct counted *counted = caa_container_of(head, struct counted, head);

	__atomic_fetch_add(&counted->runs, 1, __ATOMIC_RELAXED);
}

static UNUSED_OK struct counted *counted_new(int number)
{
	struct counted *all = calloc((size_t)number, sizeof(*all));

	MUST(all);
	return all;
}

static UNUSED_OK void queue_all(struct counted *all, int number)
{
	for (int i = 0; i < number; i++)
		call_rcu(&all[i].head, count);
}

static UNUSED_OK int sum_of_runs(const struct counted *all, int number)
{
	int sum = 0;

	for (int i = 0; i < number; i++)
		sum += __atomic_load_n(&all[i].runs, __ATOMIC_RELAXED);
	return sum;
}

static UNUSED_OK void must_have_run_once(const struct counted *all, int number)
{
	for (int i = 0; i < number; i++)
		MUST(__atomic_load_n(&all[i].runs, __ATOMIC_RELAXED) == 1);
}

/* rcu_barrier, then: everything has run once, not more. */
static UNUSED_OK void finish(const struct counted *all, int number)
{
	rcu_barrier();
	must_have_run_once(all, number);
}

struct batch {
	struct counted *all;
	int number;
};

static UNUSED_OK void finish_in_child(void *arg)
{
	struct batch *batch = arg;

	finish(batch->all, batch->number);
}

/* ---- A bit of everything ---- */

static UNUSED_OK void *read_once(void *arg)
{
	rcu_register_thread();
	rcu_read_lock();
	rcu_read_unlock();
	rcu_unregister_thread();
	return arg;
}

static UNUSED_OK int cpu_count(void)
{
	return (int)sysconf(_SC_NPROCESSORS_CONF);
}

/* The calling thread may be registered or not; it is in no section. */
static UNUSED_OK void use_everything(void)
{
	struct counted counted[4] = { 0 };
	struct call_rcu_data *worker;

	STAGE("synchronize_rcu");
	synchronize_rcu();
	STAGE("reader thread");
	join(start_thread(read_once, NULL));
	STAGE("create_call_rcu_data");
	worker = create_call_rcu_data(0, -1);
	MUST(worker);
	call_rcu(&counted[0].head, count);
	set_thread_call_rcu_data(worker);
	call_rcu(&counted[1].head, count);
	set_thread_call_rcu_data(NULL);
	STAGE("create_all_cpu_call_rcu_data");
	MUST(create_all_cpu_call_rcu_data(0) == 0);
	call_rcu(&counted[2].head, count);
	STAGE("free_all_cpu_call_rcu_data");
	free_all_cpu_call_rcu_data();
	STAGE("call_rcu_data_free");
	call_rcu_data_free(worker);
	call_rcu(&counted[3].head, count);
	STAGE("rcu_barrier");
	rcu_barrier();
	must_have_run_once(counted, 4);
	STAGE("after all");
}

static UNUSED_OK void use_everything_in_child(void *arg)
{
	(void)arg;
	use_everything();
}

/* ---- What several tests do in a child ---- */

static UNUSED_OK void synchronize_in_child(void *arg)
{
	(void)arg;
	STAGE("synchronize_rcu in the child");
	synchronize_rcu();
	use_everything();
}

static UNUSED_OK void queue_and_finish(void *arg)
{
	struct counted *fresh = counted_new(100);

	if (arg)
		finish_in_child(arg);
	queue_all(fresh, 100);
	finish(fresh, 100);
	free(fresh);
}

static UNUSED_OK void must_have_no_cpu_workers(void)
{
	for (int cpu = 0; cpu < cpu_count(); cpu++)
		MUST(get_cpu_call_rcu_data(cpu) == NULL);
}

/* ---- The test's process ---- */

static FILE *reports;

/* What the library has to report goes to stderr: correct programs cause no reports. */
static UNUSED_OK void set_up(void)
{
	test_pid = getpid();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	ck_assert(shared != MAP_FAILED);
	STAGE("start");
	/* Check's own handler would take a child's alarm for the test's. */
	signal(SIGALRM, SIG_DFL);
	if (getenv("FORK_TEST_STDERR"))
		return;
	reports = tmpfile();
	ck_assert(reports);
	ck_assert_int_eq(dup2(fileno(reports), STDERR_FILENO), STDERR_FILENO);
	setenv("URCU_REPORT", "2", 1);	/* whatever it is */
	put_off_stall_reports();
}

static UNUSED_OK void tear_down(void)
{
	char line[256];

	if (!reports)
		return;
	rewind(reports);
	if (fgets(line, sizeof(line), reports))
		ck_abort_msg("reported: %s", line);
}

static UNUSED_OK int run_suite(Suite *suite)
{
	return run_forked_suite(suite);
}

static UNUSED_OK TCase *add_case(Suite *suite, const char *name)
{
	TCase *tcase = add_timed_case(suite, name, TEST_LIMIT);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	return tcase;
}

#endif
