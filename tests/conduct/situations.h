/* SPDX-License-Identifier: MIT */
/*
 * What a program needs whose system calls are looked at: marks for the tracer, a moment at which no
 * other thread has anything left to do, and a sandbox.
 */
#ifndef TESTS_CONDUCT_SITUATIONS_H
#define TESTS_CONDUCT_SITUATIONS_H

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../want.h"

/* Wait without a system call. */
#define spin_until(cond)							\
	do {									\
		while (!(cond))							\
			__asm__ volatile("" ::: "memory");					\
	} while (0)

/* ---- Marks: tests/conduct/calls.awk reads them ---- */

/*
 * begin, end: the calls of all threads and children in between count, if not after quiet those of
 * the thread that wrote it. mine, done: those of this thread. Nothing else writes to this descriptor,
 * which is closed.
 */
static inline void mark(const char *what)
{
	int saved_errno = errno;

	if (write(-1, what, strlen(what)) != -1)
		abort();
	errno = saved_errno;
}

/* ---- The sandbox: situations [-k|-e ERRNO] NUMBER,... ---- */

static struct {
	bool close, kill, early;
	int error, count, number[300];
} sandbox;

static inline void read_numbers(char *list)
{
	for (char *word = strtok(list, ","); word; word = strtok(NULL, ",")) {
		want(sandbox.count < 300);
		sandbox.number[sandbox.count++] = atoi(word);
	}
}

/*
 * Options, up to the name of the situation: -k LIST kills at any call not in the list, -e ERRNO LIST
 * refuses those in it, from "begin" on; -E ERRNO LIST from before the libraries were loaded.
 */
static inline char **read_options(char **argv)
{
	for (argv++; *argv && **argv == '-'; argv++) {
		sandbox.close = true;
		sandbox.kill = argv[0][1] == 'k';
		sandbox.early = argv[0][1] == 'E';
		if (!sandbox.kill)
			sandbox.error = atoi(*++argv);
		read_numbers(*++argv);
	}
	want(*argv);
	return argv;
}

/* For the threads that there are as well. */
static inline void close_sandbox(void)
{
	struct sock_filter filter[2 * 300 + 3] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	unsigned int listed = sandbox.kill ? SECCOMP_RET_ALLOW :
			      SECCOMP_RET_ERRNO | (unsigned int)sandbox.error;
	struct sock_fprog program = { .filter = filter };
	unsigned short length = 1;

	for (int i = 0; i < sandbox.count; i++) {
		filter[length++] = (struct sock_filter)
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)sandbox.number[i], 0, 1);
		filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, listed);
	}
	filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
		sandbox.kill ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ALLOW);
	program.len = length;
	want(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	want(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
		     &program) == 0);
}

/* As one that was closed by whoever started the program. */
static inline void close_sandbox_early(char **argv)
{
	if (!sandbox.early || getenv("SANDBOXED"))
		return;
	close_sandbox();
	setenv("SANDBOXED", "1", 1);
	execv("/proc/self/exe", argv);
	_exit(127);
}

/* ---- A watcher: another process, for the program's own looks would be calls of its own ---- */

static struct watch {
	int asked, answered, ready;
} *watch;

/* The state is the field after the name (proc_pid_stat(5)). */
static inline bool sleeps(int directory, const char *thread)
{
	char path[64], text[256] = "", *name_end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%.20s/stat", directory, thread);
	file = fopen(path, "r");
	if (!file)
		return true;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	name_end = strrchr(text, ')');
	return !name_end || name_end[2] == 'S' || name_end[2] == 'Z' || name_end[2] == 'X';
}

static inline bool all_sleep_but(const char *first)
{
	char path[64];
	const struct dirent *entry;
	DIR *threads;
	bool all = true;

	snprintf(path, sizeof(path), "/proc/%s/task", first);
	threads = opendir(path);
	want(threads);
	while (all && (entry = readdir(threads)))
		all = entry->d_name[0] == '.' || !strcmp(entry->d_name, first) ||
		      sleeps(dirfd(threads), entry->d_name);
	closedir(threads);
	return all;
}

static inline void keep_watch(void)
{
	const pid_t program = getppid();
	char first[16];

	put(watch->ready, 1);
	snprintf(first, sizeof(first), "%d", (int)program);
	while (getppid() == program) {
		/* Twice: one that woke another may have gone to sleep just before that one began. */
		if (get(watch->asked) != get(watch->answered) && all_sleep_but(first) &&
		    all_sleep_but(first))
			put(watch->answered, get(watch->asked));
		else
			usleep(300);
	}
}

static inline void start_watcher(void)
{
	pid_t watcher;

	watch = mmap(NULL, sizeof(*watch), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	want(watch != MAP_FAILED);
	/* Not traced: a tracer that looked at its calls as well would do little else. */
	watcher = (pid_t)syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, NULL, NULL, NULL, NULL);
	want(watcher >= 0);
	if (watcher) {
		spin_until(get(watch->ready));
		return;
	}
	keep_watch();
	_exit(0);
}

/* Until every other thread sleeps: what was begun for us has been done. */
static inline void settle(void)
{
	put(watch->asked, watch->asked + 1);
	spin_until(get(watch->answered) == watch->asked);
}

static inline void await_child(pid_t child)
{
	int status;

	want(child > 0);
	want(waitpid(child, &status, 0) == child);
	want(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- One situation ---- */

struct situation {
	const char *name, *title;
	void (*prepare)(void);
	void (*run)(void);
	bool alone;	/* without the watcher, which is a fork */
	bool busy;	/* prepare leaves threads that spin */
	bool returns;	/* from main: its end is the situation's */
	bool own;	/* what counts is marked as "mine" */
};

static inline int run_situation(const struct situation *situation)
{
	void *volatile memory;

	if (!situation->alone) {
		memory = malloc(1);	/* the first makes calls */
		free(memory);
		start_watcher();
	}
	if (situation->prepare)
		situation->prepare();
	if (situation->prepare && !situation->busy && !situation->alone)
		settle();
	if (sandbox.close && !sandbox.early)
		close_sandbox();
	if (!situation->own)
		mark("begin");
	if (situation->run)
		situation->run();
	if (situation->returns)
		return 0;
	if (!situation->alone)
		settle();
	mark("end");
	_exit(0);
}

/* The arguments are main's: options and a name; without any, list the names. */
static inline int main_of(const struct situation *situations, size_t count, char **argv)
{
	char **name;

	for (size_t i = 0; !argv[1] && i < count; i++)
		printf("%s\t%s\t%s\n", situations[i].name,
		       situations[i].own ? "own" : "all", situations[i].title);
	if (!argv[1])
		return 0;
	name = read_options(argv);
	close_sandbox_early(argv);
	for (size_t i = 0; i < count; i++)
		if (!strcmp(situations[i].name, *name))
			return run_situation(&situations[i]);
	return 2;
}

#endif
