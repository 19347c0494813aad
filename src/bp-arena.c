/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <sys/mman.h>

#include "bp-arena.h"
#include "delay.h"
#include "report.h"
#include "wait.h"

#define CHUNK_MIN	((size_t)16 << 10)
#define CHUNK_MAX	((size_t)1 << 20)
#define RETRY_MIN	(100 * QUIESCE_NS_PER_US)
#define RETRY_MAX	(100 * QUIESCE_NS_PER_MS)

static struct urcu_bp_reader *reader_of(struct cds_list_head *node)
{
	return caa_container_of(node, struct urcu_bp_reader, node);
}

static void add_unused(struct bp_arena *arena, struct urcu_bp_reader *reader)
{
	reader->alloc = 0;
	reader->node.next = arena->unused;
	arena->unused = &reader->node;
}

/* Twice as large as the last one. Under the lock. */
static bool add_chunk(struct bp_arena *arena)
{
	size_t size = arena->chunks ? 2 * arena->chunks->size : CHUNK_MIN;
	struct bp_chunk *chunk;

	if (size > CHUNK_MAX)
		size = CHUNK_MAX;
	chunk = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (chunk == MAP_FAILED)
		return false;
	chunk->size = size;
	chunk->count = (unsigned int)((size - sizeof(*chunk)) / sizeof(chunk->readers[0]));
	for (unsigned int i = chunk->count; i--;)
		add_unused(arena, &chunk->readers[i]);
	chunk->next = arena->chunks;
	__atomic_store_n(&arena->chunks, chunk, __ATOMIC_RELEASE);
	return true;
}

static struct urcu_bp_reader *try_get(struct bp_arena *arena)
{
	struct urcu_bp_reader *reader = NULL;

	pthread_mutex_lock(&arena->lock);
	if (arena->unused || (arena->used_static == BP_ARENA_STATIC && add_chunk(arena))) {
		reader = reader_of(arena->unused);
		arena->unused = reader->node.next;
	} else if (arena->used_static < BP_ARENA_STATIC) {
		reader = &arena->first[arena->used_static++];
	}
	if (reader)
		reader->alloc = 1;
	pthread_mutex_unlock(&arena->lock);
	return reader;
}

struct urcu_bp_reader *quiesce_bp_arena_get(struct bp_arena *arena)
{
	struct urcu_bp_reader *reader = try_get(arena);
	uint64_t pause = RETRY_MIN;

	if (!reader)
		quiesce_report("urcu_bp_register: no memory to register a reader; it waits for some");
	while (!reader) {
		quiesce_sleep(pause);
		pause = pause < RETRY_MAX ? 2 * pause : RETRY_MAX;
		reader = try_get(arena);
	}
	quiesce_delay();
	reader->ctr = 0;
	reader->slot = 0;
	return reader;
}

void quiesce_bp_arena_put(struct bp_arena *arena, struct urcu_bp_reader *reader)
{
	pthread_mutex_lock(&arena->lock);
	add_unused(arena, reader);
	pthread_mutex_unlock(&arena->lock);
}

static void reset_slots(struct bp_arena *arena, struct urcu_bp_reader *slots, unsigned int count,
		const struct urcu_bp_reader *keep)
{
	for (unsigned int i = count; i--;)
		if (&slots[i] != keep)
			add_unused(arena, &slots[i]);
}

/* The dead threads may have held the lock; a chunk they had not linked yet is lost to the child. */
void quiesce_bp_arena_reset(struct bp_arena *arena, struct urcu_bp_reader *keep)
{
	struct bp_chunk *chunk;

	pthread_mutex_init(&arena->lock, NULL);
	arena->unused = NULL;
	for (chunk = arena->chunks; chunk; chunk = chunk->next)
		reset_slots(arena, chunk->readers, chunk->count, keep);
	reset_slots(arena, arena->first, arena->used_static, keep);
}

static bool chunk_in_use(const struct bp_chunk *chunk)
{
	for (unsigned int i = 0; i < chunk->count; i++)
		if (chunk->readers[i].alloc)
			return true;
	return false;
}

/* All or nothing: the list of unused slots runs through all of them. */
void quiesce_bp_arena_trim(struct bp_arena *arena)
{
	struct bp_chunk *chunk;

	pthread_mutex_lock(&arena->lock);
	for (chunk = arena->chunks; chunk && !chunk_in_use(chunk); chunk = chunk->next)
		continue;
	if (!chunk) {
		arena->unused = NULL;
		while ((chunk = arena->chunks)) {
			arena->chunks = chunk->next;
			munmap(chunk, chunk->size);
		}
		for (unsigned int i = arena->used_static; i--;)
			if (!arena->first[i].alloc)
				add_unused(arena, &arena->first[i]);
	}
	pthread_mutex_unlock(&arena->lock);
}
