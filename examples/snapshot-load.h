/* SPDX-License-Identifier: MIT */
/* The files: the stanzas that the store is filled from, and the snapshots of it. */
#ifndef SNAPSHOT_LOAD_H
#define SNAPSHOT_LOAD_H

#include "snapshot-store.h"

/* The stanzas of a file, sorted by key. */
struct corpus {
	char *text;
	char *keys;		/* the memory of all keys */
	struct stanza *stanzas;
	size_t count;
	size_t ignored;		/* stanzas with no key, or with one that is taken */
};

/* 0, or -1 and errno: ENODATA if the file has no records. */
int corpus_load(struct corpus *corpus, const char *path);
void corpus_free(struct corpus *corpus);
/* The stanza whose key a body carries, or NULL. */
const struct stanza *corpus_find(const struct corpus *corpus, const char *body, size_t length);

/* A whole file, with a NUL behind it, to be freed; or NULL and errno. */
char *file_read(const char *path, size_t *length);

/* What is known of a snapshot before it is written. */
struct snapshot_header {
	uint64_t sequence;
	uint64_t txn;
	uint64_t count;
	uint64_t version_sum;
};

/*
 * Write a snapshot under a temporary name, sync it, rename it to path and sync the directory.
 * 0, or -1 after a fail().
 */
int snapshot_write(struct store *store, const struct snapshot_header *header, const char *path,
		   const char *temporary_path, const char *directory);

/* Load a snapshot back and compare it with what it must be. 0, or -1 after a fail(). */
int snapshot_check(const struct corpus *corpus, const struct snapshot_header *expected,
		   const char *path);

/* Self-test: flip one bit of a file. 0, or -1 and errno. */
int snapshot_spoil(const char *path, uint64_t seed);

#endif
