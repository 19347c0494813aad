/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include <urcu/static/urcu-bp.h>

#include "callbacks/callbacks.h"

/*
 * Memory for readers that come unannounced. Slots never move. The first few are static, so that a
 * small program maps nothing; more are mapped in growing chunks, and none is unmapped before exit.
 */

#define BP_ARENA_STATIC 16
#define BP_ARENA_NAMES 64

/* A slot's alloc. An unwatched thread's slot stays its own after its end, until its namesake comes. */
enum { BP_UNUSED, BP_WATCHED, BP_UNWATCHED };

/* Of a thread from its registration to its end. Any other thread-local word takes room of glibc's. */
struct bp_slot {
	struct urcu_bp_reader reader;
	struct own_calls own;
	int destructors;		/* how often bp.c was called as the thread ends */
};

static inline struct bp_slot *quiesce_bp_slot(struct urcu_bp_reader *reader)
{
	return caa_container_of(reader, struct bp_slot, reader);
}

struct bp_chunk {
	struct bp_chunk *next;
	size_t size;			/* in bytes, this header included */
	unsigned int count;
	struct bp_slot slots[];
};

/* All fields are written under lock. */
struct bp_arena {
	pthread_mutex_t lock;
	struct cds_list_head *unused;	/* node.next of a slot points to the next slot's node */
	struct bp_chunk *chunks;	/* mapped ones */
	/* Slots of unwatched threads, by a hash of tid; chained by their next_name. */
	struct urcu_bp_reader *names[BP_ARENA_NAMES];
	unsigned int used_static;	/* of first, from its start, were ever handed out */
	struct bp_slot first[BP_ARENA_STATIC];
};

#define BP_ARENA_INIT { .lock = PTHREAD_MUTEX_INITIALIZER }

/*
 * A slot for the calling thread, not registered and out of any section, with nothing of its own yet. A
 * watched thread gives it back before it ends. One that is not gets the slot of a dead thread that had the
 * same pthread_self, if there is one: that may be registered and in a section. Two live threads never have
 * the same, so the slots of unwatched threads are never more than threads were alive at a time, nearly.
 *
 * While the system has no memory for one it waits and tries again, since there is no way to tell the
 * caller, and reports that once. Call with all signals blocked.
 */
struct urcu_bp_reader *quiesce_bp_arena_get(struct bp_arena *arena, bool watched);

/* Give a slot back. Call with all signals blocked. */
void quiesce_bp_arena_put(struct bp_arena *arena, struct urcu_bp_reader *reader);

/* In a fork's child: take back every slot but keep, which may be NULL. */
void quiesce_bp_arena_reset(struct bp_arena *arena, struct urcu_bp_reader *keep);

/* At exit: unmap the chunks, if none of their slots is in use. */
void quiesce_bp_arena_trim(struct bp_arena *arena);
