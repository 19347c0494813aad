/* SPDX-License-Identifier: MIT */
/*
 * The child: saves its copy of the store, and then goes on using RCU as any process may: it frees
 * records, starts a thread that reads, forks once more, and leaves by exit().
 */
#include "snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "snapshot-watch.h"

/* Every other pair goes; pairs that may be absent are not among them. */
static bool pair_is_dropped(size_t pair)
{
	return pair % 2 == 0;
}

static void pair_drop(struct app *app, size_t pair)
{
	for (size_t i = 2 * pair; i < pair_end(&app->corpus, pair); i++) {
		const char *key = app->corpus.stanzas[i].key;

		if (!store_delete(&app->store, key))
			fail("%s is missing in the copy", key);
	}
}

/*
 * After a barrier every callback has run, once: also those which the parent had queued when it
 * forked, since the child's copies of them are its own.
 */
static void callbacks_check(const struct store *store)
{
	watch_step(STAGE_BARRIER);
	rcu_barrier();
	if (store_callbacks_queued() != store_callbacks_run())
		fail("%lu callbacks were queued, %lu have run", store_callbacks_queued(),
		     store_callbacks_run());
	if (store_objects() != store->count)
		fail("%lu objects are left instead of %" PRIu64, store_objects(), store->count);
}

static void free_half(struct app *app)
{
	watch_step(STAGE_CALL_RCU);
	for (size_t pair = 0; pair < pair_count(&app->corpus); pair++) {
		if (pair_is_dropped(pair))
			pair_drop(app, pair);
	}
	callbacks_check(&app->store);
}

/* Reads every key: 1 if it is there. */
static unsigned int key_read(struct app *app, size_t index)
{
	const struct stanza *stanza = &app->corpus.stanzas[index];
	const struct record *record;
	const char *wrong = NULL;

	rcu_read_lock();
	record = store_lookup(&app->store, stanza->key);
	if (record)
		wrong = record_verify(record, stanza);
	rcu_read_unlock();
	rcu_quiescent_state();
	if (wrong)
		fail("lookup of %s gave %s", stanza->key, wrong);
	if (record && pair_is_dropped(index / 2))
		fail("%s was deleted and is still there", stanza->key);
	return record != NULL;
}

static void *child_reader_main(void *arg)
{
	struct app *app = arg;
	uint64_t found = 0;

	rcu_register_thread();
	for (size_t i = 0; i < app->corpus.count; i++)
		found += key_read(app, i);
	rcu_unregister_thread();
	if (found != app->store.count)
		fail("read %" PRIu64 " records instead of %" PRIu64, found, app->store.count);
	return NULL;
}

static void read_rest(struct app *app)
{
	pthread_t thread;
	int error;

	watch_step(STAGE_THREAD);
	error = pthread_create(&thread, NULL, child_reader_main, app);
	if (error) {
		fail("pthread_create: %s", strerror(error));
		return;
	}
	rcu_thread_offline();
	error = pthread_join(thread, NULL);
	rcu_thread_online();
	if (error)
		fail("pthread_join: %s", strerror(error));
}

/* The child's child: a record is written, another freed, and it leaves. */
static int grandchild_main(struct app *app)
{
	fail_reset();
	watch_step(STAGE_CALL_RCU);
	pair_write(app, 0);
	if (pair_count(&app->corpus) > 1)
		pair_drop(app, 1);
	callbacks_check(&app->store);
	watch_step(STAGE_EXIT);
	return fail_count() ? CHILD_INCONSISTENT : CHILD_OK;
}

static void fork_again(struct app *app)
{
	pid_t pid = fork_through_hooks(app);

	if (pid == 0)
		exit(grandchild_main(app));
	if (pid > 0)
		child_wait("grandchild", pid, watch_level() + 1);
	else
		fprintf(stderr, "snapshot: fork in the child: %s; going on\n", strerror(errno));
}

int child_main(struct app *app, const struct snapshot_header *header)
{
	fail_reset();
	watch_step(STAGE_WRITE);
	if (snapshot_write(&app->store, header, app->path, app->temporary_path,
			   app->directory) != 0)
		return CHILD_NOT_SAVED;
	free_half(app);
	read_rest(app);
	fork_again(app);
	watch_stage(STAGE_EXIT);
	return fail_count() ? CHILD_INCONSISTENT : CHILD_OK;
}
