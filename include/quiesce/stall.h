/* SPDX-License-Identifier: MIT */
/*
 * Stalls: what waits for longer than a limit, who holds it up, and what that thread does. Each is one report
 * (quiesce/report.h), by a thread that waits; it comes when the limit has passed and again each time that the wait
 * has become twice as long. No thread, no timer and no signal is made for it, and readers do nothing. doc/stalls.md
 * has an example of each.
 *
 *	a grace period		each reader that it waits for: its thread, how deep in sections; how much waits behind it
 *	its leader		if that does not go on, for those who wait for him: his thread
 *	a callback		that rcu_barrier, urcu_drain, call_rcu_data_free, exit or the fork hooks wait for: the function
 *				and the thread
 *	one nobody waits for	the same, by a thread that calls call_rcu or urcu_free_rcu: it looks each time that twice as many
 *				wait as the last time, or that it has given some dozens to be freed. Not for workers that are
 *				URCU_CALL_RCU_RT, whose producers make no system call
 *	another's fork		the thread between the hooks, or that forgot the second, for who waits for its locks, and for
 *				workers that it has paused. Of those who wait one reports it
 *	a release function	of urcu_free_rcu_with: the function, and the thread that it runs in
 *	a deferred call		that another thread runs, for who waits in rcu_defer_barrier, rcu_defer_barrier_thread,
 *				rcu_defer_unregister_thread, or defer_rcu on a full queue: the function, and that thread. Of
 *				those who wait one reports it
 *	a worker's thread	that cannot be made: why, and how much waits; at once, and when the limit has passed
 *
 * Not reported is what waits for a lock of the program.
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
