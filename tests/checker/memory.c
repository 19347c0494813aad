/* SPDX-License-Identifier: MIT */
/*
 * What atomic operations do: doc/design/checker.md. Each location has the stores to it in their order,
 * which is that of execution. A load may return any of them that is not older than one that the thread
 * knows of: by its own loads and stores, or by what it has acquired.
 */
#include <stdio.h>
#include <string.h>

#include "checker.h"

#define LOCATIONS	4096		/* a power of two */
#define HISTORY		12
/* A thread that looks again and again finds the newest store in the end. */
#define PATIENCE	12

struct location {
	uintptr_t address;
	unsigned int execution;
	int size, count;
	bool overwritten;	/* by a plain store, which is in memory and not yet in the history */
	int writer;
	instant written;
	uintptr_t code;
	struct message history[HISTORY];
};

static struct location locations[LOCATIONS];
static unsigned int execution = 1;
static int used;
static struct view fences;	/* what sequentially consistent fences have told each other */

void ck_memory_reset(void)
{
	execution++;
	used = 0;
	memset(&fences, 0, sizeof(fences));
}

static void join(struct clock *to, const struct clock *from)
{
	for (int i = 0; i < PLACES; i++)
		if (to->of[i] < from->of[i])
			to->of[i] = from->of[i];
}

void ck_join(struct view *to, const struct view *from)
{
	join(&to->happens, &from->happens);
	join(&to->sees, &from->sees);
}

instant ck_tick(void)
{
	struct view *view = &ck_self->view;

	view->sees.of[ck_self->number] = ++view->happens.of[ck_self->number];
	return view->happens.of[ck_self->number];
}

static uint64_t read_memory(uintptr_t address, int size)
{
	switch (size) {
	case 1: return *(volatile uint8_t *)address;
	case 2: return *(volatile uint16_t *)address;
	case 4: return *(volatile uint32_t *)address;
	default: return *(volatile uint64_t *)address;
	}
}

static void write_memory(uintptr_t address, int size, uint64_t value)
{
	switch (size) {
	case 1: *(volatile uint8_t *)address = (uint8_t)value; break;
	case 2: *(volatile uint16_t *)address = (uint16_t)value; break;
	case 4: *(volatile uint32_t *)address = (uint32_t)value; break;
	default: *(volatile uint64_t *)address = value;
	}
}

static uint64_t trim(uint64_t value, int size)
{
	return size == 8 ? value : value & ((UINT64_C(1) << 8 * size) - 1);
}

/* ---- Locations ---- */

static struct location *look_up(uintptr_t address)
{
	size_t i = (address >> 2) * 0x9e3779b97f4a7c15ULL >> 52;

	while (locations[i].execution == execution && locations[i].address != address)
		i = (i + 1) % LOCATIONS;
	return &locations[i];
}

static struct message *append(struct location *location)
{
	if (location->count == HISTORY) {
		memmove(location->history, location->history + 1, (HISTORY - 1) * sizeof(struct message));
		location->count--;
	}
	memset(&location->history[location->count], 0, sizeof(struct message));
	return &location->history[location->count++];
}

/* What lies in memory, by whoever stored it there by plain means. */
static void append_plain(struct location *location, int by, instant when, uintptr_t code)
{
	struct message *message = append(location);

	message->value = read_memory(location->address, location->size);
	message->by = (uint8_t)by;
	message->code = code;
	if (when)
		message->seen[by] = when;
}

static struct location *locate(uintptr_t address, int size)
{
	struct location *location = look_up(address);

	/* Of another size: the stack of a thread, used again. */
	if (location->execution != execution || location->size != size) {
		instant when;
		int by = ck_last_write(address, &when);

		if (++used > LOCATIONS / 2)
			ck_cut();
		location->execution = execution;
		location->address = address;
		location->size = size;
		location->count = 0;
		location->overwritten = false;
		append_plain(location, by, when, 0);
	}
	if (location->overwritten) {
		location->overwritten = false;
		append_plain(location, location->writer, location->written, location->code);
	}
	return location;
}

void ck_overwrite(uintptr_t address, int size, uintptr_t code)
{
	for (uintptr_t at = address & ~(uintptr_t)7; at < address + (uintptr_t)size; at++) {
		struct location *location = look_up(at);

		if (location->execution != execution || at + (uintptr_t)location->size <= address)
			continue;
		if (location->overwritten)
			locate(at, location->size);
		location->overwritten = true;
		location->writer = ck_self->number;
		location->written = ck_self->view.happens.of[ck_self->number];
		location->code = code;
	}
}

uint64_t ck_newest(uintptr_t address, int size)
{
	struct location *location = locate(address, size);

	return location->history[location->count - 1].value;
}

/* ---- Orders ---- */

static bool acquires(int order)
{
	return order == __ATOMIC_ACQUIRE || order == __ATOMIC_CONSUME || order == __ATOMIC_ACQ_REL ||
	       order == __ATOMIC_SEQ_CST;
}

static bool releases(int order)
{
	return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

void ck_fence(struct thread *thread, int order)
{
	if (acquires(order))
		ck_join(&thread->view, &thread->learned);
	if (order == __ATOMIC_SEQ_CST) {
		join(&thread->view.sees, &thread->carried.sees);
		join(&fences.sees, &thread->view.sees);
		join(&thread->view.sees, &fences.sees);
	}
	if (releases(order)) {
		ck_settle(thread->number);
		thread->fenced = thread->view;
		ck_join(&thread->fenced, &thread->carried);
	}
}

/*
 * Each other thread has a full barrier where it stands; the caller one before and one after. What came before it
 * anywhere happens before what the caller does next, and what the caller did before what comes after it anywhere.
 * Where another thread stands is right behind its last atomic step: its plain accesses since may as well come later.
 */
void ck_membarrier(void)
{
	struct view before;

	ck_fence(ck_self, __ATOMIC_SEQ_CST);
	before = ck_self->view;
	for (int i = 0; i < ck_thread_count; i++) {
		struct thread *thread = &ck_threads[i];
		struct clock past = thread->view.happens;

		if (thread == ck_self)
			continue;
		/* Of one that has ended all came before. */
		past.of[i] -= thread->what != ENDED;
		join(&ck_self->view.happens, &past);
		join(&ck_self->view.happens, &thread->carried.happens);
		join(&thread->view.happens, &before.happens);
		ck_fence(thread, __ATOMIC_SEQ_CST);
		thread->fenced.happens.of[i]--;
		thread->view.sees.of[i] = ++thread->view.happens.of[i];
	}
	ck_fence(ck_self, __ATOMIC_SEQ_CST);
	ck_tick();
}

void ck_release_to(struct view *thing)
{
	ck_join(thing, &ck_self->view);
	ck_join(thing, &ck_self->carried);
	ck_settle(ck_self->number);
	ck_tick();
}

void ck_acquire_from(const struct view *thing)
{
	ck_join(&ck_self->view, thing);
}

/* ---- Operations ---- */

/* The oldest message that may be read. */
static int oldest(const struct location *location, int order)
{
	struct clock bound = ck_self->view.sees;
	const struct view *dependency = ck_dependency(ck_self, location->address);
	int i;

	if (dependency)
		join(&bound, &dependency->sees);
	if (order == __ATOMIC_SEQ_CST)
		join(&bound, &fences.sees);
	for (i = location->count - 1; i > 0; i--) {
		const struct message *message = &location->history[i];

		if (order == __ATOMIC_SEQ_CST && message->seen[SC])
			return i;
		for (int t = 0; t < PLACES; t++)
			if (message->seen[t] && message->seen[t] <= bound.of[t])
				return i;
	}
	return 0;
}

static void take(const struct location *location, struct message *message, int order)
{
	struct thread *self = ck_self;
	const struct view *dependency = ck_dependency(self, location->address);
	struct view known = message->released;

	if (dependency)
		ck_join(&known, dependency);
	if (!message->seen[self->number])
		message->seen[self->number] = self->view.happens.of[self->number];
	ck_join(&self->learned, &message->released);
	if (acquires(order))
		ck_join(&self->view, &message->released);
	if (location->size == sizeof(void *))
		ck_depend(location->address, message->value, &known);
}

static void put(struct location *location, uint64_t value, int order, const struct message *before,
		uintptr_t code)
{
	struct thread *self = ck_self;
	struct view released = self->fenced;
	struct message *message;

	if (releases(order)) {
		ck_join(&released, &self->view);
		ck_join(&released, &self->carried);
	}
	if (before)
		ck_join(&released, &before->released);
	if (releases(order)) {
		ck_settle(self->number);
	} else {
		if (ck_moves)
			ck_weaker_store();
		ck_note_store(location->address, (size_t)location->size);
	}
	message = append(location);
	message->value = value;
	message->released = released;
	message->by = (uint8_t)self->number;
	message->code = code;
	message->seen[self->number] = self->view.happens.of[self->number];
	if (order == __ATOMIC_SEQ_CST)
		message->seen[SC] = ++fences.sees.of[SC];
	write_memory(location->address, location->size, value);
	self->looks = 0;
	ck_tick();
}

static void begin(uintptr_t address, int size, bool write, uintptr_t code)
{
	ck_moment(write);
	ck_step(ck_is_shared(address));
	ck_tick();
	ck_access(address, (size_t)size, write, true, code);
}

static void show(const struct location *location, const struct message *message, const char *did, int order,
		uintptr_t code)
{
	int age = location->count - 1 - (int)(message - location->history);

	if (!ck_tracing)
		return;
	if (age)
		ck_trace(code, "%s %s %s = %#lx, %d stores old", did, ck_order(order), ck_name(location->address),
			 (unsigned long)message->value, age);
	else
		ck_trace(code, "%s %s %s = %#lx", did, ck_order(order), ck_name(location->address),
			 (unsigned long)message->value);
}

uint64_t ck_load(uintptr_t address, int size, int order, uintptr_t code)
{
	struct location *location;
	struct message *message;
	int choices, age = 0;

	begin(address, size, false, code);
	location = locate(address, size);
	choices = location->count - oldest(location, order);
	if (choices > 1 && ck_self->looks < PATIENCE)
		age = ck_choose(CHOOSE_STORE, choices);
	message = &location->history[location->count - 1 - age];
	take(location, message, order);
	show(location, message, "load", order, code);
	return message->value;
}

/* The compiler's own load or store of a volatile variable is still to come, and is of what is newest. */
void ck_look(uintptr_t address, int size, uintptr_t code)
{
	struct location *location;
	struct message *message;

	begin(address, size, false, code);
	location = locate(address, size);
	message = &location->history[location->count - 1];
	take(location, message, __ATOMIC_RELAXED);
	show(location, message, "volatile load", __ATOMIC_RELAXED, code);
}

void ck_touch(uintptr_t address, int size, uintptr_t code)
{
	begin(address, size, true, code);
	locate(address, size);
	ck_overwrite(address, size, code);
	ck_tick();
	if (ck_tracing)
		ck_trace(code, "volatile store to %s", ck_name(address));
}

void ck_store(uintptr_t address, int size, uint64_t value, int order, uintptr_t code)
{
	struct location *location;

	begin(address, size, true, code);
	location = locate(address, size);
	put(location, value, order, NULL, code);
	show(location, &location->history[location->count - 1], "store", order, code);
}

uint64_t ck_change(uintptr_t address, int size, uint64_t (*change)(uint64_t, uint64_t), uint64_t argument,
		int order, uintptr_t code)
{
	struct location *location;
	struct message before;

	begin(address, size, true, code);
	location = locate(address, size);
	take(location, &location->history[location->count - 1], order);
	before = location->history[location->count - 1];
	put(location, trim(change(before.value, argument), size), order, &before, code);
	if (ck_tracing)
		ck_trace(code, "change %s %s from %#lx to %#lx", ck_order(order), ck_name(address),
			 (unsigned long)before.value, (unsigned long)ck_newest(address, size));
	return before.value;
}

/* One that fails is a load; it may read an old store, of another value. */
uint64_t ck_compare(uintptr_t address, int size, uint64_t expected, uint64_t value, int order, int otherwise,
		uintptr_t code)
{
	struct location *location;
	struct message before, *message;
	int choices, age = 0;

	begin(address, size, true, code);
	location = locate(address, size);
	choices = location->count - oldest(location, otherwise);
	if (choices > 1 && ck_self->looks < PATIENCE)
		age = ck_choose(CHOOSE_STORE, choices);
	message = &location->history[location->count - 1 - age];
	if (message->value == expected)
		message = &location->history[location->count - 1];
	if (message->value != expected) {
		take(location, message, otherwise);
		show(location, message, "compare in vain", otherwise, code);
		return message->value;
	}
	take(location, message, order);
	before = *message;
	put(location, value, order, &before, code);
	if (ck_tracing)
		ck_trace(code, "compare %s %s from %#lx to %#lx", ck_order(order), ck_name(address),
			 (unsigned long)before.value, (unsigned long)value);
	return before.value;
}

/* ---- Forks ---- */

void ck_memory_fork(void)
{
	for (int i = 0; i < LOCATIONS; i++)
		if (locations[i].execution == execution)
			locate(locations[i].address, locations[i].size);
	ck_join(&ck_self->view, &fences);
}

void ck_wipe(uintptr_t address, size_t length)
{
	memset((void *)address, 0, length);
	for (int i = 0; i < LOCATIONS; i++)
		if (locations[i].execution == execution && locations[i].address - address < length)
			ck_overwrite(locations[i].address, locations[i].size, 0);
}
