/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/mman.h>

#include "flavor/bp-arena.h"
#include "system/system.h"

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
	reader->alloc = BP_UNUSED;
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
	chunk->count = (unsigned int)((size - sizeof(*chunk)) / sizeof(chunk->slots[0]));
	for (unsigned int i = chunk->count; i--;)
		add_unused(arena, &chunk->slots[i].reader);
	chunk->next = arena->chunks;
	__atomic_store_n(&arena->chunks, chunk, __ATOMIC_RELEASE);
	return true;
}

/* ---- Unwatched threads ---- */

static struct urcu_bp_reader **names_of(struct bp_arena *arena, pthread_t tid)
{
	/* Where there are many threads their addresses differ by the size of a stack. */
	return &arena->names[((unsigned long)tid >> 12) * 0x9e3779b1UL % (1UL << 31) >> 25];
}

static struct urcu_bp_reader *next_name(const struct urcu_bp_reader *reader)
{
	return (struct urcu_bp_reader *)reader->next_name;
}

static struct urcu_bp_reader *find_namesake(struct bp_arena *arena)
{
	struct urcu_bp_reader *reader = *names_of(arena, pthread_self());

	while (reader && !pthread_equal(reader->tid, pthread_self()))
		reader = next_name(reader);
	return reader;
}

static void add_name(struct bp_arena *arena, struct urcu_bp_reader *reader)
{
	struct urcu_bp_reader **names = names_of(arena, reader->tid);

	reader->next_name = (unsigned long)*names;
	*names = reader;
}

static void remove_name(struct bp_arena *arena, const struct urcu_bp_reader *reader)
{
	struct urcu_bp_reader **names = names_of(arena, reader->tid), *other = *names;

	if (other == reader) {
		*names = next_name(reader);
		return;
	}
	while (next_name(other) != reader)
		other = next_name(other);
	other->next_name = reader->next_name;
}

/* ---- Slots ---- */

/* Under the lock. NULL: there is no memory. */
static struct urcu_bp_reader *take(struct bp_arena *arena)
{
	struct urcu_bp_reader *reader;

	if (!arena->unused && arena->used_static < BP_ARENA_STATIC)
		return &arena->first[arena->used_static++].reader;
	if (!arena->unused && !add_chunk(arena))
		return NULL;
	reader = reader_of(arena->unused);
	arena->unused = reader->node.next;
	return reader;
}

static struct urcu_bp_reader *try_get(struct bp_arena *arena, bool watched)
{
	struct urcu_bp_reader *reader;

	pthread_mutex_lock(&arena->lock);
	reader = watched ? NULL : find_namesake(arena);
	if (!reader && (reader = take(arena))) {
		reader->ctr = 0;
		reader->slot = 0;
		reader->tid = pthread_self();
		reader->alloc = watched ? BP_WATCHED : BP_UNWATCHED;
		if (!watched)
			add_name(arena, reader);
	}
	if (reader) {
		struct bp_slot *slot = quiesce_bp_slot(reader);

		memset(&slot->own, 0, sizeof(slot->own));
		reader->window = NULL;
		slot->destructors = 0;
	}
	pthread_mutex_unlock(&arena->lock);
	return reader;
}

struct urcu_bp_reader *quiesce_bp_arena_get(struct bp_arena *arena, bool watched)
{
	struct urcu_bp_reader *reader = try_get(arena, watched);
	uint64_t pause = RETRY_MIN;

	if (!reader)
		quiesce_report("urcu_bp_register: no memory to register a reader; it waits for some");
	while (!reader) {
		quiesce_sleep(pause);
		pause = pause < RETRY_MAX ? 2 * pause : RETRY_MAX;
		reader = try_get(arena, watched);
	}
	quiesce_delay();
	return reader;
}

void quiesce_bp_arena_put(struct bp_arena *arena, struct urcu_bp_reader *reader)
{
	pthread_mutex_lock(&arena->lock);
	if (reader->alloc == BP_UNWATCHED)
		remove_name(arena, reader);
	add_unused(arena, reader);
	pthread_mutex_unlock(&arena->lock);
}

static void reset_slots(struct bp_arena *arena, struct bp_slot *slots, unsigned int count,
		const struct urcu_bp_reader *keep)
{
	for (unsigned int i = count; i--;)
		if (&slots[i].reader != keep)
			add_unused(arena, &slots[i].reader);
}

/* The dead threads may have held the lock; a chunk they had not linked yet is lost to the child. */
void quiesce_bp_arena_reset(struct bp_arena *arena, struct urcu_bp_reader *keep)
{
	struct bp_chunk *chunk;

	pthread_mutex_init(&arena->lock, NULL);
	arena->unused = NULL;
	memset(arena->names, 0, sizeof(arena->names));
	if (keep && keep->alloc == BP_UNWATCHED)
		add_name(arena, keep);
	for (chunk = arena->chunks; chunk; chunk = chunk->next)
		reset_slots(arena, chunk->slots, chunk->count, keep);
	reset_slots(arena, arena->first, arena->used_static, keep);
}

static bool chunk_in_use(const struct bp_chunk *chunk)
{
	for (unsigned int i = 0; i < chunk->count; i++)
		if (chunk->slots[i].reader.alloc)
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
			if (!arena->first[i].reader.alloc)
				add_unused(arena, &arena->first[i].reader);
	}
	pthread_mutex_unlock(&arena->lock);
}
