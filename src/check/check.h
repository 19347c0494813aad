/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * liburcu-check.so, which urcu-check preloads: it stands before the libraries, and a program's calls to them
 * go through it. It knows their public headers alone, so it checks liburcu's callers as well. What it knows
 * lies in three places: threads (what each has entered, registered, holds), things (addresses that RCU has a
 * hold on: queued heads, nodes in tables and lists, published pointers), and locks (who waits for whom).
 *
 *	report.c	options, reports
 *	place.c		places in the program: backtraces, with names and lines
 *	real.c		the functions behind
 *	thread.c	threads, and what they leave behind when they end
 *	thing.c		things
 *	reader.c	sections, registration, rcu_dereference
 *	writer.c	grace periods, barriers, publication
 *	callback.c	call_rcu, urcu_free_rcu, defer_rcu
 *	fork.c		the hooks
 *	memory.c	free, and the quarantine
 *	structure.c	hash tables and lists
 *	lock.c		mutexes and rwlocks
 *	watch.c		readers that hold up a grace period for too long
 *
 * A call that comes from the libraries themselves is passed on as it is.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define EXPORT __attribute__((visibility("default")))

enum flavor { FLAVOR_MB, FLAVOR_MEMB, FLAVOR_BP, FLAVOR_QSBR, FLAVORS };

/* ---- Options (URCU_CHECK_OPTIONS): report.c ---- */

struct options {
	bool go_on;		/* do not stop at the first report */
	bool strict;		/* also what is no error as long as no reader looks */
	bool symbols;		/* ask addr2line for names and lines */
	bool abort;		/* end by SIGABRT */
	long exit_status;
	long stall;		/* milliseconds that a reader may hold up a grace period; 0: for ever */
	long quarantine;	/* bytes */
	long frames;
	char log[256];		/* "": descriptor 2 */
};

extern struct options check_options;

/* ---- Places: place.c ---- */

#define PLACE_FRAMES 12

struct place {
	pid_t tid;		/* 0: unknown */
	char name[16];
	int depth;
	void *frames[PLACE_FRAMES];
};

/* Where the caller of the interposed function is: its frames without ours. pc: its return address. */
void check_place(struct place *place, void *pc);
/* Only pc, which is cheap. */
void check_place_short(struct place *place, void *pc);
/* What the thread is called; if it has ended, what it was. */
void check_place_name(const struct place *place, char name[16]);
void check_place_print(int file, const struct place *place);
void check_place_init(void);

#define CALLER __builtin_return_address(0)

/* ---- Reports: report.c ---- */

/*
 * kind: the error's name. here: the place of the call. other, with what it was: NULL, or the first place.
 * Returns if options say so. Once for each kind and pc. Keeps errno.
 */
void check_report(const char *kind, const struct place *here, const char *what, const struct place *other,
		  const char *format, ...) __attribute__((format(printf, 5, 6)));

/* ---- The functions behind: real.c ---- */

/* A name, and its next definition, once that is known. All lie in one section of the object. */
struct real {
	void *address;			/* atomically */
	const char *name;
	unsigned long long missed;	/* objects loaded so far, when it was not found. Atomically */
};

#define REAL_SECTION __attribute__((section("quiesce_reals"), aligned(8)))

/* NULL, or the process ends, if there is none. Keeps errno. */
void *check_find(struct real *real);
void *check_real(struct real *real);

#define FIND(function) __extension__ ({				\
	static struct real real_ REAL_SECTION = { .name = (function) };	\
	check_find(&real_);					\
})

#define REAL(f) __extension__ ({				\
	static struct real real_ REAL_SECTION = { .name = #f };	\
	(__typeof__(&f))check_real(&real_);			\
})

/* All that is there already is found now, and not in a signal handler or in the loader. */
void check_real_init(void);

/* The address of a name, of the calling thread if it is thread-local, in whatever library has it; or NULL. */
void *check_address(const char *name);

/* Whether the code at pc is in a liburcu library; and whether there is any. */
bool check_from_library(void *pc);
bool check_has_library(void);

/* ---- Memory of our own, never given back: real.c ---- */

void *check_allocate(size_t size);

/*
 * One lock for things, threads and locks. Who has it may take it again: a signal handler that interrupts the checks
 * does not get there (check_enter), but for one that forks or exits. No cancellation point; keeps errno.
 */
void check_lock(void);
void check_unlock(void);

/* ---- Threads: thread.c ---- */

#define HELD_LOCKS 32
#define HOLDINGS 256

/* Written by its thread alone; others read what is atomic, or under the lock. */
struct thread_flavor {
	int registered;			/* 0, or by whom; atomically */
	unsigned int nest;		/* sections, as far as they are entered by calls; atomically */
	unsigned int callbacks;		/* of this flavor, that run here, in one another */
	unsigned int between;		/* calls of before_fork without their other hook */
	bool forked;			/* fork was called between the hooks */
	const unsigned long *word;	/* qsbr: the reader's word, 0 while it is offline; for inlined code */
	unsigned long word_seen;	/* by watch.c */
	bool defers;			/* rcu_defer_register_thread */
	bool stalled;			/* reported by watch.c, which writes it */
	int64_t since;			/* when it entered, or announced, last; atomically */
	struct place registered_at;
	struct place entered_at;
	struct place before_at;
};

enum { BY_PROGRAM = 1, BY_LIBRARY };

struct holding {
	const void *pointer;
	void *pc;
};

struct held_lock {
	const void *lock;
	bool shared;			/* for reading */
};

struct thread {
	bool used;			/* under the lock */
	bool busy;			/* in the checks: a signal handler is not checked then */
	bool library;			/* one of the library's own. Written by itself, read under the lock as well */
	bool callback;			/* runs a callback, of any flavor */
	unsigned int deferred;		/* calls of defer_rcu that run here */
	pid_t tid;
	unsigned int rounds;		/* of destructors of thread-specific data */
	struct thread_flavor of[FLAVORS];
	unsigned int places;		/* so far */
	char name[16];			/* at one of the last of them */
	struct place queued_at;		/* the callback that runs */
	unsigned int section;		/* grows at the end of each; atomically */
	/* What the section has got; the last of it is in the array. Atomically. */
	unsigned int holdings;
	struct holding holding[HOLDINGS];
	unsigned int held;
	struct held_lock lock[HELD_LOCKS];
	struct thread *next;
};

/* The calling thread. */
struct thread *check_self(void);
extern struct thread *check_threads;
extern __thread struct thread *check_own;
extern const char *const check_names[FLAVORS];

/* The calling thread is one of the library's. */
void check_is_of_library(void);
/* False in a signal handler that interrupts the checks, and at the process's very beginning. */
bool check_enter(struct thread **self);
void check_leave(struct thread *self);

/* In a section that was entered by calls or by inlined code. */
bool check_in_section(struct thread *self, enum flavor flavor);
bool check_in_any_section(struct thread *self);
/* Registered with qsbr by the program, and online. */
bool check_is_online(const struct thread *thread);
/* Other threads that are known and have not ended. */
bool check_has_others(struct thread *self);
int64_t check_now(void);
void check_thread_init(void);
void check_thread_child(void);

/* ---- Things: thing.c. All under the lock. ---- */

/*
 * HEAD: queued. NODE, LIST: in a table or a list, or taken out of it. POINTER: published by rcu_set_pointer and
 * its like, or not any more. GIVEN: to urcu_free_rcu. FREED: one of these whose memory is in the quarantine.
 * TABLE: a hash table.
 */
enum thing_kind { THING_HEAD, THING_NODE, THING_LIST, THING_POINTER, THING_GIVEN, THING_FREED, THING_TABLE };

struct thing {
	const char *address;
	enum thing_kind kind;
	enum flavor flavor;
	bool out;			/* taken out, and a grace period is due */
	unsigned int places;		/* POINTER: where it is published */
	const void *owner;		/* NODE: its table */
	uint64_t clock;			/* of its taking out; of a head: of its queuing */
	void (*func)(void *);
	struct place in_at, out_at;
	struct thing *next;
};

/* Without the lock: false if there is none for certain in [start, start + size). */
bool check_may_have_things(const void *start, size_t size);
struct thing *check_thing_find(const void *address, enum thing_kind kind);
struct thing *check_thing_add(const void *address, enum thing_kind kind, enum flavor flavor);
void check_thing_drop(struct thing *thing);
/* For each in [start, start + size); visit may drop its argument. */
void check_things(const void *start, size_t size, void (*visit)(struct thing *thing, void *arg), void *arg);
void check_things_all(void (*visit)(struct thing *thing, void *arg), void *arg);

/* ---- Grace periods: writer.c ---- */

/* Grows each time that something is taken out. */
uint64_t check_clock(void);
uint64_t check_clock_next(void);
/* A grace period that began at clock is over. */
void check_grace_over(enum flavor flavor, uint64_t clock);
bool check_grace_since(uint64_t clock);

/* ---- Readers: reader.c ---- */

/* The section holds the pointer now. */
void check_hold(struct thread *self, const void *pointer, void *pc);
void check_hold_nothing(struct thread *self);

/* ---- Memory: memory.c ---- */

void check_memory_init(void);
/* Under the lock. If pointer leads into the quarantine: where it was freed. */
const struct place *check_quarantined(const void *pointer);
/* A reader was given pointer by function: report it if it leads there. */
void check_reached(const void *pointer, const char *function, void *pc);
/* Of a block of malloc's. */
size_t check_size(void *ptr);

/* ---- Forks: fork.c ---- */

/* A call that a child of a fork without hooks must not make. */
void check_used(struct thread *self, enum flavor flavor, const char *function, void *pc);
void check_fork_end(struct thread *self);
/* Something was handed to the flavor to be run later; or its thread is gone. */
void check_queued(enum flavor flavor, bool is);

/* ---- Locks: lock.c ---- */

enum wait { WAIT_READERS, WAIT_CALLBACKS, WAIT_CALLBACK, WAITS };

/* The thread is about to wait, with what it holds. */
void check_wait(struct thread *self, enum flavor flavor, enum wait wait, const char *function, void *pc);
/* Without the lock: false if there is none for certain. */
bool check_may_have_locks(const void *start, size_t size);
/* Under the lock: memory goes away, and the locks in it. */
void check_locks_gone(const void *start, size_t size);

/* ---- Watching: watch.c ---- */

/* A wait for readers begins, and ends. */
void check_watch(enum flavor flavor);
void check_watch_over(enum flavor flavor);
void check_watch_child(void);

/* Reports that others were in the middle of, at a fork. */
void check_report_child(void);
