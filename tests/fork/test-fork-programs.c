/* SPDX-License-Identifier: MIT */
/*
 * Programs and daemons started beside RCU with urcu_atfork_enable on: system, popen, posix_spawn,
 * vfork, fork and exec, daemon, a double fork. A child that only executes something pays nothing.
 */
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>

#include "fork-harness.h"

#define PROGRAM "/bin/true"

/* What glibc's malloc and its kin are called; others, a sanitizer's too, are not counted. */
static __thread unsigned long heap_calls;

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
extern void *__libc_malloc(size_t size), *__libc_calloc(size_t number, size_t size);
extern void __libc_free(void *block);

void *malloc(size_t size)
{
	heap_calls++;
	return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
	heap_calls++;
	return __libc_calloc(number, size);
}

void free(void *block)
{
	heap_calls++;
	__libc_free(block);
}
#endif

static unsigned long calls_before;
static int checked;		/* by the child's handlers */

static unsigned int threads_here(void)
{
	struct stat tasks;

	MUST(stat("/proc/self/task", &tasks) == 0);
	return (unsigned int)tasks.st_nlink - 2;
}

/* Registered before and after the hooks, and run in that order in the child. */
static void look_before(void)
{
	calls_before = heap_calls;
}

static void look_after(void)
{
	MUST(threads_here() == 1);
	MUST(heap_calls == calls_before);
	put(&checked, 1);
}

static void execute(void *arg)
{
	MUST(get(&checked) && threads_here() == 1);
	execl(PROGRAM, PROGRAM, NULL);
	MUST(!arg);
}

/* The daemon's life: the end for writing is open in it alone, and closes however it ends. */
static int life[2];

static void detach(void *arg)
{
	close(life[0]);
	MUST(daemon(1, 0) == 0);
	alarm(child_limit());
	queue_and_finish(arg);
	use_everything();
	MUST(write(life[1], "", 1) == 1);
	exit(0);
}

static void fork_twice(void *arg)
{
	MUST(setsid() > 0);
	run_plain_child(queue_and_finish, arg);
	exit(0);
}

static void vfork_and_execute(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execl(PROGRAM, PROGRAM, NULL);
		_exit(1);
	}
	expect_clean(pid);
}

static void spawn_program(void)
{
	char *const arguments[] = { (char *)PROGRAM, NULL };
	pid_t pid;

	MUST(posix_spawn(&pid, PROGRAM, NULL, NULL, arguments, arguments + 1) == 0);
	expect_clean(pid);
}

static void start_programs(void)
{
	FILE *output;
	char word[8] = "";

	MUST(system("exit 3") == 3 << 8);
	output = popen("echo well", "r");
	MUST(output && fgets(word, sizeof(word), output) && strcmp(word, "well\n") == 0);
	MUST(pclose(output) == 0);
	spawn_program();
	vfork_and_execute();
	run_plain_child(execute, NULL);
}

/* Until the daemon has ended: with all done, or with what it failed in, or where its alarm found it. */
static void run_daemon(struct batch *batch)
{
	struct pollfd ended = { .events = POLLIN };
	char done;

	MUST(pipe2(life, O_CLOEXEC) == 0);
	run_plain_child(detach, batch);
	close(life[1]);
	ended.fd = life[0];
	if (poll(&ended, 1, 2000 * (int)child_limit()) == 0)
		ck_abort_msg("the daemon has not begun, or does not end by its alarm");
	if (read(life[0], &done, 1) != 1)
		ck_abort_msg("the daemon: %s, last in: %s",
			     shared->failure[0] ? shared->failure : "killed", shared->stage);
	close(life[0]);
}

START_TEST(programs_and_daemons_start_beside_callbacks_readers_and_workers)
{
	struct counted *all = counted_new(40);
	struct batch batch = { all, 40 };
	struct reader_thread reader;

	MUST(pthread_atfork(NULL, NULL, look_before) == 0);
	MUST(urcu_atfork_enable() == 0);
	MUST(pthread_atfork(NULL, NULL, look_after) == 0);
	MUST(create_all_cpu_call_rcu_data(0) == 0);
	hold(&reader);
	rcu_register_thread();
	queue_all(all, 40);
	for (int i = 0; i < 10; i++)
		start_programs();
	rcu_unregister_thread();
	run_plain_child(fork_twice, &batch);
	run_daemon(&batch);
	MUST(sum_of_runs(all, 40) == 0);
	release(&reader);
	finish(all, 40);
	free_all_cpu_call_rcu_data();
	use_everything();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fork-programs/" FLAVOR);
	TCase *tcase = add_case(suite, "programs");

	tcase_add_test(tcase, programs_and_daemons_start_beside_callbacks_readers_and_workers);
	return run_suite(suite);
}
