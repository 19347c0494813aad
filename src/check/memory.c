/* SPDX-License-Identifier: MIT */
/*
 * free. Memory that RCU has had a hold on is not given back at once: it lies in a quarantine, filled with a
 * pattern, where a reader that still gets there is seen.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"

#define PATTERN 0xfd
#define BLOCKS 65536

static struct block {
	unsigned char *start;
	size_t size;
	struct place freed_at;
} *blocks;

/* Under the lock. */
static unsigned int first, count;
static size_t bytes;

static void *real_free, *real_size;

/* The loader calls free in the middle of a change of its own, and is not to be asked for a name then. */
void check_memory_init(void)
{
	check_real(&real_free, "free");
	check_real(&real_size, "malloc_usable_size");
}

static void give_back(void *ptr)
{
	((void (*)(void *))check_real(&real_free, "free"))(ptr);
}

size_t check_size(void *ptr)
{
	return ((size_t (*)(void *))check_real(&real_size, "malloc_usable_size"))(ptr);
}

const struct place *check_quarantined(const void *pointer)
{
	struct thing *thing = check_thing_find(pointer, THING_FREED);

	return thing ? &thing->out_at : NULL;
}

struct look {
	bool any;		/* there is something to be kept in the quarantine */
	bool suspect;
	struct thing thing;	/* what is most wrong with the block */
	const void *tables[8];	/* that nodes in it were taken out of, with no grace period since */
	unsigned int table_count;
};

/* What may be wrong, the worst first. */
static bool is_worse(enum thing_kind a, enum thing_kind b)
{
	static const int rank[] = {
		[THING_HEAD] = 5, [THING_GIVEN] = 4, [THING_NODE] = 3, [THING_LIST] = 2, [THING_POINTER] = 1,
		[THING_FREED] = 0, [THING_TABLE] = 0,
	};

	return rank[a] > rank[b];
}

static void look_at(struct thing *thing, void *arg)
{
	struct look *look = arg;
	bool due = thing->out && !check_grace_since(thing->clock);

	if (thing->kind == THING_TABLE || thing->kind == THING_FREED)
		return;
	look->any |= thing->kind != THING_HEAD && thing->kind != THING_GIVEN;
	if (thing->kind == THING_NODE && due && look->table_count < 8)
		look->tables[look->table_count++] = thing->owner;
	if (thing->kind == THING_POINTER && !due)
		return;
	if (thing->out && !due)
		return;
	if (!look->suspect || is_worse(thing->kind, look->thing.kind))
		look->thing = *thing;
	look->suspect = true;
}

/* Whether an open section of another thread has got a pointer into the block, or looked into a table of its. */
static bool find_holder(const struct thread *self, const char *start, size_t size, const struct look *look,
			struct place *holder)
{
	const struct thread *thread;
	unsigned int i, j, held, section;

	for (thread = check_threads; thread; thread = thread->next) {
		if (!thread->used || thread == self)
			continue;
		section = __atomic_load_n(&thread->section, __ATOMIC_SEQ_CST);
		held = __atomic_load_n(&thread->holdings, __ATOMIC_SEQ_CST);
		for (i = 0; i < held && i < HOLDINGS; i++) {
			const char *pointer = __atomic_load_n(&thread->holding[i].pointer, __ATOMIC_RELAXED);
			bool is_held = pointer >= start && pointer < start + size;

			for (j = 0; j < look->table_count; j++)
				is_held |= pointer == look->tables[j];
			/* The same section still: it was open during the call of free. */
			if (!is_held || __atomic_load_n(&thread->section, __ATOMIC_SEQ_CST) != section)
				continue;
			holder->tid = thread->tid;
			holder->depth = 1;
			holder->frames[0] = thread->holding[i].pc;
			strcpy(holder->name, "in a section");
			return true;
		}
	}
	return false;
}

/* False: it is not to be freed. */
static bool judge(const struct look *look, bool held, const struct place *holder, void *ptr, void *pc)
{
	const struct thing *thing = &look->thing;
	struct place here;

	check_place(&here, pc);
	if (look->suspect && thing->kind == THING_HEAD) {
		check_report("freed-while-queued", &here, "queued", &thing->in_at,
			     "free(%p): the rcu_head at %p in it is queued", ptr, (const void *)thing->address);
		return false;
	}
	if (look->suspect && thing->kind == THING_GIVEN) {
		check_report("freed-twice", &here, "given", &thing->in_at,
			     "free(%p): it was given to urcu_free_rcu", ptr);
		return false;
	}
	if (look->suspect && thing->kind == THING_NODE && !thing->out) {
		check_report("freed-while-in-table", &here, "added", &thing->in_at,
			     "free(%p): the node at %p in it is in the hash table %p", ptr,
			     (const void *)thing->address, thing->owner);
		return false;
	}
	if (held) {
		check_report("freed-while-held", &here, "it was looked up in a section that is still open", holder,
			     "free(%p): a section that is open may still hold it", ptr);
		return false;
	}
	if (!check_options.strict || !look->suspect)
		return true;
	if (thing->kind == THING_LIST && !thing->out)
		check_report("freed-while-in-list", &here, "added", &thing->in_at,
			     "free(%p): the element at %p in it is in a list", ptr, (const void *)thing->address);
	else if (thing->out)
		check_report("freed-without-grace-period", &here, "taken out", &thing->out_at,
			     "free(%p): readers could reach it, and no grace period has passed since", ptr);
	return true;
}

static void note_freed(struct thing *thing, void *arg)
{
	if (!arg || thing->kind == THING_HEAD || thing->kind == THING_GIVEN || thing->kind == THING_TABLE ||
	    thing->kind == THING_FREED) {
		check_thing_drop(thing);
		return;
	}
	/* Nothing else knows it by its kind. */
	thing->kind = THING_FREED;
	thing->out_at = *(const struct place *)arg;
}

static bool is_whole(const struct block *block)
{
	size_t i;

	for (i = 0; i < block->size; i++)
		if (block->start[i] != PATTERN)
			return false;
	return true;
}

/* The oldest leaves, if there is no room. Under the lock, which is given up meanwhile. */
static void make_room(size_t size)
{
	struct block block;
	bool whole;

	while (count && (count == BLOCKS || bytes + size > (size_t)check_options.quarantine)) {
		block = blocks[first++ % BLOCKS];
		count--;
		bytes -= block.size;
		check_things(block.start, block.size, note_freed, NULL);
		check_unlock();
		whole = is_whole(&block);
		if (!whole)
			check_report("written-after-free", &block.freed_at, "", NULL,
				     "%p was written to after it had been freed", (void *)block.start);
		give_back(block.start);
		check_lock();
	}
}

static void keep(unsigned char *ptr, size_t size, const struct place *here)
{
	memset(ptr, PATTERN, size);
	check_lock();
	make_room(size);
	check_things(ptr, size, note_freed, (void *)here);
	if (!blocks)
		blocks = check_allocate(BLOCKS * sizeof(*blocks));
	blocks[(first + count++) % BLOCKS] = (struct block){ ptr, size, *here };
	bytes += size;
	check_unlock();
}

__attribute__((destructor))
static void look_at_all(void)
{
	struct thread *self;
	unsigned int i;

	if (!check_enter(&self))
		return;
	for (i = 0; i < count; i++)
		if (!is_whole(&blocks[(first + i) % BLOCKS]))
			check_report("written-after-free", &blocks[(first + i) % BLOCKS].freed_at, "", NULL,
				     "%p was written to after it had been freed",
				     (void *)blocks[(first + i) % BLOCKS].start);
	check_fork_end();
	check_leave(self);
}

/* True: the caller gives the memory back. */
static bool may_free(struct thread *self, void *ptr, void *pc)
{
	size_t size = check_size(ptr);
	bool library = check_from_library(pc), held = false;
	struct look look = { .any = false };
	struct place here;

	check_lock();
	check_locks_gone(ptr, size);
	check_things(ptr, size, look_at, &look);
	if (!library)
		held = find_holder(self, ptr, size, &look, &here);
	if (library || (!look.any && !look.suspect && !held)) {
		check_things(ptr, size, note_freed, NULL);
		check_unlock();
		return true;
	}
	check_unlock();
	if (!judge(&look, held, &here, ptr, pc))
		return false;
	if (!look.any || size > (size_t)check_options.quarantine)
		return true;
	check_place(&here, pc);
	keep(ptr, size, &here);
	return false;
}

EXPORT void free(void *ptr)
{
	int saved_errno = errno;
	struct thread *self;
	bool freed;

	if (!ptr)
		return;
	if (!check_enter(&self)) {
		give_back(ptr);
		return;
	}
	freed = may_free(self, ptr, CALLER);
	check_leave(self);
	if (freed)
		give_back(ptr);
	errno = saved_errno;
}

/* A block that RCU has a hold on moves: that is a free. */
EXPORT void *realloc(void *ptr, size_t size)
{
	struct look look = { .any = false };
	struct thread *self;
	size_t old;
	void *moved;

	if (!ptr || !size || check_from_library(CALLER) || !check_enter(&self))
		return REAL(realloc)(ptr, size);
	old = check_size(ptr);
	check_lock();
	check_things(ptr, old, look_at, &look);
	check_unlock();
	if (!look.any && !look.suspect) {
		moved = REAL(realloc)(ptr, size);
		check_leave(self);
		return moved;
	}
	moved = malloc(size);
	if (moved) {
		memcpy(moved, ptr, old < size ? old : size);
		if (may_free(self, ptr, CALLER))
			give_back(ptr);
	}
	check_leave(self);
	return moved;
}
