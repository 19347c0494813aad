/* SPDX-License-Identifier: MIT */
/* What the library reports, for tests of stalls: heard by a handler, and looked at. And the thread that is to be named. */
#ifndef TESTS_UNIT_HEARD_H
#define TESTS_UNIT_HEARD_H

#include "held.h"

#include <dlfcn.h>
#include <sys/wait.h>

#include <quiesce/report.h>
#include <quiesce/stall.h>

#define LIMIT_MS	50
#define NAME		"the-culprit"

/* So many stalls of each kind; EVERY=1: many. */
static inline unsigned int stalls(void)
{
	return getenv("EVERY") ? 100 : 6;
}

/* ---- What is heard since the last hear_from_now_on, or since reports was set to 0 ---- */

#define HEARD_MAX 64

static char heard[HEARD_MAX][512];
static unsigned int reports;
static sem_t told;

static inline void hear(const char *message)
{
	/* One thread at a time reports here. */
	unsigned int number = get(reports);

	if (number < HEARD_MAX)
		snprintf(heard[number], sizeof(heard[number]), "%s", message);
	raise_by(reports, 1);
	sem_post(&told);
}

static inline void hear_from_now_on(void)
{
	sem_init(&told, 0, 0);
	put(reports, 0);
	quiesce_set_report_handler(hear);
}

static inline void await_reports(unsigned int count)
{
	while (get(reports) < count)
		await(&told);
}

static inline void listen_with(unsigned int limit_ms)
{
	hear_from_now_on();
	quiesce_set_stall_timeout(limit_ms);
}

static inline bool said(const char *text)
{
	for (unsigned int i = 0; i < get(reports) && i < HEARD_MAX; i++)
		if (strstr(heard[i], text))
			return true;
	return false;
}

/* On a busy machine others may be reported first: of a leader that gets no processor, for one. */
static inline void has(const char *text)
{
	for (uint64_t since = 0; !said(text); sched_yield())
		if (waited_too_long(&since))
			ck_abort_msg("\"%s\" is not in: %s", text, heard[0]);
}

/* Of a callback that has not returned for so long: where it is some C libraries tell (src/system/place.c). */
static inline void has_place(const void *callback)
{
	char text[64];
#ifdef DLFO_STRUCT_HAS_EH_DBASE
	const char *place = " (";
#else
	const char *place = ", ";
#endif

	snprintf(text, sizeof(text), " s: %p%s", callback, place);
	has(text);
}

static inline void names_thread(pid_t id, pthread_t thread)
{
	char text[64];

	snprintf(text, sizeof(text), "thread %d (%#lx", (int)id, (unsigned long)thread);
	text[thread ? strlen(text) : strcspn(text, "(")] = '\0';
	has(text);
	has("\"" NAME "\"");
}

/* The last thread that came to it. */
static pid_t culprit;

static inline void be_culprit(void)
{
	want(pthread_setname_np(pthread_self(), NAME) == 0);
	put(culprit, (pid_t)syscall(SYS_gettid));
}

static inline void *reader_by_name(void *held)
{
	be_culprit();
	return held_reader(held);
}

static sem_t release;

/* A callback that stays until it may leave. */
static inline void stay(struct rcu_head *head)
{
	(void)head;
	be_culprit();
	await(&release);
}

/* ---- Who waits ---- */

static inline void *sync_once(void *arg)
{
	synchronize_rcu();
	return arg;
}

static inline void *drain_once(void *arg)
{
	want(urcu_drain(1000000) == 0);
	return arg;
}

static inline void *fork_once(void *arg)
{
	call_rcu_before_fork();
	call_rcu_after_fork_parent();
	return arg;
}

static int pipe_end;

static inline void hear_in_child(const char *message)
{
	want(write(pipe_end, message, strlen(message)) > 0);
}

/* In a child: exit after hold_up, which leaves what it has to wait for. Its report is heard. */
static inline void exit_is_heard(void (*hold_up)(void))
{
	int ends[2], status;
	ssize_t length;
	pid_t pid;

	want(pipe(ends) == 0);
	pid = fork();
	if (pid == 0) {
		pipe_end = ends[1];
		setenv("URCU_EXIT_TIMEOUT", "3000", 1);
		hold_up();
		listen_with(LIMIT_MS);
		quiesce_set_report_handler(hear_in_child);
		exit(0);
	}
	length = read(ends[0], heard[0], sizeof(heard[0]) - 1);
	want(length > 0);
	put(reports, 1);
	want(waitpid(pid, &status, 0) == pid && status == 0);
}

#endif /* TESTS_UNIT_HEARD_H */
