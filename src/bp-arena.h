/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>

#include <urcu/static/urcu-bp.h>

/*
 * Memory for readers that come unannounced. Slots never move. The first few are static, so that a
 * small program maps nothing; more are mapped in growing chunks, and none is unmapped before exit.
 */

#define BP_ARENA_STATIC 16

struct bp_chunk {
	struct bp_chunk *next;
	size_t size;			/* in bytes, this header included */
	unsigned int count;
	struct urcu_bp_reader readers[];
};

/* All fields are written under lock. */
struct bp_arena {
	pthread_mutex_t lock;
	struct cds_list_head *unused;	/* node.next of a slot points to the next slot's node */
	struct bp_chunk *chunks;	/* mapped ones */
	unsigned int used_static;	/* of first, from its start, were ever handed out */
	struct urcu_bp_reader first[BP_ARENA_STATIC];
};

#define BP_ARENA_INIT { .lock = PTHREAD_MUTEX_INITIALIZER }

/*
 * A slot for the calling thread: out of any section, not registered. While the system has no memory for one it waits
 * and tries again, since there is no way to tell the caller, and reports that once. Call with all
 * signals blocked.
 */
struct urcu_bp_reader *quiesce_bp_arena_get(struct bp_arena *arena);

/* Give a slot back. Call with all signals blocked. */
void quiesce_bp_arena_put(struct bp_arena *arena, struct urcu_bp_reader *reader);

/* In a fork's child: take back every slot but keep, which may be NULL. */
void quiesce_bp_arena_reset(struct bp_arena *arena, struct urcu_bp_reader *keep);

/* At exit: unmap the chunks, if none of their slots is in use. */
void quiesce_bp_arena_trim(struct bp_arena *arena);
