/* SPDX-License-Identifier: MIT */
#include "snapshot-store.h"

#include <stdlib.h>
#include <string.h>

#include <urcu/compiler.h>

#include "snapshot.h"

static atomic_ulong callbacks_queued;
static atomic_ulong callbacks_run;
static atomic_ulong objects;

uint64_t fnv1a(uint64_t hash, const void *data, size_t length)
{
	const unsigned char *byte = data;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ byte[i]) * 0x100000001b3u;
	return hash;
}

uint64_t record_checksum(uint64_t version, uint64_t txn, const char *body, size_t length)
{
	uint64_t hash = fnv1a(FNV1A_START, &version, sizeof(version));

	hash = fnv1a(hash, &txn, sizeof(txn));
	return fnv1a(hash, body, length);
}

static void *object_new(size_t size)
{
	void *object = malloc(size);

	if (!object)
		die("malloc");
	atomic_fetch_add_explicit(&objects, 1, memory_order_relaxed);
	return object;
}

/* Only callbacks free. The poison makes a reader that was forgotten show itself. */
static void object_free(void *object, size_t size)
{
	memset(object, 0xdb, size);
	cmm_barrier();			/* or the compiler drops the poison as a dead store */
	free(object);
	atomic_fetch_sub_explicit(&objects, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&callbacks_run, 1, memory_order_relaxed);
}

static void retire(struct rcu_head *head, void (*callback)(struct rcu_head *head))
{
	atomic_fetch_add_explicit(&callbacks_queued, 1, memory_order_relaxed);
	call_rcu(head, callback);
}

static void record_free(struct rcu_head *head)
{
	struct record *record = caa_container_of(head, struct record, rcu);
	unsigned int state = atomic_load_explicit(&record->state, memory_order_relaxed);

	if (state != RECORD_RETIRED)
		fail("callback of a record in state %#x: run twice, or never queued", state);
	object_free(record, sizeof(*record) + record->length);
}

static void record_retire(struct record *record)
{
	atomic_store_explicit(&record->state, RECORD_RETIRED, memory_order_relaxed);
	retire(&record->rcu, record_free);
}

static struct record *record_new(const struct stanza *origin, uint64_t version, uint64_t txn)
{
	struct record *record = object_new(sizeof(*record) + origin->length);

	cds_lfht_node_init(&record->node);
	atomic_init(&record->state, RECORD_LIVE);
	record->origin = origin;
	record->version = version;
	record->txn = txn;
	record->length = origin->length;
	memcpy(record->body, origin->body, origin->length);
	record->checksum = record_checksum(version, txn, record->body, record->length);
	return record;
}

const char *record_verify(const struct record *record, const struct stanza *expected)
{
	unsigned int state = atomic_load_explicit(&record->state, memory_order_relaxed);

	if (state == RECORD_POISON)
		return "a freed record";
	if (state != RECORD_LIVE && state != RECORD_RETIRED)
		return "an overwritten record";
	if (record->origin != expected || record->length != expected->length)
		return "the record of another key";
	if (memcmp(record->body + expected->key_at, expected->key, strlen(expected->key)) != 0)
		return "another key in the body";
	if (record->checksum != record_checksum(record->version, record->txn, record->body,
						record->length))
		return "a wrong checksum";
	return NULL;
}

static unsigned long key_hash(const char *key)
{
	return fnv1a(FNV1A_START, key, strlen(key));
}

/* NULL stays NULL. */
static struct record *record_of(struct cds_lfht_node *node)
{
	return node ? caa_container_of(node, struct record, node) : NULL;
}

static int record_match(struct cds_lfht_node *node, const void *key)
{
	return strcmp(record_of(node)->origin->key, key) == 0;
}

static struct record *record_find(struct store *store, const char *key)
{
	struct cds_lfht_iter iter;

	cds_lfht_lookup(store->records, key_hash(key), record_match, key, &iter);
	return record_of(cds_lfht_iter_get_node(&iter));
}

/* Inside a section, under the writer lock. */
static void record_delete(struct store *store, struct record *record)
{
	store->count--;
	store->version_sum -= record->version;
	if (cds_lfht_del(store->records, &record->node) != 0)
		fail("%s was deleted by somebody else", record->origin->key);
	record_retire(record);
}

/* It begins with one bucket and grows while it is filled. */
void store_init(struct store *store)
{
	store->records = cds_lfht_new(1, 1, 0, CDS_LFHT_AUTO_RESIZE, NULL);
	if (!store->records)
		die("cds_lfht_new");
	pthread_mutex_init(&store->turn, NULL);
	pthread_mutex_init(&store->writer, NULL);
}

void store_destroy(struct store *store)
{
	struct cds_lfht_iter iter;
	struct record *record;

	store_lock(store);
	rcu_read_lock();
	cds_lfht_for_each_entry(store->records, &iter, record, node)
		record_delete(store, record);
	rcu_read_unlock();
	store_unlock(store);
	if (cds_lfht_destroy(store->records, NULL) != 0)
		fail("the table is not empty");
	pthread_mutex_destroy(&store->writer);
	pthread_mutex_destroy(&store->turn);
}

void store_lock(struct store *store)
{
	rcu_thread_offline();
	pthread_mutex_lock(&store->turn);
	pthread_mutex_lock(&store->writer);
	pthread_mutex_unlock(&store->turn);
	rcu_thread_online();
}

void store_unlock(struct store *store)
{
	pthread_mutex_unlock(&store->writer);
}

const struct record *store_lookup(struct store *store, const char *key)
{
	return record_find(store, key);
}

void store_replace(struct store *store, const struct stanza *origin, uint64_t version,
		   uint64_t txn)
{
	struct record *record = record_new(origin, version, txn), *old;

	store->version_sum += version;
	rcu_read_lock();
	old = record_of(cds_lfht_add_replace(store->records, key_hash(origin->key), record_match,
					     origin->key, &record->node));
	if (old) {
		store->version_sum -= old->version;
		record_retire(old);
	} else {
		store->count++;
	}
	rcu_read_unlock();
}

int store_delete(struct store *store, const char *key)
{
	struct record *record;

	rcu_read_lock();
	record = record_find(store, key);
	if (record)
		record_delete(store, record);
	rcu_read_unlock();
	return record != NULL;
}

int store_for_each(struct store *store, int (*visit)(const struct record *record, void *arg),
		   void *arg)
{
	struct cds_lfht_iter iter;
	struct record *record;
	int stop = 0;

	rcu_read_lock();
	cds_lfht_for_each_entry(store->records, &iter, record, node) {
		stop = visit(record, arg);
		if (stop)
			break;
	}
	rcu_read_unlock();
	return stop;
}

void store_resize(struct store *store, unsigned long buckets)
{
	cds_lfht_resize(store->records, buckets);
}

unsigned long store_callbacks_queued(void)
{
	return atomic_load_explicit(&callbacks_queued, memory_order_relaxed);
}

unsigned long store_callbacks_run(void)
{
	return atomic_load_explicit(&callbacks_run, memory_order_relaxed);
}

unsigned long store_objects(void)
{
	return atomic_load_explicit(&objects, memory_order_relaxed);
}
