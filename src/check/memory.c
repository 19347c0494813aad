/* SPDX-License-Identifier: MIT */
/*
 * free. Memory that RCU has had a hold on is not given back at once: it lies in a quarantine, filled with a
 * pattern, where a reader that still gets there is seen.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* Of an allocator that tells sizes; otherwise calls are passed on. */
static bool has_sizes;

/* dlsym frees as well, which would ask for free: what it frees then, before anything is known, is left. */
static void give_back(void *ptr)
{
	static __thread bool asks;
	void (*real)(void *);

	if (asks)
		return;
	asks = true;
	real = REAL(free);
	asks = false;
	real(ptr);
}

size_t check_size(void *ptr)
{
	return has_sizes ? REAL(malloc_usable_size)(ptr) : 0;
}

/* One that is preloaded may have free alone, and the C library knows nothing of its blocks. */
void check_memory_init(void)
{
	Dl_info one, other;

	has_sizes = dladdr((void *)REAL(free), &one) && dladdr((void *)REAL(malloc_usable_size), &other) &&
		    one.dli_fbase == other.dli_fbase;
	if (!has_sizes)
		dprintf(STDERR_FILENO, "urcu-check: the allocator has no malloc_usable_size: free is not checked\n");
}

const struct place *check_quarantined(const void *pointer)
{
	struct thing *thing = check_thing_find(pointer, THING_FREED);

	return thing ? &thing->out_at : NULL;
}

void check_reached(const void *pointer, const char *function, void *pc)
{
	const struct place *freed;
	struct place here, there;

	check_lock();
	freed = check_quarantined(pointer);
	if (freed)
		there = *freed;
	check_unlock();
	if (!freed)
		return;
	check_place(&here, pc);
	check_report("reachable-after-free", &here, "freed", &there,
		     "%s: %p, which readers can still reach, has been freed", function, pointer);
}

struct look {
	bool any;		/* there is something to be kept in the quarantine */
	bool freed;		/* it is there: then thing is what was in it */
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

	if (thing->kind == THING_TABLE || look->freed)
		return;
	if (thing->kind == THING_FREED) {
		look->freed = look->suspect = true;
		look->thing = *thing;
		return;
	}
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
			memcpy(holder->name, thread->name, sizeof(holder->name));
			return true;
		}
	}
	return false;
}

/* False: it is not to be freed. */
static bool judge(const struct look *look, bool held, const struct place *holder, void *ptr,
		  const struct place *at)
{
	const struct thing *thing = &look->thing;
	const struct place here = *at;

	if (look->freed) {
		check_report("freed-twice", &here, "freed first", &thing->out_at, "free(%p): it has been freed", ptr);
		return false;
	}
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

static void report_written(const struct block *block)
{
	check_report("written-after-free", &block->freed_at, "", NULL, "%p was written to after it had been freed",
		     (void *)block->start);
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
			report_written(&block);
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
	struct block block;
	bool left = true, whole;
	unsigned int i;

	if (!check_enter(&self))
		return;
	/* Other threads are still there. */
	for (i = 0; left; i++) {
		check_lock();
		left = i < count;
		if (left)
			block = blocks[(first + i) % BLOCKS];
		whole = !left || is_whole(&block);
		check_unlock();
		if (!whole)
			report_written(&block);
	}
	check_fork_end(self);
	check_leave(self);
}

/* Nothing is known of the block, as of most: without the lock, for what is done to a block happens before its free. */
static bool is_unknown(const struct thread *self, const void *ptr, size_t size)
{
	const struct thread *thread;

	if (check_may_have_things(ptr, size) || check_may_have_locks(ptr, size))
		return false;
	for (thread = __atomic_load_n(&check_threads, __ATOMIC_ACQUIRE); thread; thread = thread->next)
		if (thread != self && __atomic_load_n(&thread->holdings, __ATOMIC_SEQ_CST))
			return false;
	return true;
}

/* Under the lock. What was given to urcu_free_rcu is free now. */
static void take_given(void *ptr, struct place *given_at)
{
	struct thing *given = check_thing_find(ptr, THING_GIVEN);

	if (!given)
		return;
	*given_at = given->in_at;
	check_thing_drop(given);
}

/* True: the caller gives the memory back. What the library frees was given to it. */
static bool may_free(struct thread *self, void *ptr, void *pc)
{
	size_t size = check_size(ptr);
	bool library = check_from_library(pc), held = false, kept;
	struct look look = { .any = false };
	struct place here, holder;

	if (size == 0 || is_unknown(self, ptr, size))
		return true;
	check_lock();
	check_locks_gone(ptr, size);
	here.depth = 0;
	if (library)
		take_given(ptr, &here);
	check_things(ptr, size, look_at, &look);
	held = !library && find_holder(self, ptr, size, &look, &holder);
	kept = look.any && size <= (size_t)check_options.quarantine;
	if (!kept && !held && !look.suspect)
		check_things(ptr, size, note_freed, NULL);
	check_unlock();
	if (!kept && !held && !look.suspect)
		return true;
	if (!here.depth)
		check_place(&here, pc);
	if (!library && !judge(&look, held, &holder, ptr, &here))
		return false;
	if (library && look.suspect && (look.freed || look.thing.kind == THING_HEAD) &&
	    !judge(&look, false, NULL, ptr, &here))
		return false;
	if (kept) {
		keep(ptr, size, &here);
		return false;
	}
	check_lock();
	check_things(ptr, size, note_freed, NULL);
	check_unlock();
	return true;
}

static void free_at(void *ptr, void *pc)
{
	bool library = check_from_library(pc), freed;
	int saved_errno = errno;
	struct thread *self;
	struct place given;

	/* One that only frees has not been seen before. */
	if (!check_own && library)
		check_is_of_library();
	if (!check_enter(&self)) {
		/* At a thread's end too. */
		if (library && check_may_have_things(ptr, 1)) {
			check_lock();
			take_given(ptr, &given);
			check_unlock();
		}
		give_back(ptr);
		return;
	}
	freed = may_free(self, ptr, pc);
	check_leave(self);
	if (freed)
		give_back(ptr);
	errno = saved_errno;
}

EXPORT void free(void *ptr)
{
	if (ptr)
		free_at(ptr, CALLER);
}

/* A block that RCU has a hold on moves: that is a free. */
static void *resize(void *ptr, size_t size, void *pc)
{
	struct look look = { .any = false };
	struct thread *self;
	size_t old;
	void *moved = NULL;

	if (!ptr || check_from_library(pc) || !check_enter(&self))
		return REAL(realloc)(ptr, size);
	old = check_size(ptr);
	if (check_may_have_things(ptr, old)) {
		check_lock();
		check_things(ptr, old, look_at, &look);
		check_unlock();
	}
	check_leave(self);
	if (!look.any && !look.suspect)
		return REAL(realloc)(ptr, size);
	/* Of no size it is a free to the C library. */
	if (size)
		moved = malloc(size);
	if (size && !moved)
		return NULL;
	if (size)
		memcpy(moved, ptr, old < size ? old : size);
	free_at(ptr, pc);
	return moved;
}

EXPORT void *realloc(void *ptr, size_t size)
{
	return resize(ptr, size, CALLER);
}

EXPORT void *reallocarray(void *ptr, size_t count_, size_t size)
{
	if (__builtin_mul_overflow(count_, size, &size)) {
		errno = ENOMEM;
		return NULL;
	}
	return resize(ptr, size, CALLER);
}
