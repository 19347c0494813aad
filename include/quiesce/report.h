/* SPDX-License-Identifier: MIT */
/*
 * What the library has to say: misuse by the program and shortages that no return value can tell.
 *
 * By default each is one line, "liburcu: <message>", on descriptor 2, as long as that is the standard
 * error stream as the program was given it:
 *
 *	stderr has not been closed or opened anew on another descriptor, and 2 is not close-on-exec;
 *	2 is a terminal or another character device, a pipe, a Unix socket, or a file open for
 *	writing alone.
 *
 * A file or a socket that merely got descriptor 2 from open or accept is most often none of these, and
 * gets nothing. One that a program opened for writing alone, after it had closed 2, looks like
 * "2>file" in a shell: such a program sets a handler. Nothing ever raises SIGPIPE.
 *
 * The environment variable URCU_REPORT says otherwise: "none", "stderr" (the default), the number of a
 * descriptor, which is then written to whatever it is, or the path of a file, from "/", to append to.
 * It is read at each report, and ignored in programs that run with more rights than who started them.
 */
#ifndef QUIESCE_REPORT_H
#define QUIESCE_REPORT_H

#include <urcu/compiler.h>

/* For #ifdef: that there is a handler to set. */
#define QUIESCE_REPORT_HANDLER 1

_URCU_EXTERN_C_BEGIN

/*
 * From now on handler is called for each report, in place of all of the above; NULL: no more. The
 * message has no prefix and no newline and is the library's. One handler for all libraries of the
 * program; one that was loaded by dlopen with RTLD_LOCAL may have its own. Callable at any time, from
 * any thread and from signal handlers; another thread may be in the handler that was set before.
 *
 * The handler runs in the thread that is concerned (a thread that unlocks once too often is found out by
 * whoever waits for it), at the call that the report is about: in a signal
 * handler, if that is where the call is, or with all signals blocked. It may not call back into the
 * library, nor wait for what another thread does in it, nor leave by longjmp or an exception.
 */
extern void quiesce_set_report_handler(void (*handler)(const char *message));

_URCU_EXTERN_C_END

#endif /* QUIESCE_REPORT_H */
