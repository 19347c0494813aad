/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A stateless model checker for the library's own code: doc/design/checker.md. The code under test is
 * compiled with the compiler's thread sanitizer, whose calls end here, and its calls into the C library are
 * renamed to sim_*. One system thread; the code's threads are coroutines.
 *
 *	explore.c	which executions: choices, by search, by seed or from a file
 *	threads.c	coroutines, who runs next, deadlock
 *	memory.c	what a load may return: histories, clocks, fences
 *	races.c		plain accesses, blocks of memory, what was freed
 *	tsan.c		the sanitizer's calls
 *	pthread.c	threads, mutexes, conditions, keys
 *	process.c	fork, exit, signals
 *	moved.c		stores that a compiler may move, as a fork's child finds them
 *	system.c	futex, membarrier, clocks, memory
 *	weaken.c	orders that are weaker than in the source
 *	trace.c		the steps of an execution, as people read them
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

/* Threads of an execution; one more place in each clock counts sequentially consistent stores. */
#define THREADS		7
#define SC		THREADS
#define PLACES		(THREADS + 1)

typedef uint32_t instant;		/* of a thread: rises with what it does; 0: never */

struct clock {
	instant of[PLACES];
};

/*
 * What a thread knows. happens: what happens before its next step, for data races. sees: what a load of
 * its must not be older than; more than that, for fences order without synchronizing.
 */
struct view {
	struct clock happens, sees;
};

/* A store of a location's history. */
struct message {
	uint64_t value;
	struct view released;		/* what who reads it by acquire gets */
	instant seen[PLACES];		/* when each thread first knew of it */
	uintptr_t code;
	uint8_t by;
};

enum what {
	RUNNING, WAIT_FUTEX, WAIT_MUTEX, WAIT_CONDITION, WAIT_JOIN, WAIT_MOMENT, ENDED
};

#define DEPENDENCIES	512

/* What was learned with the pointer to a block, for those who go on through that pointer. */
struct dependency {
	uintptr_t block;
	struct view view;
};

struct thread {
	int number;
	enum what what;
	uintptr_t object;		/* what it waits for */
	uint64_t deadline;		/* virtual ns; UINT64_MAX: none */
	bool woken, yielded, detached, joined, by_program;
	bool gone;			/* it was left behind by a fork */
	bool interrupted;		/* from a wait, by a signal */
	uint64_t mask, pending;		/* signals, a bit each */
	unsigned int looks;		/* loads since its last store */
	unsigned int priority;
	struct view view, learned, fenced;	/* learned: for an acquire fence; fenced: by a release fence */
	struct dependency dependencies[DEPENDENCIES];
	unsigned int dependency_count;
	struct view carried;		/* all of these together */
	void *(*start)(void *);
	void *arg, *result;
	void *keys[32];
	void *cleanup;			/* the innermost of what pthread_cleanup_push has made */
	int saved_errno;
	bool started;
	jmp_buf here;
	ucontext_t context;
	char *stack;
};

/* Stacks are at the same place in each run, for replay. */
#define STACK_SIZE	(256 * 1024)
#define STACKS		UINT64_C(0x200000000000)

static inline bool ck_is_stack(uintptr_t address)
{
	return address - STACKS < THREADS * STACK_SIZE;
}

extern struct thread ck_threads[THREADS];
extern int ck_thread_count;
extern struct thread *ck_self;		/* NULL: no execution is under way */

/* ---- explore.c ---- */

enum choice_kind {
	CHOOSE_THREAD,		/* who goes on, where the last one cannot */
	CHOOSE_SWITCH,		/* whether another goes on, though it could; 0: no */
	CHOOSE_STORE,		/* which store a load returns; 0: the newest */
	CHOOSE_FAIL,		/* whether a call fails; 0: no */
	CHOOSE_MOMENT,		/* whether a fork, an exit or a signal comes now; 0: not yet */
	CHOOSE_SIDE,		/* of a fork: 0: the child's */
	CHOICE_KINDS
};

int ck_choose(enum choice_kind kind, int count);

/* The same among threads, whose numbers are given. */
int ck_choose_thread(enum choice_kind kind, const int *options, int count);

/* Whether what may come at any moment comes now. */
bool ck_choose_moment(void);

/* A fault of the code under test: the execution ends here. */
__attribute__((noreturn, format(printf, 1, 2))) void ck_fail(const char *format, ...);
__attribute__((noreturn)) void ck_finish(void);	/* the execution is over */
__attribute__((noreturn)) void ck_cut(void);	/* it is longer than is looked at */

/* Whether a location has been seen to be used by two threads, in this execution or another. */
bool ck_is_shared(uintptr_t address);

extern bool ck_tracing, ck_malloc_fails;
extern void (**ck_scenario_fini)(void), (**ck_scenario_fini_end)(void);	/* its destructors */

/* ---- threads.c ---- */

void ck_run(void (*first)(void));	/* an execution, up to ck_finish */
void ck_step(bool point);		/* before a step that others may see: another may come first */
void ck_block(enum what what, uintptr_t object, uint64_t deadline);
void ck_wake(struct thread *thread);
void ck_yield(void);
int ck_wake_all(enum what what, uintptr_t object, int count);
struct thread *ck_new_thread(void *(*start)(void *), void *arg);
uint64_t ck_now(void);			/* virtual */
void ck_pass(uint64_t ns);
void *ck_tls(void *control);		/* the calling thread's variable */
/*
 * Until a step of another thread before which the caller's is to come: any of those that change something, or
 * the end of all that the others can do.
 */
void ck_await_moment(void);
/* Before a step that changes something, or for signals, any: what was to come at some moment comes, perhaps. */
void ck_moment(bool changes);
/* In a fork's child: the others are gone. */
void ck_leave_behind(void);

/* ---- memory.c ---- */

void ck_memory_reset(void);
void ck_join(struct view *to, const struct view *from);
uint64_t ck_load(uintptr_t address, int size, int order, uintptr_t code);
void ck_store(uintptr_t address, int size, uint64_t value, int order, uintptr_t code);
void ck_look(uintptr_t address, int size, uintptr_t code);
void ck_touch(uintptr_t address, int size, uintptr_t code);
void ck_fence(struct thread *thread, int order);
void ck_membarrier(void);
uint64_t ck_newest(uintptr_t address, int size);

/* A read-modify-write: change gets the old value and its argument. */
uint64_t ck_change(uintptr_t address, int size, uint64_t (*change)(uint64_t, uint64_t), uint64_t argument,
		int order, uintptr_t code);
/* Returns the old value; it was replaced if that is expected. */
uint64_t ck_compare(uintptr_t address, int size, uint64_t expected, uint64_t value, int order, int otherwise,
		uintptr_t code);

/*
 * A fork's child knows of all that is in its memory: that of each thread up to where it stood, for the kernel takes
 * the right to write away from all, which waits for each store that has begun.
 */
void ck_memory_fork(void);
/* What the kernel does with some memory in the child. */
void ck_wipe(uintptr_t address, size_t length);

/* A plain store is about to happen where there may be a history. */
void ck_overwrite(uintptr_t address, int size, uintptr_t code);

/* Release to, and acquire from, a thing of the C library. */
void ck_release_to(struct view *thing);
void ck_acquire_from(const struct view *thing);

/* Whether the thread knows all of an instant of another. */
instant ck_tick(void);

/* ---- races.c ---- */

void ck_races_reset(void);
void ck_access(uintptr_t address, size_t size, bool write, bool atomic, uintptr_t code);
void *ck_allocate(size_t size, size_t align);
void ck_free(void *block, uintptr_t code);
size_t ck_size(const void *block);
/* Where the block begins that holds an address; of what was not allocated, a part of it; 0: none. */
uintptr_t ck_block_of(uintptr_t address);
/* As C11 has it, a pointer's load orders nothing by itself. */
extern bool ck_no_dependencies;
/* What the thread knows by a pointer to that block; NULL: nothing. */
const struct view *ck_dependency(const struct thread *thread, uintptr_t address);
/* The thread has read value, perhaps a pointer, from address, where a store with this view put it. */
void ck_depend(uintptr_t address, uint64_t value, const struct view *view);
/* The last plain store to a place: who and when. */
int ck_last_write(uintptr_t address, instant *when);
int ck_block_number(uintptr_t address, size_t *offset);

/* ---- moved.c ---- */

/* Before a store of the caller's that is no release; and before one that those may come after. */
void ck_note_store(uintptr_t address, size_t size);
void ck_weaker_store(void);
/* Nothing that the thread has stored comes later than this. */
void ck_settle(int number);
/* In a fork's child: what the thread has moved is not there, perhaps. */
void ck_move(const struct thread *thread);

/* ---- weaken.c ---- */

/* What an order is of. Of a compare, PART_FAILURE is where it fails. */
enum part {
	PART_LOAD, PART_STORE, PART_CHANGE, PART_FAILURE, PART_FENCE, PART_MEMBARRIER
};

/* The order there: that of the source, or the one that is to be in its place. */
int ck_met(uintptr_t code, enum part part, int order);
bool ck_weaken(const char *text);
void ck_list_sites(void);
extern bool ck_listing;
/* It was the one of a store, which is weaker now. */
extern bool ck_moves;

/* ---- pthread.c ---- */

/* A lock that a thread had which a fork left behind is a fault, unless the child has made it anew. */
void ck_check_locks(void);

/* ---- process.c ---- */

void ck_process_reset(void);
/* The first thread of the process has returned, or it ends without more ado. */
__attribute__((noreturn)) void ck_process_end(void);
bool ck_is_first(const struct thread *thread);
/* Signals that the calling thread can get are there. */
void ck_handle_signals(void);
static inline bool ck_has_signal(const struct thread *thread)
{
	return thread->pending & ~thread->mask;
}

/* ---- trace.c ---- */

__attribute__((format(printf, 2, 3))) void ck_trace(uintptr_t code, const char *format, ...);
void ck_trace_reset(void);
void ck_trace_print(void);
const char *ck_name(uintptr_t address);		/* of a variable; in one of a few static buffers */
const char *ck_order(int order);

#define CODE ((uintptr_t)__builtin_return_address(0))
