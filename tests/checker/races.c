/* SPDX-License-Identifier: MIT */
/* Plain accesses that nothing orders, and memory: blocks, what is outside of them, what was freed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "checker.h"

#define CELLS		65536		/* a power of two */
#define BLOCKS		2048
#define ROOM		((uintptr_t)0x100000000000)
#define ROOM_SIZE	((size_t)1 << 30)
#define GAP		64		/* between blocks: nobody's */
/* What is not allocated is taken in such parts, for dependencies. */
#define PART		128

#define CELL		4

enum deed {
	READ, WRITE, ATOMIC_READ, ATOMIC_WRITE, DEEDS
};

/* What was done to a few bytes: by each thread the last of each deed, and to which of them. */
struct cell {
	uintptr_t address;
	unsigned int execution;
	struct {
		instant when;
		uint8_t bytes;
		uintptr_t code;
	} last[THREADS][DEEDS];
};

struct block {
	uintptr_t begin;
	size_t size;
	bool freed;
	int by;
	uintptr_t code;
};

static struct cell cells[CELLS];
static struct block blocks[BLOCKS];
static unsigned int execution = 1, cells_used;
static int block_count, kept;		/* kept: made before the first execution, by constructors */
static uintptr_t top;
static bool mapped;

void ck_races_reset(void)
{
	if (!kept)
		kept = block_count + 1;
	execution++;
	cells_used = 0;
	block_count = kept - 1;
	top = block_count ? blocks[block_count - 1].begin + blocks[block_count - 1].size + GAP : ROOM;
}

/* ---- Blocks ---- */

void *ck_allocate(size_t size, size_t align)
{
	struct block *block = &blocks[block_count];
	uintptr_t begin;

	if (!mapped) {
		if (mmap((void *)ROOM, ROOM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
			 MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0) != (void *)ROOM)
			return NULL;
		mapped = true;
		top = ROOM;
	}
	begin = (top + align - 1) / align * align;
	if (block_count == BLOCKS || begin + size + GAP > ROOM + ROOM_SIZE)
		ck_cut();
	block->begin = begin;
	block->size = size ? size : 1;
	block->freed = false;
	top = begin + block->size + GAP;
	block_count++;
	return (void *)begin;
}

static struct block *find_block(uintptr_t address)
{
	int low = 0, high = block_count;

	if (address - ROOM >= ROOM_SIZE)
		return NULL;
	while (high - low > 1) {
		int middle = (low + high) / 2;

		if (blocks[middle].begin <= address)
			low = middle;
		else
			high = middle;
	}
	return block_count ? &blocks[low] : NULL;
}

int ck_block_number(uintptr_t address, size_t *offset)
{
	struct block *block = find_block(address);

	if (!block)
		return -1;
	*offset = address - block->begin;
	return (int)(block - blocks);
}

uintptr_t ck_block_of(uintptr_t address)
{
	struct block *block = find_block(address);

	if (block)
		return address - block->begin < block->size ? block->begin : 0;
	return address < 4096 || address >> 47 ? 0 : address / PART * PART;
}

size_t ck_size(const void *block)
{
	return find_block((uintptr_t)block)->size;
}

static void check_block(uintptr_t address, size_t size, bool write, uintptr_t code)
{
	struct block *block = find_block(address);

	if (!block)
		return;
	if (block->freed) {
		ck_trace(code, "%s %s, which is freed", write ? "writes" : "reads", ck_name(address));
		ck_fail("thread %d uses %s, which thread %d has freed", ck_self->number, ck_name(address),
			block->by);
	}
	if (address + size > block->begin + block->size) {
		ck_trace(code, "%s %s, which is nobody's", write ? "writes" : "reads", ck_name(address));
		ck_fail("thread %d is outside of a block: %s", ck_self->number, ck_name(address));
	}
}

/* ---- Cells ---- */

static struct cell *look_up(uintptr_t address)
{
	size_t i = (address / CELL) * 0x9e3779b97f4a7c15ULL >> 48;

	while (cells[i].execution == execution && cells[i].address != address)
		i = (i + 1) % CELLS;
	return &cells[i];
}

static struct cell *get_cell(uintptr_t address)
{
	struct cell *cell = look_up(address);

	if (cell->execution != execution) {
		if (++cells_used > CELLS / 2)
			ck_cut();
		memset(cell, 0, sizeof(*cell));
		cell->execution = execution;
		cell->address = address;
	}
	return cell;
}

int ck_last_write(uintptr_t address, instant *when)
{
	const struct cell *cell = look_up(address / CELL * CELL);
	uint8_t byte = (uint8_t)(1 << address % CELL);
	int by = 0;

	*when = 0;
	if (cell->execution != execution)
		return 0;
	/* Of several the one that the others precede; where they race that is reported elsewhere. */
	for (int t = 0; t < ck_thread_count; t++)
		if (cell->last[t][WRITE].when && (cell->last[t][WRITE].bytes & byte) &&
		    (!*when || ck_threads[t].view.happens.of[by] >= *when)) {
			by = t;
			*when = cell->last[t][WRITE].when;
		}
	return by;
}

__attribute__((noreturn))
static void report_race(const struct cell *cell, int other, enum deed theirs, uintptr_t address, enum deed ours,
		uintptr_t code)
{
	static const char *const verbs[] = { "reads", "writes", "reads atomically", "writes atomically" };

	ck_trace(code, "%s %s: a data race", verbs[ours], ck_name(address));
	ck_trace(cell->last[other][theirs].code, "(the other one, thread %d, %s it)", other, verbs[theirs]);
	ck_fail("data race: thread %d %s %s, which thread %d %s and nothing orders the two", ck_self->number,
		verbs[ours], ck_name(address), other, verbs[theirs]);
}

static bool conflict(enum deed a, enum deed b)
{
	bool writes = a == WRITE || a == ATOMIC_WRITE || b == WRITE || b == ATOMIC_WRITE;

	return writes && (a < ATOMIC_READ || b < ATOMIC_READ);
}

static void access_cell(struct cell *cell, uint8_t bytes, uintptr_t address, enum deed deed, uintptr_t code)
{
	struct thread *self = ck_self;
	const struct view *dependency = ck_dependency(self, address);
	int me = self->number;

	for (int t = 0; t < ck_thread_count; t++) {
		instant known = self->view.happens.of[t];

		if (t == me)
			continue;
		if (dependency && dependency->happens.of[t] > known)
			known = dependency->happens.of[t];
		for (enum deed theirs = READ; theirs < DEEDS; theirs++)
			if (cell->last[t][theirs].when > known && (cell->last[t][theirs].bytes & bytes) &&
			    conflict(deed, theirs))
				report_race(cell, t, theirs, address, deed, code);
	}
	cell->last[me][deed].when = self->view.happens.of[me];
	cell->last[me][deed].bytes = bytes;
	cell->last[me][deed].code = code;
}

void ck_access(uintptr_t address, size_t size, bool write, bool atomic, uintptr_t code)
{
	uintptr_t end = address + size;

	if (!ck_self || !size || address == (uintptr_t)&errno)
		return;
	check_block(address, size, write, code);
	for (uintptr_t at = address / CELL * CELL; at < end; at += CELL) {
		unsigned int first = at < address ? (unsigned int)(address - at) : 0;
		unsigned int last = end - at < CELL ? (unsigned int)(end - at) : CELL;
		uint8_t bytes = (uint8_t)((1 << last) - (1 << first));

		access_cell(get_cell(at), bytes, at + first, (enum deed)(2 * atomic + write), code);
	}
	if (write && !atomic) {
		ck_note_store(address, size);
		ck_overwrite(address, (int)size, code);
	}
}

/* To free is to write: whoever has used the memory must come before. */
void ck_free(void *memory, uintptr_t code)
{
	struct block *block = find_block((uintptr_t)memory);

	if (!memory)
		return;
	if (!block || block->begin != (uintptr_t)memory || block->freed)
		ck_fail("thread %d frees %s, which is no block%s", ck_self ? ck_self->number : 0,
			ck_name((uintptr_t)memory), block && block->freed ? " any more" : "");
	if (ck_self) {
		ck_settle(ck_self->number);
		if (ck_tracing)
			ck_trace(code, "frees %s", ck_name((uintptr_t)memory));
		for (uintptr_t at = block->begin / CELL * CELL; at < block->begin + block->size; at += CELL) {
			struct cell *cell = look_up(at);

			if (cell->execution == execution)
				access_cell(cell, 0xff, at, WRITE, code);
		}
		block->by = ck_self->number;
	}
	block->freed = true;
	block->code = code;
}

/* ---- Dependencies ---- */

bool ck_no_dependencies;

const struct view *ck_dependency(const struct thread *thread, uintptr_t address)
{
	uintptr_t block;

	if (!thread->dependency_count)
		return NULL;
	block = ck_block_of(address);
	for (unsigned int i = 0; i < thread->dependency_count; i++)
		if (thread->dependencies[i].block == block)
			return &thread->dependencies[i].view;
	return NULL;
}

void ck_depend(uintptr_t address, uint64_t value, const struct view *view)
{
	struct thread *self = ck_self;
	uintptr_t block = ck_block_of((uintptr_t)value);
	struct dependency *dependency = self->dependencies;
	unsigned int i;

	if (ck_no_dependencies || !block || block == ck_block_of(address))
		return;
	for (i = 0; i < self->dependency_count && dependency[i].block != block; i++)
		continue;
	if (i == self->dependency_count) {
		if (i == DEPENDENCIES)
			ck_cut();
		self->dependency_count++;
		dependency[i].block = block;
		memset(&dependency[i].view, 0, sizeof(struct view));
	}
	ck_join(&dependency[i].view, view);
	ck_join(&self->carried, view);
}
