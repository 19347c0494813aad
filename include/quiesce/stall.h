/* SPDX-License-Identifier: MIT */
/*
 * Stalls: what waits for longer than a limit, who holds it up, and what that thread does. Each is one report
 * (quiesce/report.h), by the thread that waits; it comes when the limit has passed and again each time that the wait
 * has become twice as long. No thread, no timer and no signal is made for it, and readers do nothing. doc/stalls.md
 * has an example of each.
 *
 *	a grace period		each reader that it waits for: its thread, how deep in sections; how much waits behind it
 *	a callback		that rcu_barrier, urcu_drain, exit or the fork hooks wait for: the function and the thread
 *	a worker's thread	that cannot be made: why, and how much waits; at once, and when the limit has passed
 *
 * Not reported is what waits for a lock of the program or of the library, as those do that come to another thread's
 * fork hooks.
 *
 * The limit is 10 s, or what URCU_STALL_TIMEOUT says, in seconds ("0.5"); 0: no such reports. It is read once, and
 * ignored in programs that run with more rights than who started them.
 *
 * A thread is told by the kernel's id and, in parentheses, by its pthread_self. In a program that has asked, by
 * the variable or by the call below, the report has its name as well, its state, and the system call in which it
 * sleeps, with where that was called, from /proc/self/task: that opens files. What is not printable ASCII in a name is a
 * question mark there. Nothing is missing but that where there is no /proc. Otherwise a report makes no system call but those of any report.
 */
#ifndef QUIESCE_STALL_H
#define QUIESCE_STALL_H

#include <urcu/compiler.h>

/* For #ifdef: that there are such reports. */
#define QUIESCE_STALL_REPORTS 1

_URCU_EXTERN_C_BEGIN

/*
 * From now on the limit is timeout_ms milliseconds; 0: no reports. For all flavors of the program (as with
 * quiesce_set_report_handler, a library that was loaded with RTLD_LOCAL may have its own); a fork's child keeps it. Who
 * waits already may keep the old one. Callable at any time, from any thread and from signal handlers. Keeps errno.
 */
extern void quiesce_set_stall_timeout(unsigned int timeout_ms);

_URCU_EXTERN_C_END

#endif /* QUIESCE_STALL_H */
