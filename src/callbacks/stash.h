/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What waits to be freed: stashes (stash.c), and who gives to them and waits for them (free.c). A part of
 * callbacks.h, which says what else there is.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "system/sanitize.h"
#include "system/system.h"

struct rcu_head;
struct worker;
struct workers;

/* Pointers in an array; power of two. */
#define STASH_ARRAY	256UL
/* One of so many pointers takes the long way: its size is asked for, and it may need another array. Divides that. */
#define STASH_STRIDE	16

/* So many pointers of a giver who goes on giving are left to him; with more he does not keep up. */
#define STASH_LEFT_TO_GIVER (16 * STASH_ARRAY)

/*
 * Of a stash, for its pointers number base to base + STASH_ARRAY. All is written by who gives; next, while it is
 * spare, by who has the turn.
 */
struct stash_array {
	unsigned long base;		/* before given passes it */
	struct stash_array *next;	/* before given passes the end */
	void *pointers[STASH_ARRAY];
};

/*
 * What a thread has given to free_rcu: a queue from one giver at a time to whoever has its turn, oldest first.
 * Numbers count pointers since the beginning. Of those in [freed, mark) the grace period is known, the
 * ticket's; of [mark, given) it is not yet.
 */
struct stash {
	/* Written by the giver: its thread; of the shared one, whoever holds stashes.lock. */
	unsigned long given;		/* read by others atomically */
	struct stash_array *last;	/* where the next one goes */
	struct stash_array *spare;	/* empty ones, put there by who has the turn, taken by the giver; atomically */
	size_t size;			/* of what was given last, about; 0: not known; atomically */
	bool owned;			/* by a thread; atomically */
	struct stash *next;		/* in stashes.list; not written once it is in there */
	/* 0: nobody frees; 1: somebody does; 2: and others may sleep on it. Atomically. */
	int32_t turn __attribute__((aligned(QUIESCE_APART)));
	/* Below: written by who has the turn. */
	struct holder consumer;
	unsigned long freed;		/* read by others atomically */
	unsigned long mark, ticket;
	struct stash_array *first;	/* of the pointer freed, or the one before that */
	unsigned long swept;		/* what was given at the last sweep; written by the sweeping worker */
};

enum sweep {
	SWEEP_NONE,		/* nothing waits to be freed */
	SWEEP_UNSERVED,		/* something does, and there may be no thread that knows of it */
	SWEEP_SERVED,		/* the standard worker will see to it */
};

/* All stashes of a domain. They stay until the library is unloaded; threads come and go. */
struct stashes {
	struct stash *list;		/* those of threads; atomically, at its front */
	int32_t sweep;			/* enum sweep; atomically */
	bool reported;			/* that something is lost; atomically */
	void (*release)(void *ptr);	/* NULL: free; set once, atomically */
	pthread_mutex_t lock;		/* who gives to shared; not held while it is waited, freed or called */
	struct stash shared;		/* of threads that have none, and for want of memory */
	struct stash_array room[2];	/* of shared */
};

/* ---- What waits to be freed: stash.c ---- */

/* Whether all that was given to free_rcu is freed. */
bool quiesce_stashes_empty(struct workers *all);

/* About how many bytes wait in all of them. */
size_t quiesce_stashes_bytes(struct workers *all);

/* The first stash, then the one after the last that was returned; NULL at the end. None is ever taken out. */
struct stash *quiesce_stash_next(struct workers *all, struct stash *before);

/* By the giver: one more pointer. False: there is no memory for it. */
bool quiesce_stash_give(struct workers *all, struct stash *stash, void *ptr);

/* The same where there is room. */
static inline void quiesce_stash_put(struct stash *stash, void *ptr)
{
	unsigned long given = stash->given;

	stash->last->pointers[given % STASH_ARRAY] = ptr;
	quiesce_delay();
	quiesce_tell_release(&stash->given);
	/* Release: who sees it sees the pointer, its array, and what the giver did before. */
	__atomic_store_n(&stash->given, given + 1, __ATOMIC_RELEASE);
}

/* By the giver, not of the shared one. */
void quiesce_stash_free_spares(struct stash *stash);

/* How many pointers wait in it; and whether the first so many do not, and nobody is about to free one. */
unsigned long quiesce_stash_waiting(const struct stash *stash);
bool quiesce_stash_has_freed(const struct stash *stash, unsigned long given);

/*
 * Free what is due of it, at most so much, and mark the rest for the next grace period. tidy does nothing if
 * somebody else has the turn; empty waits for it, unless that is the calling thread, and has no limit. It
 * returns whether nothing is left.
 */
void quiesce_stash_tidy(struct workers *all, struct stash *stash, unsigned long most);
bool quiesce_stash_empty(struct workers *all, struct stash *stash);

/*
 * By the standard worker, while it is busy, after each grace period. False: it was cut short, as the worker is to
 * pause, or to leave; what is due is still there.
 */
bool quiesce_stashes_sweep(struct workers *all, struct worker *worker);

/* The worker may have lost its thread: then nobody serves what is to be swept, and the next who gives asks again. */
void quiesce_worker_leave_sweep(struct workers *all, const struct worker *worker);

/* Give one pointer back, here and now. */
void quiesce_release(const struct workers *all, void *ptr);

/* In a fork's child: the giver is nobody, or the forking thread. */
void quiesce_stashes_child(struct workers *all);

/* At the library's end: those that no other thread has. */
void quiesce_stashes_trim(struct workers *all);

/* urcu_free_rcu_head: in place of a function one more than where in its object the head is. NULL is no such. */
#define QUIESCE_OFFSETS 4096UL

static inline bool quiesce_is_offset(void (*func)(struct rcu_head *head))
{
	return (uintptr_t)func - 1 < QUIESCE_OFFSETS;
}

/* ---- free_rcu: free.c. urcu/free-rcu.h has the contracts. ---- */

/* stash: the calling thread's, or NULL. */
void quiesce_free(struct workers *all, struct stash *stash, void *ptr);
int quiesce_free_with(struct workers *all, void (*release)(void *ptr));
void quiesce_free_at(struct workers *all, struct rcu_head *head, size_t offset);

/* Wait until all is freed that was given before. Not in a section; not between the fork hooks. */
void quiesce_free_barrier(struct workers *all);

/* The same for as long as is left, where there is a thread for it. Returns whether all of that is freed. */
bool quiesce_free_until(struct workers *all, uint64_t *left, const char *function);

/* The calling thread ends: what it has given is freed by others. */
void quiesce_free_end(struct workers *all);
