/* SPDX-License-Identifier: MIT */
/* The readers and the updater. */
#include "snapshot.h"

/* More than this many callbacks behind, the updater waits for them. */
#define BACKLOG_LIMIT 100000

/* After so many transactions the updater resizes the table, so that forks come in the middle. */
#define RESIZE_PERIOD 1024

/* xorshift64*: fast, and each thread has its own. */
static uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 0x2545f4914f6cdd1du;
}

static bool stopped(struct app *app)
{
	return atomic_load_explicit(&app->stop, memory_order_relaxed);
}

/* Look a key up and verify what comes; 0 or its transaction. */
static uint64_t read_key(struct reader *reader, size_t index)
{
	struct app *app = reader->app;
	const struct stanza *stanza = &app->corpus.stanzas[index];
	const struct record *record = store_lookup(&app->store, stanza->key);
	const char *wrong = record ? record_verify(record, stanza) : NULL;

	atomic_store_explicit(&reader->lookups, reader->lookups + 1, memory_order_relaxed);
	if (wrong)
		fail("lookup of %s gave %s", stanza->key, wrong);
	if (!record && !pair_may_be_absent(index / 2))
		fail("lookup of %s, which is always there, gave nothing", stanza->key);
	if (!record || wrong)
		return 0;
	if (!pair_may_be_absent(index / 2)) {
		if (record->version < reader->last_version[index])
			fail("lookup of %s went back to an older version", stanza->key);
		reader->last_version[index] = record->version;
	}
	return record->txn;
}

/*
 * The updater writes the first of a pair before the second. Who reads them the other way round
 * finds the first at least as new as the second.
 */
static void read_pair(struct reader *reader, size_t pair)
{
	const struct corpus *corpus = &reader->app->corpus;
	size_t first = 2 * pair, last = pair_end(corpus, pair) - 1;
	uint64_t newer, older;

	rcu_read_lock();
	older = read_key(reader, last);
	cmm_smp_rmb();
	newer = read_key(reader, first);
	rcu_read_unlock();
	if (older && newer && newer < older)
		fail("lookups of pair %zu saw its writes in the wrong order", pair);
}

void *reader_main(void *arg)
{
	struct reader *reader = arg;
	size_t pairs = pair_count(&reader->app->corpus);

	rcu_register_thread();
	while (!stopped(reader->app)) {
		read_pair(reader, random_next(&reader->seed) % pairs);
		rcu_quiescent_state();
	}
	rcu_unregister_thread();
	return NULL;
}

/* One transaction, under the writer lock: write both keys of a pair. */
void pair_write(struct app *app, size_t pair)
{
	uint64_t txn = ++app->store.txn;

	for (size_t i = 2 * pair; i < pair_end(&app->corpus, pair); i++)
		store_replace(&app->store, &app->corpus.stanzas[i], ++app->versions[i], txn);
}

static void pair_delete(struct app *app, size_t pair)
{
	app->store.txn++;
	for (size_t i = 2 * pair; i < pair_end(&app->corpus, pair); i++) {
		if (!store_delete(&app->store, app->corpus.stanzas[i].key))
			fail("%s is not there to be deleted", app->corpus.stanzas[i].key);
	}
}

static void update_pair(struct app *app, size_t pair, bool try_delete)
{
	size_t keys = pair_end(&app->corpus, pair) - 2 * pair;
	bool present;

	store_lock(&app->store);
	rcu_read_lock();
	present = store_lookup(&app->store, app->corpus.stanzas[2 * pair].key) != NULL;
	rcu_read_unlock();
	if (try_delete && pair_may_be_absent(pair) && present)
		pair_delete(app, pair);
	else
		pair_write(app, pair);
	store_unlock(&app->store);
	if (present)
		atomic_fetch_add_explicit(&app->updates, keys, memory_order_relaxed);
}

void *updater_main(void *arg)
{
	struct app *app = arg;
	size_t pairs = pair_count(&app->corpus);
	uint64_t seed = 20240229, transactions = 0;

	rcu_register_thread();
	while (!stopped(app)) {
		uint64_t draw = random_next(&seed);

		update_pair(app, (draw >> 1) % pairs, draw & 1);
		rcu_quiescent_state();
		if (++transactions % RESIZE_PERIOD == 0)
			store_resize(&app->store, transactions % (2 * RESIZE_PERIOD) ?
						  4 * pairs : pairs / 4);
		if (store_callbacks_queued() - store_callbacks_run() > BACKLOG_LIMIT) {
			atomic_fetch_add_explicit(&app->updater_waits, 1, memory_order_relaxed);
			rcu_barrier();
		}
	}
	rcu_unregister_thread();
	return NULL;
}
