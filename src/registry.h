/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who the readers are. A dense array of reader pointers, so that a scan is a run over adjacent
 * words with the readers' own lines prefetched.
 *
 *	readers[0 .. awaited)		the grace period under way still waits for these
 *	readers[awaited .. count)	it does not
 *
 * A reader that registers while a grace period runs joins at the end: its sections are younger.
 * One that leaves is taken out of either part. Both happen under the lock, which is never held
 * while waiting for a reader: a section may register a thread and wait for it.
 */

#include <pthread.h>
#include <stdbool.h>

#include <urcu/arch.h>
#include <urcu/list.h>
#include <urcu/static/urcu-common.h>

/* As many readers as fit before anything is allocated. */
#define REGISTRY_INLINE 32

/*
 * What the four public reader structures have in common, at the same places (asserted in the
 * flavor-*.c). may_alias: it is a view of them, not their type.
 */
struct __attribute__((may_alias)) reader {
	/* Written by the reader's thread alone (urcu/static/urcu-common.h). */
	unsigned long ctr;
	char line[CAA_CACHE_LINE_SIZE - sizeof(unsigned long)];
	/* Below: written under the registry's lock. node is used by readers beyond the array. */
	struct cds_list_head node;
	unsigned long flavors_own[4];
	/* Index in the array plus one; 0: not registered; REGISTRY_BEYOND: in the list. */
	unsigned long slot;
};

#define REGISTRY_BEYOND (~0UL)

/* All fields are written under lock. */
struct registry {
	pthread_mutex_t lock;
	struct reader **readers;
	unsigned long count, awaited, capacity;
	unsigned long registered;	/* in the array and beyond; read by anybody */
	/*
	 * Readers that found the array full and no memory to let it grow. Seldom and few, so each
	 * scan simply looks at all of them.
	 */
	struct cds_list_head beyond;
	bool below_zero;		/* a rescan has met such a reader; read by the leader, whose it is */
	struct reader *room[REGISTRY_INLINE];
};

/* For the descriptor: a registry that is ready before any constructor runs. */
#define REGISTRY_INIT(name) {						\
	.lock = PTHREAD_MUTEX_INITIALIZER,				\
	.readers = (name).room,						\
	.capacity = REGISTRY_INLINE,					\
	.beyond = CDS_LIST_HEAD_INIT((name).beyond),			\
}

/* Whether a reader's word shows more unlocks than locks: no section is half as deep as there are bits. */
static inline bool quiesce_is_below_zero(unsigned long ctr)
{
	return (ctr & URCU_GP_NEST_MASK) > URCU_GP_NEST_MASK / 2;
}

/* Returns false if the reader is registered already. */
bool quiesce_registry_add(struct registry *registry, struct reader *reader);

/* Returns false if the reader is not registered. */
bool quiesce_registry_remove(struct registry *registry, struct reader *reader);

/*
 * Whether nobody but self, who is, is registered; or nobody at all, if self is NULL. A full barrier has to come before. Acquire:
 * what comes after it comes after the sections of all who were registered before.
 */
bool quiesce_registry_alone(const struct registry *registry, const struct reader *self);

/*
 * Look at every reader for the grace period numbered by the high half of gp_ctr, and note those
 * that are in an older section. Returns how many there are. Takes the lock.
 */
unsigned long quiesce_registry_scan(struct registry *registry, unsigned long gp_ctr);

/*
 * Look again at those only. Returns how many are left. Takes the lock. A reader of more unlocks than
 * locks is none of them, and is noted in below_zero.
 */
unsigned long quiesce_registry_rescan(struct registry *registry, unsigned long gp_ctr);

/* Call ask for each of those. Takes the lock. */
void quiesce_registry_ask(struct registry *registry, void (*ask)(struct reader *reader));

/* In a fork's child: forget everybody but self, which may be NULL. Nothing of theirs is touched. */
void quiesce_registry_reset(struct registry *registry, struct reader *self);

/* At exit: give the array's memory back if the readers fit without it. */
void quiesce_registry_trim(struct registry *registry);
