/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

void quiesce_report(const char *format, ...)
{
	static const char prefix[] = "liburcu: ";
	int saved_errno = errno, length, cancel;
	char line[512];
	va_list args;

	memcpy(line, prefix, sizeof(prefix));
	va_start(args, format);
	length = vsnprintf(line + sizeof(prefix) - 1, sizeof(line) - sizeof(prefix), format, args);
	va_end(args);
	if (length < 0)
		length = 0;
	length += (int)sizeof(prefix) - 1;
	if (length > (int)sizeof(line) - 1)
		length = (int)sizeof(line) - 1;
	line[length++] = '\n';
	/* write is a cancellation point, and the caller may hold locks. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	if (write(STDERR_FILENO, line, (size_t)length) < 0) {
		/* stderr is closed: there is nobody left to tell. */
	}
	pthread_setcancelstate(cancel, NULL);
	errno = saved_errno;
}
