/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The ground floor: what is asked of the kernel and the C library, and what tools are told. It knows
 * nothing of readers or callbacks.
 *
 *	wait.c		sleeping on a futex, and time
 *	lock.c		locks that are kept for long
 *	membarrier.c	a barrier on every thread
 *	cpu.c		the machine's CPUs
 *	signals.c	signals that have to wait
 *	generation.c	which process this is, after a fork
 *	end.c		whether the process ends
 *	watchers.c	whether a tool looks at memory and threads
 *	report.c	what there is to say to the program
 *	place.c		what there is at an address
 *	stall.c		when a wait is a stall, and who a thread is: quiesce/stall.h
 *	version.c	which library this is: quiesce/version.h
 *	delay.c		disorder on purpose, for the torture test
 *	compat-futex.c	urcu/futex.h, for old binaries
 *	sanitize.h	what ThreadSanitizer is told
 *	probe.h		what tracers can look at
 *
 * One header for the room; sanitize.h is apart because src/cds needs nothing else.
 */

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Of no TLS model, so that it is reached by a call: initial-exec would take of what the C library
 * keeps in reserve for dlopen, which a few plug-ins or namespaces use up, and musl has none.
 */
#define QUIESCE_TLS __thread

/* So far apart is what different threads write: processors fetch lines of 64 bytes in pairs. */
#define QUIESCE_APART 128

/* A token that is the calling thread's alone and stays its own in a fork's child. */
static inline const void *quiesce_self(void)
{
	return (const void *)pthread_self();
}

/* ---- Waiting ---- */

/*
 * The one place in the tree that sleeps on a futex or wakes one.
 *
 * Every waiter looks at its condition, sleeps on a word that changes with the condition, and looks
 * again: a wake-up without cause costs a look and nothing else.
 */

#define QUIESCE_NS_PER_US	UINT64_C(1000)
#define QUIESCE_NS_PER_MS	UINT64_C(1000000)
#define QUIESCE_NS_PER_S	UINT64_C(1000000000)
#define QUIESCE_FOREVER		UINT64_MAX

/*
 * CLOCK_MONOTONIC in nanoseconds, as the C library tells it: a program may have put a clock of its
 * own in its place (libfaketime), which is far off, stands still or jumps. Good for how long to spin
 * or to linger, each of which has a bound in counts beside it; never for a deadline.
 */
uint64_t quiesce_now(void);

/*
 * Sleep while *word is value, until woken. left (NULL: no limit) is how many nanoseconds the caller
 * may still wait in all (QUIESCE_FOREVER: no limit): the wait takes what it used off that. The
 * kernel measures it; of a wait that was woken a clock tells how long it took, and at most
 * QUIESCE_WAIT_MAX is believed of it. Returns false when nothing is left; true tells nothing but to
 * look again, and comes after QUIESCE_WAIT_MAX at the latest if there is a limit.
 *
 * The word must belong to this process alone.
 */
#define QUIESCE_WAIT_MAX	(100 * QUIESCE_NS_PER_MS)
bool quiesce_wait(int32_t *word, int32_t value, uint64_t *left);

/* Wake up to count sleepers (INT_MAX: all) of quiesce_wait on word. */
void quiesce_wake(int32_t *word, int count);

/*
 * The same wait on gp.futex, which readers wake by the shared operation (urcu_common_wake_leader): a
 * private sleeper would never hear of it. It may take all that is left, and then believes the clock for as much.
 */
bool quiesce_wait_shared(int32_t *word, int32_t value, uint64_t *left);

/* Sleep for so long; nobody wakes it. For readers that wake nobody (bp). */
void quiesce_sleep(uint64_t ns);

/* Sleep for ns, or for as long as is left, and take off that what it took: on a busy machine much more. */
void quiesce_spend(uint64_t *left, uint64_t ns);

/* ---- Locks that are kept for long ---- */

/*
 * A mutex in a word, 0 while it is free, for owners who keep it while the program does what it likes: who waits can
 * say so, and for whom, and may have a limit. In a fork's child the owner's copy is unlocked by storing 0.
 */
struct watch;
bool quiesce_lock_try(int32_t *lock);

/*
 * For who found it taken: true, it is the caller's now; false: he has slept until it was given back, until left (NULL:
 * no limit) was used up, or until watch was due, and is to look at these and to call again.
 */
bool quiesce_lock_step(int32_t *lock, uint64_t *left, struct watch *watch);
void quiesce_unlock(int32_t *lock);

/* ---- Barriers on other threads ---- */

/*
 * Ask the kernel for MEMBARRIER_CMD_PRIVATE_EXPEDITED (membarrier(2)). Returns whether it grants
 * it; a kernel or a seccomp filter that refuses (ENOSYS, EPERM, EINVAL) is no error.
 */
bool quiesce_membarrier_init(void);

/*
 * A full barrier on every running thread of this process, the caller included. Returns false when
 * the kernel refuses, though init was granted: the caller must then not rely on it.
 */
bool quiesce_membarrier(void);

/*
 * The same by whatever means, for readers that were granted it and count on it. If the kernel has
 * taken membarrier away since (a sandbox entered late), the caller visits every CPU of its cpuset
 * instead, slowly: each switch to it is a full barrier there. There is no going back to fences in the
 * readers, because one of them may have been about to enter without for any length of time. Aborts
 * with a message if the kernel refuses this too, for a single CPU even: readers would go unprotected.
 */
void quiesce_order_all_threads(void);

/* The same for who can do without: false if the kernel refuses both. */
bool quiesce_try_order_all_threads(void);

/* ---- Signals ---- */

/*
 * Block the calling thread's asynchronous signals; unblock: as they were. Those that an instruction or a system
 * call raises (SIGSYS of a seccomp filter) stay as they are: blocked, they would kill the process whatever its handlers.
 */
void quiesce_block_signals(sigset_t *before);
void quiesce_unblock_signals(const sigset_t *before);

/* ---- CPUs ---- */

/* Masks for up to 8192 CPUs, what kernels are built for at most. */
#define QUIESCE_CPU_WORDS (8192 / (8 * sizeof(unsigned long)))

/*
 * One more than the highest CPU number this machine can have; at least 1. The first call reads a file.
 * Where there is no /sys it is a guess: quiesce_cpu_current may be beyond.
 */
unsigned int quiesce_cpu_count(void);

/* The CPU the caller runs on, or -1 if the kernel does not say. May be old when it returns. */
int quiesce_cpu_current(void);

/* Bind the calling thread to cpu if the kernel allows it; otherwise leave it free. */
void quiesce_cpu_bind(int cpu);

/* ---- Processes ---- */

/* What has to be told of a fork, in the child, while that has one thread. Never unlisted. */
struct heir {
	void (*inherit)(void *arg);
	void *arg;
	struct heir *next;
};

/*
 * Which process this is: a number that stays the same as long as it lives, and is another one, and
 * larger, in the child of a fork. Two processes may have the same process id (each is the first of
 * its namespace), and to ask for it would be a system call; this is a look at two words.
 *
 * fork tells by a pthread_atfork handler. Children that it knows nothing of (clone, _Fork) are told
 * by a page that the kernel empties in them, once quiesce_generation_watch was called; vfork's share
 * their parent's memory and are no processes here.
 */
int32_t quiesce_generation(void);

/* By a constructor, once for each heir. */
void quiesce_add_heir(struct heir *heir);

/*
 * Have that page: one madvise in the life of a process. Without it, or where the kernel refuses it,
 * clone and _Fork go unnoticed.
 */
void quiesce_generation_watch(void);

/* ---- The end, and who watches ---- */

/*
 * Find out about the end from here on: exit calls what was registered by atexit, after main began,
 * before the destructors of libraries, and dlclose after that of the library which it closes.
 */
void quiesce_end_watch(void);

/* By whoever was registered later, so that exit calls it first. */
void quiesce_note_end(void);

/* Whether exit was called, and whether the library's destructor was, by dlclose. */
bool quiesce_process_ends(void);
bool quiesce_library_ends(void);

/*
 * In a fork's child, by its only thread: whether the end goes on here, as it was this thread that called exit. Another's
 * exit is not the child's.
 */
bool quiesce_child_ends(void);

/*
 * Whether something looks for pointers in memory, and would miss those with a tag, or in a mapping; or
 * for threads that nobody joined. May be called in a constructor before ours.
 */
bool quiesce_is_watched(void);

/* ---- Reports ---- */

/*
 * Tell the program: by its handler, or one line, "liburcu: <message>", written by one write(2) to where
 * quiesce/report.h says. For misuse by the program and for shortages that no return value can tell; never
 * for what the caller can handle.
 */
void quiesce_report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How many there were, silent ones too. Raised atomically. */
extern unsigned long quiesce_reports;

/* ---- Stalls ---- */

/* How long a wait takes before it is a stall; QUIESCE_FOREVER: none is. Reads the environment once. */
uint64_t quiesce_stall_time(void);

/* A wait that may become one; all zero as it begins. */
struct watch {
	uint64_t waited, due;		/* how long by now, and when to look: ns; due 0: as a stall is */
	/* For the one who looks: at what, how it was then, and when that was. */
	const void *target;
	unsigned long seen;
	uint64_t since;
};

/* One that is due a moment later already, so that a short wait does nothing for it. */
struct watch quiesce_watch(void);

/*
 * By who looks: at this target, as it is now. The time begins anew, and the watch is due when a stall has taken its
 * time from now on.
 */
void quiesce_watch_anew(struct watch *watch, const void *target, unsigned long seen);

/*
 * By who waits: whether it is a stall by now. If so it is due next when the wait since then is twice as long; never
 * again if stalls are not to be reported any more.
 */
bool quiesce_watch_is_due(struct watch *watch);

/* What any who wait may report, last: by who does, atomically. */
struct told {
	unsigned long number;		/* how far it was then */
	unsigned long until;		/* ms of quiesce_now: no other report of the same before; 0: none was yet */
};

/* By who is about to: whether nobody else has just reported the same. ns: how long it has been so. */
bool quiesce_is_first(struct told *told, unsigned long number, uint64_t ns);

/* Who has what others wait for, while the program does what it likes. By himself, atomically. */
struct holder {
	const void *thread;		/* its quiesce_self; NULL: nobody */
	int id;				/* the kernel's */
	struct told told;
};

/* The calling thread is it from now on; or nobody is. */
void quiesce_hold(struct holder *holder);
void quiesce_let_go(struct holder *holder);

/*
 * By who waits, after he has slept: whether he is to report the holder, who has not got on for as long as a stall
 * takes. number: of what it does; another one is another wait.
 */
bool quiesce_holder_is_due(struct holder *holder, unsigned long number, struct watch *watch);

/* As quiesce_wait, but returns as well when watch is due; what it took is added to watch.waited. */
bool quiesce_watched_wait(int32_t *word, int32_t value, uint64_t *left, struct watch *watch);

/*
 * The kernel's id of a thread that has not been joined; 0: it has ended. Makes no system call.
 */
int quiesce_thread_id(pthread_t thread);

/* Texts for reports. Each returns the text in room. */
struct time_text { char text[32]; };
struct place_text { char text[144]; };
struct thread_text { char text[288]; };
const char *quiesce_time_text(struct time_text *room, uint64_t ns);
const char *quiesce_place_text(struct place_text *room, const void *address);
const char *quiesce_thread_text(struct thread_text *room, pthread_t thread, int id);

/* ---- Delays ---- */

/*
 * Marked points of the engine and the hash table, between every two steps that another thread might
 * come between. In a build for the torture test (configure --enable-delays) a thread that passes one
 * mostly goes on, sometimes lets others run, and seldom is held up for up to 1 ms; what it does
 * follows from the number in URCU_DELAY_SEED. In all other builds a point is nothing.
 *
 * A delay is disorder on purpose. It orders nothing, and nothing may rely on it: the rule against
 * sleeps of a fixed time is not meant here.
 */
#ifdef QUIESCE_DELAYS
void quiesce_delay(void);
#else
static inline void quiesce_delay(void)
{
}
#endif
