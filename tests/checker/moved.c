/* SPDX-License-Identifier: MIT */
/*
 * What a compiler may move, where a store is no release any more: the stores before it, as far back as to a release,
 * may come after it. Threads of the same process have old stores for that; the child of a fork in between has memory as
 * it is then, with the weaker store and nothing of those before it.
 */
#include <string.h>

#include "checker.h"

#define STORES	256

static struct {
	struct {
		uintptr_t address;
		size_t size;
		unsigned char before[16];
	} stores[STORES];
	int count, movable;	/* so many may come after the weaker one */
} threads[THREADS];

void ck_settle(int number)
{
	threads[number].count = threads[number].movable = 0;
}

/* Of more than there is room for the oldest stay where they are. */
void ck_note_store(uintptr_t address, size_t size)
{
	int me = ck_self->number, *count = &threads[me].count;

	if (ck_is_stack(address) || size > sizeof(threads[me].stores[0].before))
		return;
	if (*count == STORES)
		ck_settle(me);
	threads[me].stores[*count].address = address;
	threads[me].stores[*count].size = size;
	memcpy(threads[me].stores[(*count)++].before, (void *)address, size);
}

void ck_weaker_store(void)
{
	threads[ck_self->number].movable = threads[ck_self->number].count;
}

static bool is_stored_later(int number, int from)
{
	for (int i = from + 1; i < threads[number].count; i++)
		if (threads[number].stores[i].address - threads[number].stores[from].address < threads[number].stores[from].size)
			return true;
	return false;
}

void ck_move(const struct thread *thread)
{
	int number = thread->number;

	if (!threads[number].movable || ck_choose(CHOOSE_SIDE, 2) == 0)
		return;
	for (int i = threads[number].movable; i--;) {
		if (is_stored_later(number, i))
			continue;
		if (ck_tracing)
			ck_trace(0, "(thread %d has not stored %s yet)", number, ck_name(threads[number].stores[i].address));
		memcpy((void *)threads[number].stores[i].address, threads[number].stores[i].before,
		       threads[number].stores[i].size);
		ck_overwrite(threads[number].stores[i].address, (int)threads[number].stores[i].size, 0);
	}
}
