/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "check/check.h"

/* Written under the lock, atomically, as are the heads of chains. */
static unsigned long thing_count;

/* Things lie in chains by the 64 bytes that their address is in: those of a block of memory are found by it. */
#define SHIFT 6
#define CHAINS (1UL << 16)

static struct thing *chains[CHAINS], *unused;

static struct thing **chain_of(uintptr_t granule)
{
	return &chains[(uint64_t)granule * 0x9e3779b97f4a7c15ULL >> (64 - 16)];
}

struct thing *check_thing_find(const void *address, enum thing_kind kind)
{
	struct thing *thing = *chain_of((uintptr_t)address >> SHIFT);

	while (thing && (thing->address != address || thing->kind != kind))
		thing = thing->next;
	return thing;
}

struct thing *check_thing_add(const void *address, enum thing_kind kind, enum flavor flavor)
{
	struct thing **chain = chain_of((uintptr_t)address >> SHIFT), *thing = unused;

	if (thing)
		unused = thing->next;
	else
		thing = check_allocate(sizeof(*thing));
	memset(thing, 0, sizeof(*thing));
	thing->address = address;
	thing->kind = kind;
	thing->flavor = flavor;
	thing->next = *chain;
	__atomic_store_n(&thing_count, thing_count + 1, __ATOMIC_RELAXED);
	__atomic_store_n(chain, thing, __ATOMIC_RELAXED);
	return thing;
}

void check_thing_drop(struct thing *thing)
{
	struct thing **at = chain_of((uintptr_t)thing->address >> SHIFT);

	while (*at != thing)
		at = &(*at)->next;
	__atomic_store_n(at, thing->next, __ATOMIC_RELAXED);
	__atomic_store_n(&thing_count, thing_count - 1, __ATOMIC_RELAXED);
	thing->next = unused;
	unused = thing;
}

bool check_may_have_things(const void *start, size_t size)
{
	uintptr_t granule = (uintptr_t)start >> SHIFT, last = ((uintptr_t)start + size - 1) >> SHIFT;

	if (size == 0 || !__atomic_load_n(&thing_count, __ATOMIC_RELAXED))
		return false;
	if (last - granule > CHAINS / 64)
		return true;
	for (; granule <= last; granule++)
		if (__atomic_load_n(chain_of(granule), __ATOMIC_RELAXED))
			return true;
	return false;
}

static void visit_chain(struct thing *thing, const char *start, const char *end,
			void (*visit)(struct thing *thing, void *arg), void *arg)
{
	struct thing *next;

	for (; thing; thing = next) {
		next = thing->next;
		if (thing->address >= start && thing->address < end)
			visit(thing, arg);
	}
}

/* Of a large block all chains are looked at. */
void check_things(const void *start, size_t size, void (*visit)(struct thing *thing, void *arg), void *arg)
{
	const char *from = start, *to = from + size;
	uintptr_t granule, last = ((uintptr_t)to - 1) >> SHIFT;
	size_t i;

	if (size == 0)
		return;
	if (size >> SHIFT < CHAINS) {
		for (granule = (uintptr_t)from >> SHIFT; granule <= last; granule++) {
			uintptr_t low = granule << SHIFT, high = low + (1UL << SHIFT);

			/* Only those of this granule: a chain may hold others of the block. */
			visit_chain(*chain_of(granule), low > (uintptr_t)from ? (const char *)low : from,
				    high < (uintptr_t)to ? (const char *)high : to, visit, arg);
		}
		return;
	}
	for (i = 0; i < CHAINS; i++)
		visit_chain(chains[i], from, to, visit, arg);
}

void check_things_all(void (*visit)(struct thing *thing, void *arg), void *arg)
{
	size_t i;

	for (i = 0; i < CHAINS; i++)
		visit_chain(chains[i], NULL, (const char *)UINTPTR_MAX, visit, arg);
}
