/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <quiesce/report.h>

#include "system/system.h"

#define DESTINATION	"URCU_REPORT"
#define PREFIX		"liburcu: "

/*
 * Written and read atomically. Exported, so that the libraries of a program have one between them: the
 * dynamic linker gives all the first one's.
 */
extern void (*quiesce_report_handler)(const char *message);
void (*quiesce_report_handler)(const char *message);

void quiesce_set_report_handler(void (*handler)(const char *message))
{
	__atomic_store_n(&quiesce_report_handler, handler, __ATOMIC_RELEASE);
}

unsigned long quiesce_reports;

static bool is_unix_socket(int file)
{
	int domain = 0;
	socklen_t size = sizeof(domain);

	return getsockopt(file, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

/* Whether it is what the program was started with; the rule is in quiesce/report.h. */
static bool is_standard_error(int file)
{
	int flags = fcntl(file, F_GETFD);
	struct stat status;

	if (flags < 0 || (flags & FD_CLOEXEC) || !stderr || fileno(stderr) != file ||
	    fstat(file, &status) != 0)
		return false;
	if (S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode))
		return true;
	if (S_ISSOCK(status.st_mode))
		return is_unix_socket(file);
	return S_ISREG(status.st_mode) && (fcntl(file, F_GETFL) & O_ACCMODE) == O_WRONLY;
}

/* The descriptor to write to, or -1. A file is to be closed afterwards. */
static int destination(bool *opened)
{
	const char *name = secure_getenv(DESTINATION);
	char *end;
	long number;

	*opened = name && *name == '/';
	if (*opened)
		return open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
	number = name ? strtol(name, &end, 10) : -1;
	if (name && *name && !*end)
		return number >= 0 && number <= INT_MAX ? (int)number : -1;
	if (name && strcmp(name, "none") == 0)
		return -1;
	return is_standard_error(STDERR_FILENO) ? STDERR_FILENO : -1;
}

/* A SIGPIPE that is not for a write of ours stays pending. */
static void write_quietly(int file, const char *line, size_t length)
{
	const struct timespec no_time = { 0, 0 };
	sigset_t pipe, before, pending;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe, &before);
	if (write(file, line, length) < 0 && errno == EPIPE && !sigismember(&pending, SIGPIPE))
		while (sigtimedwait(&pipe, NULL, &no_time) < 0 && errno == EINTR)
			continue;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void write_line(char *line)
{
	size_t length = strlen(line);
	bool opened;
	int file = destination(&opened);

	if (file < 0)
		return;
	line[length++] = '\n';
	write_quietly(file, line, length);
	if (opened)
		close(file);
}

void quiesce_report(const char *format, ...)
{
	void (*handler)(const char *message);
	int saved_errno = errno, cancel;
	char line[512] = PREFIX, *message = line + sizeof(PREFIX) - 1;
	va_list args;

	va_start(args, format);
	/* A byte is left for the newline. */
	if (vsnprintf(message, (size_t)(line + sizeof(line) - 1 - message), format, args) < 0)
		*message = '\0';
	va_end(args);
	__atomic_fetch_add(&quiesce_reports, 1, __ATOMIC_RELAXED);
	handler = __atomic_load_n(&quiesce_report_handler, __ATOMIC_ACQUIRE);
	/* Files are cancellation points, and the caller may hold locks. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	if (handler)
		handler(message);
	else
		write_line(line);
	pthread_setcancelstate(cancel, NULL);
	errno = saved_errno;
}
