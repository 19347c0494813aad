/* SPDX-License-Identifier: MIT */
#ifndef TESTS_TORTURE_H
#define TESTS_TORTURE_H

/*
 * The torture test: everything that a flavor has, used by more threads than there are cores, while
 * they are interrupted, stopped, moved and held up at random. Compiled for each flavor (nothing
 * defined: memb; RCU_MB: mb; TEST_BP: bp; TEST_QSBR: qsbr), as C and as C++.
 *
 *	objects.c	what is published, and what a reader and a last owner find in it
 *	actors.c	readers, those who wait for grace periods in every way, threads born and dying
 *	disturb.c	signals, affinity, priorities
 *	torture.c	options, the process that watches, the account at the end
 *
 * Sleeps and yields here are disorder on purpose: none orders anything.
 */

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* OWN_CTR: the word of the calling thread that grace periods look at, if it IS_READER. */
#if defined(TEST_BP)
#define FLAVOR "bp"
#include <urcu-bp.h>
#define OWN_CTR			(&URCU_TLS(urcu_bp_reader)->ctr)
#define IS_READER		(URCU_TLS(urcu_bp_reader) != NULL)
#define READERS_ARE_FENCED	(!urcu_bp_has_sys_membarrier)
#elif defined(TEST_QSBR)
#define FLAVOR "qsbr"
#include <urcu-qsbr.h>
#define OWN_CTR			(&URCU_TLS(urcu_qsbr_reader).ctr)
#elif defined(RCU_MB)
#define FLAVOR "mb"
#include <urcu.h>
#define OWN_CTR			(&URCU_TLS(urcu_mb_reader).ctr)
#define READERS_ARE_FENCED	true
#else
#define FLAVOR "memb"
#include <urcu.h>
#define OWN_CTR			(&URCU_TLS(urcu_memb_reader).ctr)
#define READERS_ARE_FENCED	(!urcu_memb_has_sys_membarrier)
#endif

/* Workers and all that look here are registered; bp threads are at their first section. */
#ifndef IS_READER
#define IS_READER		true
#endif

#include "../sections.h"

#define get(x)		__atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define put(x, value)	__atomic_store_n(&(x), (value), __ATOMIC_RELEASE)
#define raise_by(x, n)	__atomic_add_fetch(&(x), (n), __ATOMIC_ACQ_REL)

/* ---- What the process that watches can see: memory shared with it ---- */

/* Whatever is done, and has to get on in a run. */
enum kind {
	READING, READING_IN_HANDLERS, SYNCHRONIZING, CALLING, DEFERRING, POLLING, BARRIERS, WORKERS,
	TABLE, BIRTHS, SIGNALS, STALLS, MOVES, PRIORITIES, STOPS, KINDS
};

/* A thread's. Written by it alone. */
struct post {
	enum kind kind;
	bool taken;
	const char *stage;	/* what it is in the middle of; a literal */
	unsigned long steps;	/* changes as it gets on */
};

#define POSTS 512

struct board {
	unsigned long done[KINDS];	/* atomically */
	struct post posts[POSTS];
	unsigned int used;		/* atomically */
	bool over;			/* time is up; by the process that watches */
	int failed;			/* taken by the first thread that fails */
	char failure[256];
};

extern struct board *board;

/* ---- Threads ---- */

struct self {
	struct post *post;		/* NULL in workers, and in threads that are born and die */
	uint32_t random;
	unsigned long youngest[8];	/* versions seen in slots */
};

extern __thread struct self me;

/* What the run is asked to do. */
struct options {
	unsigned int seconds, seed, readers, writers;
	bool allowed[KINDS];
};

extern struct options options;

/* A number below range, from the thread's own sequence, which follows from the seed. */
uint32_t pick(uint32_t range);

/* Mostly nothing, seldom a pause of up to a millisecond. */
void disorder(void);

/* For so long at most, in nanoseconds. */
void sleep_below(uint32_t ns);

/* Say what comes next; the watching process names it should the thread hang there. */
void stage(const char *what);

/* Something was done. */
void done(enum kind kind);

/* Say what is wrong and end the process. From any thread, from a handler. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#define must(cond)								\
	do {									\
		if (!(cond))							\
			fail("%s:%d: not so: %s", __FILE__, __LINE__, #cond);	\
	} while (0)

/* Signals wait until it lets them in. */
pthread_t start_thread(void *(*work)(void *arg), void *arg);

/* ---- objects.c ---- */

#define SLOTS	8

struct object {
	struct rcu_head head;
	struct object *next;		/* unused ones, under the pool's lock */
	int state;
	unsigned int laps;		/* callbacks still to queue before it is released */
	unsigned long version;		/* rises in each slot */
	unsigned int slot;
	unsigned long words[12];	/* follow from version and slot */
};

void objects_begin(void);
/* After all writers: every object but the published ones has come back, once. */
void objects_end(void);

/* Publish a new object in a slot picked at random, and return the old one. */
struct object *replace_object(void);

/* Nobody can hold it any more: poison it, for use again. */
void release_object(struct object *object);

/* A section, and what is in it. */
void look(void);
void look_in_handler(void);

/* ---- actors.c ---- */

void start_actors(void);
void join_actors(void);

/* Nothing that was started is under way any more. */
void actors_end(void);

/* ---- disturb.c ---- */

/* In the first thread, before any other: signals wait until a thread is ready for them. */
void disturbances_begin(void);
void start_disturbances(void);
void join_disturbances(void);

void let_signals_in(void);
void keep_signals_out(void);
void change_own_priority(void);

#endif
