/* SPDX-License-Identifier: MIT */
/*
 * The store: records by key, read under RCU while one writer at a time changes them.
 *
 * A record is put in the place of another in one step, so that a lookup of a key which is always
 * present always finds it: a reader that comes between a deletion and an addition would find neither.
 */
#ifndef SNAPSHOT_STORE_H
#define SNAPSHOT_STORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "snapshot-flavor.h"
#include <urcu/rculfhash.h>

/* The text a record is made from. It is loaded once and never changes. */
struct stanza {
	const char *key;	/* ends with a NUL */
	size_t key_at;		/* where in body the key stands */
	const char *body;
	size_t length;		/* of body */
};

/* One version of one record. Only state changes once it is published. */
struct record {
	struct cds_lfht_node node;
	struct rcu_head rcu;
	atomic_uint state;		/* enum record_state */
	const struct stanza *origin;
	uint64_t version;		/* how often this key has been written */
	uint64_t txn;			/* the transaction that wrote it */
	uint64_t checksum;		/* record_checksum() of all of the above and the body */
	size_t length;
	char body[];
};

enum record_state {
	RECORD_LIVE = 0x4c495645,
	RECORD_RETIRED = 0x52455449,	/* given to call_rcu; readers may still see it */
	RECORD_POISON = 0xdbdbdbdb,	/* freed; no reader may ever see it */
};

struct store {
	struct cds_lfht *records;
	pthread_mutex_t turn;		/* taken and dropped on the way to writer */
	pthread_mutex_t writer;
	/* All below: under the writer lock. */
	uint64_t txn;			/* the last transaction */
	uint64_t count;			/* records in the store */
	uint64_t version_sum;		/* sum of their versions */
};

void store_init(struct store *store);
/* Delete what is left and free the table; rcu_barrier() is left to the caller. */
void store_destroy(struct store *store);

/* The writer lock is handed over in turn: a writer in a tight loop cannot starve another. */
void store_lock(struct store *store);
void store_unlock(struct store *store);

/* Inside a section, which keeps the record: the record of a key, or NULL. */
const struct record *store_lookup(struct store *store, const char *key);
/* Under the writer lock: add the record, or put it in place of the one that is there. */
void store_replace(struct store *store, const struct stanza *origin, uint64_t version,
		   uint64_t txn);
/* Under the writer lock: whether there was such a record. */
int store_delete(struct store *store, const char *key);
/* Call visit for every record, in one section, until it returns non-zero; return that. */
int store_for_each(struct store *store, int (*visit)(const struct record *record, void *arg),
		   void *arg);
/* Outside of sections: give the table another size, while everybody goes on. */
void store_resize(struct store *store, unsigned long buckets);

/* Inside a section: what is wrong with a record, or NULL. */
const char *record_verify(const struct record *record, const struct stanza *expected);

#define FNV1A_START 0xcbf29ce484222325u
uint64_t fnv1a(uint64_t hash, const void *data, size_t length);
uint64_t record_checksum(uint64_t version, uint64_t txn, const char *body, size_t length);

/* This process's accounts. Every object of the store is freed by a callback of its own. */
unsigned long store_callbacks_queued(void);
unsigned long store_callbacks_run(void);
unsigned long store_objects(void);	/* allocated, not yet freed */

#endif
