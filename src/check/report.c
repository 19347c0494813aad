/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "check/check.h"

#define SEEN 256

struct options check_options = {
	.symbols = true, .exit_status = 66, .stall = 10000, .quarantine = 16L << 20, .frames = 8,
};

static const struct {
	const char *name;
	bool *flag;
	long *number, most;
} options[] = {
	{ "go_on", &check_options.go_on, NULL, 1 },
	{ "strict", &check_options.strict, NULL, 1 },
	{ "symbols", &check_options.symbols, NULL, 1 },
	{ "abort", &check_options.abort, NULL, 1 },
	{ "exit_status", NULL, &check_options.exit_status, 255 },
	{ "stall", NULL, &check_options.stall, 86400000 },
	{ "quarantine", NULL, &check_options.quarantine, LONG_MAX / 2 },
	{ "frames", NULL, &check_options.frames, PLACE_FRAMES },
};

static bool read_number(const char *text, long most, long *number)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	*number = strtol(text, &end, 10);
	return !*end && *number <= most;
}

static void set_option(const char *name, const char *value)
{
	long number;
	size_t i;

	if (strcmp(name, "log") == 0) {
		snprintf(check_options.log, sizeof(check_options.log), "%s", value);
		return;
	}
	for (i = 0; i < sizeof(options) / sizeof(*options); i++) {
		if (strcmp(name, options[i].name) != 0)
			continue;
		if (!read_number(value, options[i].most, &number))
			dprintf(STDERR_FILENO, "urcu-check: %s is a number from 0 to %ld, and not %s\n", name,
				options[i].most, value);
		else if (options[i].flag)
			*options[i].flag = number;
		else
			*options[i].number = number;
		return;
	}
	dprintf(STDERR_FILENO, "urcu-check: no option is called %s\n", name);
}

static void read_options(void)
{
	char text[1024], *word, *rest = text, *value;

	snprintf(text, sizeof(text), "%s", secure_getenv("URCU_CHECK_OPTIONS") ?: "");
	while ((word = strsep(&rest, ":, "))) {
		if (!*word)
			continue;
		value = strchr(word, '=');
		if (value)
			*value++ = '\0';
		set_option(word, value ? value : "1");
	}
	if (check_options.frames < 1)
		check_options.frames = PLACE_FRAMES;
}

__attribute__((constructor))
static void begin(void)
{
	read_options();
	check_memory_init();
	check_real_init();
	check_place_init();
	check_thread_init();
}

/* Descriptor 2 may be a file of the program's own by now, of which a report would make a mess. */
static bool is_standard_error(void)
{
	int flags = fcntl(STDERR_FILENO, F_GETFD);
	struct stat status;

	if (flags < 0 || (flags & FD_CLOEXEC) || fstat(STDERR_FILENO, &status) != 0)
		return false;
	return S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) ||
	       (S_ISREG(status.st_mode) && (fcntl(STDERR_FILENO, F_GETFL) & O_ACCMODE) == O_WRONLY);
}

/* Or -1. */
static int destination(bool *opened)
{
	int file = *check_options.log ?
		open(check_options.log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666) : -1;

	*opened = file >= 0;
	if (*opened)
		return file;
	return is_standard_error() ? STDERR_FILENO : -1;
}

/* Reported before: the same kind at the same call. Under the lock. */
static bool seen(const char *kind, void *pc)
{
	static struct { const char *kind; void *pc; } before[SEEN];
	static unsigned int count;
	unsigned int i;

	for (i = 0; i < count; i++)
		if (before[i].pc == pc && strcmp(before[i].kind, kind) == 0)
			return true;
	if (count < SEEN) {
		before[count].kind = kind;
		before[count++].pc = pc;
	}
	return false;
}

/* Threads report one after the other. */
static bool reporting;

static void print(int file, const char *kind, const char *message, const struct place *here, const char *what,
		  const struct place *other)
{
	char name[16];

	dprintf(file, "=================================================================\n"
		"==%d==ERROR: urcu-check: %s: %s\n", getpid(), kind, message);
	check_place_name(here, name);
	dprintf(file, "  in thread %d (%s):\n", here->tid, name);
	if (here->depth)
		check_place_print(file, here);
	else
		dprintf(file, "    at its end\n");
	if (other && other->tid) {
		check_place_name(other, name);
		dprintf(file, "  %s, by thread %d (%s):\n", what, other->tid, name);
		check_place_print(file, other);
	}
	dprintf(file, "SUMMARY: urcu-check: %s\n", kind);
}

void check_report_child(void)
{
	__atomic_store_n(&reporting, false, __ATOMIC_RELEASE);
}

/* True if a SIGPIPE is waiting already. */
static bool block_pipe(sigset_t *before)
{
	sigset_t pipe, pending;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe, before);
	return sigismember(&pending, SIGPIPE);
}

/* One that came since is of our writes. */
static void unblock_pipe(const sigset_t *before, bool piped)
{
	const struct timespec no_time = { 0, 0 };
	sigset_t pipe;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	while (!piped && sigtimedwait(&pipe, NULL, &no_time) < 0 && errno == EINTR)
		continue;
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

void check_report(const char *kind, const struct place *here, const char *what, const struct place *other,
		  const char *format, ...)
{
	int saved_errno = errno, cancel, file;
	char message[512];
	bool opened, again, piped;
	sigset_t signals;
	va_list args;

	check_lock();
	again = seen(kind, here->frames[0]);
	check_unlock();
	if (again)
		return;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	/* One report at a time. Who writes it most often ends the process, and wakes nobody. */
	while (__atomic_exchange_n(&reporting, true, __ATOMIC_ACQUIRE))
		usleep(1000);
	piped = block_pipe(&signals);
	file = destination(&opened);
	if (file >= 0)
		print(file, kind, message, here, what, other);
	if (!check_options.go_on) {
		if (file >= 0)
			dprintf(file, "==%d==ABORTING\n", getpid());
		if (check_options.abort)
			abort();
		_exit((int)check_options.exit_status);
	}
	if (opened)
		close(file);
	unblock_pipe(&signals, piped);
	__atomic_store_n(&reporting, false, __ATOMIC_RELEASE);
	pthread_setcancelstate(cancel, NULL);
	errno = saved_errno;
}
