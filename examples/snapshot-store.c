/* SPDX-License-Identifier: MIT */
#include "snapshot-store.h"

#include <stdlib.h>
#include <string.h>

#include <urcu/compiler.h>

#include "snapshot.h"

/* A key that is present. It belongs to a bucket's chain and leads to the current record. */
struct entry {
	struct cds_hlist_node node;
	struct rcu_head rcu;
	const struct stanza *origin;
	struct record *record;		/* RCU-protected */
};

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

static void entry_free(struct rcu_head *head)
{
	object_free(caa_container_of(head, struct entry, rcu), sizeof(struct entry));
}

static struct cds_hlist_head *bucket_of(struct store *store, const char *key)
{
	return &store->buckets[fnv1a(FNV1A_START, key, strlen(key)) & store->mask];
}

/* Inside a read-side section, or under the writer lock. */
static struct entry *entry_find(struct store *store, const char *key)
{
	struct entry *entry;

	cds_hlist_for_each_entry_rcu_2(entry, bucket_of(store, key), node) {
		if (strcmp(entry->origin->key, key) == 0)
			return entry;
	}
	return NULL;
}

static void entry_add(struct store *store, const struct stanza *origin, struct record *record)
{
	struct entry *entry = object_new(sizeof(*entry));

	entry->origin = origin;
	entry->record = record;
	cds_hlist_add_head_rcu(&entry->node, bucket_of(store, origin->key));
}

static void entry_delete(struct store *store, struct entry *entry)
{
	store->count--;
	store->version_sum -= entry->record->version;
	cds_hlist_del_rcu(&entry->node);
	record_retire(entry->record);
	retire(&entry->rcu, entry_free);
}

void store_init(struct store *store, size_t records)
{
	size_t buckets = 1;

	while (buckets < records)
		buckets *= 2;
	store->buckets = calloc(buckets, sizeof(*store->buckets));
	if (!store->buckets)
		die("calloc");
	for (size_t i = 0; i < buckets; i++)
		CDS_INIT_HLIST_HEAD(&store->buckets[i]);
	store->mask = buckets - 1;
	pthread_mutex_init(&store->turn, NULL);
	pthread_mutex_init(&store->writer, NULL);
}

void store_destroy(struct store *store)
{
	struct entry *entry, *next;

	store_lock(store);
	for (uint64_t i = 0; i <= store->mask; i++) {
		cds_hlist_for_each_entry_safe_2(entry, next, &store->buckets[i], node)
			entry_delete(store, entry);
	}
	store_unlock(store);
	free(store->buckets);
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
	struct entry *entry = entry_find(store, key);

	return entry ? rcu_dereference(entry->record) : NULL;
}

void store_replace(struct store *store, const struct stanza *origin, uint64_t version,
		   uint64_t txn)
{
	struct record *record = record_new(origin, version, txn), *old;
	struct entry *entry = entry_find(store, origin->key);

	store->version_sum += version;
	if (!entry) {
		store->count++;
		entry_add(store, origin, record);
		return;
	}
	old = entry->record;
	store->version_sum -= old->version;
	rcu_assign_pointer(entry->record, record);
	record_retire(old);
}

int store_delete(struct store *store, const char *key)
{
	struct entry *entry = entry_find(store, key);

	if (!entry)
		return 0;
	entry_delete(store, entry);
	return 1;
}

int store_for_each(struct store *store, int (*visit)(const struct record *record, void *arg),
		   void *arg)
{
	struct entry *entry;
	int stop = 0;

	rcu_read_lock();
	for (uint64_t i = 0; i <= store->mask && !stop; i++) {
		cds_hlist_for_each_entry_rcu_2(entry, &store->buckets[i], node) {
			stop = visit(rcu_dereference(entry->record), arg);
			if (stop)
				break;
		}
	}
	rcu_read_unlock();
	return stop;
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
