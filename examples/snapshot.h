/* SPDX-License-Identifier: MIT */
/* What the parts of the snapshot program share. */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "snapshot-load.h"
#include "snapshot-store.h"

/* Where bp's own three fork hooks are called, seen from the call_rcu ones. */
enum bp_hooks { BP_HOOKS_NONE, BP_HOOKS_INSIDE, BP_HOOKS_OUTSIDE };

struct options {
	const char *file;
	const char *directory;		/* NULL: a temporary one */
	unsigned long seconds;
	unsigned long readers;
	unsigned long watchdog;		/* seconds */
	unsigned long corrupt;		/* self-test: the snapshot to spoil, or 0 */
	enum bp_hooks bp_hooks;
	bool quiet;
};

struct reader {
	_Alignas(128) atomic_ulong lookups;
	struct app *app;
	pthread_t thread;
	uint64_t seed;
	uint64_t *last_version;		/* by key: the newest version seen */
};

struct samples {
	double *us;
	size_t count, room;
};

struct app {
	struct options options;
	struct corpus corpus;
	struct store store;
	struct reader *readers;
	pthread_t updater, saver;
	uint64_t *versions;		/* by key: the last version written; writer lock */
	atomic_ulong updates;		/* records replaced or deleted */
	atomic_ulong updater_waits;	/* times the updater let the callbacks catch up */
	atomic_ulong snapshots;		/* written, loaded back and found right */
	atomic_ulong failed_forks;
	atomic_ulong last_pause;	/* microseconds */
	struct samples pauses, bare_forks;	/* the saver's until it is joined */
	char *path, *temporary_path;	/* of the snapshot */
	char *directory;
	atomic_bool stop;
};

/*
 * Keys 2n and 2n + 1 are a pair: every transaction changes both. Every fourth pair may be absent,
 * the others are only ever replaced.
 */
static inline bool pair_may_be_absent(size_t pair)
{
	return pair % 4 == 3;
}

static inline size_t pair_count(const struct corpus *corpus)
{
	return (corpus->count + 1) / 2;
}

/* The last pair has one key only when the number of keys is odd. */
static inline size_t pair_end(const struct corpus *corpus, size_t pair)
{
	return 2 * pair + 2 < corpus->count ? 2 * pair + 2 : corpus->count;
}

/* snapshot.c */
double now_us(void);
void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
unsigned long fail_count(void);
void fail_reset(void);
/* For errors that leave nothing to go on with, such as no memory; what is named with errno. */
void die(const char *what) __attribute__((noreturn));

/* snapshot-work.c */
void *reader_main(void *arg);
void *updater_main(void *arg);
void pair_write(struct app *app, size_t pair);

/* snapshot-save.c */
void *saver_main(void *arg);
pid_t fork_through_hooks(const struct app *app);
/* Wait for a child; 0 or, after a fail(), -1. */
int child_wait(const char *who, pid_t pid, int level);

/* snapshot-child.c */
enum { CHILD_OK, CHILD_NOT_SAVED = 10, CHILD_INCONSISTENT = 11, CHILD_HUNG = 12 };
int child_main(struct app *app, const struct snapshot_header *header);

#endif
