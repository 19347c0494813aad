/* SPDX-License-Identifier: MIT */
/*
 * Preloaded by ./dev coverage. Counts are written by destructors; a process that ends without them,
 * by _exit or abort, would take what it has counted with it. Each library keeps its own counts, and
 * tells by dump.h how to write them.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OBJECTS_MAX 64

void coverage_enter(void (*dump)(void));
void coverage_leave(void (*dump)(void));
int coverage_is_written(void);

/* The sources of a library all have the same dump; users counts them. A place without is free. */
static struct object {
	void (*dump)(void);
	int users;
} objects[OBJECTS_MAX];

static struct object *find(void (*dump)(void))
{
	struct object *place = NULL;

	for (int i = 0; i < OBJECTS_MAX; i++)
		if (objects[i].users && objects[i].dump == dump)
			return &objects[i];
		else if (!objects[i].users)
			place = &objects[i];
	if (!place)
		abort();
	place->dump = dump;
	return place;
}

void coverage_enter(void (*dump)(void))
{
	find(dump)->users++;
}

/* By this thread: the calls of others go on to be the library's own. */
static __thread int writing;

int coverage_is_written(void)
{
	return writing;
}

/* A second time it writes nothing. The thread may have a cancel pending, which files would look at. */
static void write_counts(void (*dump)(void))
{
	int cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	writing++;
	dump();
	writing--;
	pthread_setcancelstate(cancel, NULL);
}

void coverage_leave(void (*dump)(void))
{
	if (--find(dump)->users == 0)
		write_counts(dump);
}

static void write_all(void)
{
	for (int i = 0; i < OBJECTS_MAX; i++)
		if (objects[i].users)
			write_counts(objects[i].dump);
}

void _exit(int status)
{
	write_all();
	for (;;)
		syscall(SYS_exit_group, status);
}

void _Exit(int status)
{
	_exit(status);
}

void abort(void)
{
	sigset_t aborts;

	write_all();
	sigemptyset(&aborts);
	sigaddset(&aborts, SIGABRT);
	pthread_sigmask(SIG_UNBLOCK, &aborts, NULL);
	signal(SIGABRT, SIG_DFL);
	raise(SIGABRT);
	_exit(127);
}
