/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <urcu/static/urcu-common.h>

#include "system/system.h"
#include "grace/grace.h"
#include "system/sanitize.h"

/*
 * How many readers ahead a scan asks for. The words of threads that were started alike lie in a few sets of the
 * caches: what is asked for too early is gone again when its turn comes.
 */
#define PREFETCH_AHEAD 2

static void place(struct registry *registry, unsigned long index, struct reader *reader)
{
	registry->readers[index] = reader;
	reader->slot = index + 1;
}

static void swap(struct registry *registry, unsigned long a, unsigned long b)
{
	struct reader *reader = registry->readers[a];

	if (a == b)
		return;
	place(registry, a, registry->readers[b]);
	place(registry, b, reader);
}

/* The bytes of an array, in whole pages. */
static size_t array_size(unsigned long capacity)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (capacity * sizeof(struct reader *) + page - 1) / page * page;
}

/*
 * Make room for more. Mapped, not allocated: a bp reader may register in a signal handler that
 * interrupted malloc. Without memory there is no room afterwards.
 */
static void grow(struct registry *registry)
{
	size_t size = array_size(2 * registry->capacity), smaller_size;
	struct reader **larger, **smaller;

	larger = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (larger == MAP_FAILED)
		return;
	memcpy(larger, registry->readers, registry->count * sizeof(*larger));
	smaller = registry->readers;
	smaller_size = array_size(registry->capacity);
	__atomic_store_n(&registry->readers, larger, __ATOMIC_RELAXED);
	quiesce_delay();
	__atomic_store_n(&registry->capacity, size / sizeof(*larger), __ATOMIC_RELEASE);
	/* The child of a fork that comes before this finds either array mapped. */
	if (smaller != registry->room)
		munmap(smaller, smaller_size);
}

bool quiesce_registry_add(struct registry *registry, struct reader *reader)
{
	bool added = false;

	pthread_mutex_lock(&registry->lock);
	if (!reader->slot) {
		if (registry->count == registry->capacity)
			grow(registry);
		if (registry->count < registry->capacity) {
			quiesce_delay();
			place(registry, registry->count++, reader);
		} else {
			cds_list_add(&reader->node, &registry->beyond);
			reader->slot = REGISTRY_BEYOND;
		}
		added = true;
		__atomic_store_n(&registry->registered, registry->registered + 1, __ATOMIC_RELAXED);
		/*
		 * [A1] Between the store above and the loads of the reader's sections; pairs with
		 * [F1] in src/grace/lead.c: a leader who misses the one has stored what the others see.
		 */
		cmm_smp_mb();
	}
	pthread_mutex_unlock(&registry->lock);
	return added;
}

bool quiesce_registry_remove(struct registry *registry, struct reader *reader)
{
	unsigned long slot;

	pthread_mutex_lock(&registry->lock);
	slot = reader->slot;
	if (slot == REGISTRY_BEYOND) {
		cds_list_del(&reader->node);
	} else if (slot) {
		/* Close the gap from the end of its part, and that gap from the array's end. */
		if (slot <= registry->awaited) {
			registry->awaited--;
			swap(registry, slot - 1, registry->awaited);
			slot = registry->awaited + 1;
		}
		quiesce_delay();
		registry->count--;
		swap(registry, slot - 1, registry->count);
	}
	reader->slot = 0;
	quiesce_tell_release(&registry->registered);
	/* Release: the reader's sections are over. */
	if (slot)
		__atomic_store_n(&registry->registered, registry->registered - 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&registry->lock);
	quiesce_delay();
	return slot != 0;
}

bool quiesce_registry_alone(const struct registry *registry, const struct reader *self)
{
	bool alone = __atomic_load_n(&registry->registered, __ATOMIC_ACQUIRE) == (self != NULL);

	quiesce_tell_acquire(&registry->registered);
	return alone;
}

/*
 * [S1] Acquire: a section that this load finds left, or followed by a younger one, ended before the
 * grace period does; pairs with [R1] and [R3] in urcu/static/urcu-common.h.
 */
static bool in_older_section(const struct reader *reader, unsigned long gp_ctr)
{
	unsigned long ctr = __atomic_load_n(&reader->ctr, __ATOMIC_ACQUIRE);

	quiesce_tell_acquire(&reader->ctr);
	return (ctr & URCU_GP_NEST_MASK) && ((ctr ^ gp_ctr) & ~URCU_GP_NEST_MASK);
}

/*
 * A look again at a reader that seemed to be in an older section. After more unlocks than locks its depth
 * is below zero, which looks like a very deep section that nobody ever leaves. It counts as out of any.
 * What it unlocked is over: acquire, as in [S1]. After one unlock too many the next section has the depth
 * zero, which no leader ever took for one; after several that is so for an inner one, while in the outer
 * ones a leader that believed the depth would wait for ever, as it would have before them. So the thread
 * loses nothing that it could rely on, and the others do not wait for ever. The word is the reader's own:
 * it alone mends it (src/grace/domain.c).
 */
static bool in_older_section_still(struct registry *registry, const struct reader *reader,
		unsigned long gp_ctr)
{
	if (!in_older_section(reader, gp_ctr))
		return false;
	if (!quiesce_is_below_zero(__atomic_load_n(&reader->ctr, __ATOMIC_ACQUIRE)))
		return true;
	registry->below_zero = true;
	return false;
}

static unsigned long count_beyond(const struct registry *registry, unsigned long gp_ctr)
{
	const struct cds_list_head *node;
	unsigned long older = 0;

	for (node = registry->beyond.next; node != &registry->beyond; node = node->next)
		older += in_older_section(cds_list_entry(node, struct reader, node), gp_ctr);
	return older;
}

unsigned long quiesce_registry_scan(struct registry *registry, unsigned long gp_ctr)
{
	unsigned long i, older;

	pthread_mutex_lock(&registry->lock);
	registry->awaited = 0;
	for (i = 0; i < registry->count; i++) {
		if (i + PREFETCH_AHEAD < registry->count)
			__builtin_prefetch(&registry->readers[i + PREFETCH_AHEAD]->ctr);
		quiesce_delay();
		if (in_older_section(registry->readers[i], gp_ctr))
			swap(registry, i, registry->awaited++);
	}
	older = registry->awaited + count_beyond(registry, gp_ctr);
	pthread_mutex_unlock(&registry->lock);
	return older;
}

unsigned long quiesce_registry_rescan(struct registry *registry, unsigned long gp_ctr)
{
	struct cds_list_head *node;
	unsigned long i = 0, older;

	pthread_mutex_lock(&registry->lock);
	while (i < registry->awaited) {
		quiesce_delay();
		if (in_older_section_still(registry, registry->readers[i], gp_ctr))
			i++;
		else
			swap(registry, i, --registry->awaited);
	}
	older = registry->awaited;
	for (node = registry->beyond.next; node != &registry->beyond; node = node->next)
		older += in_older_section_still(registry, cds_list_entry(node, struct reader, node),
						gp_ctr);
	pthread_mutex_unlock(&registry->lock);
	return older;
}

void quiesce_registry_ask(struct registry *registry, void (*ask)(struct reader *reader))
{
	struct cds_list_head *node;

	pthread_mutex_lock(&registry->lock);
	for (unsigned long i = 0; i < registry->awaited; i++)
		ask(registry->readers[i]);
	for (node = registry->beyond.next; node != &registry->beyond; node = node->next)
		ask(cds_list_entry(node, struct reader, node));
	pthread_mutex_unlock(&registry->lock);
}

/* While we have the lock nobody unregisters, and a thread whose end is seen does so before it. */
static void name(const struct reader *reader, const struct reader_calls *calls, struct awaited *awaited)
{
	awaited->id = calls->thread(reader, &awaited->thread) ? quiesce_thread_id(awaited->thread) : 0;
	awaited->depth = __atomic_load_n(&reader->ctr, __ATOMIC_RELAXED) & URCU_GP_NEST_MASK;
}

unsigned long quiesce_registry_name(struct registry *registry, const struct reader_calls *calls,
		struct awaited *names, unsigned long most)
{
	unsigned long count;

	pthread_mutex_lock(&registry->lock);
	for (count = 0; count < registry->awaited; count++)
		if (count < most)
			name(registry->readers[count], calls, &names[count]);
	pthread_mutex_unlock(&registry->lock);
	return count;
}

/*
 * The dead threads may have held the lock, in the middle of anything. Between the stores of a grown
 * array and of its capacity the smaller one is in force, and the old array is unmapped after both. Self may be about to
 * register, which is what tells it of the fork, and has no slot then.
 */
void quiesce_registry_reset(struct registry *registry, struct reader *self)
{
	pthread_mutex_init(&registry->lock, NULL);
	CDS_INIT_LIST_HEAD(&registry->beyond);
	registry->count = registry->awaited = 0;
	if (self && self->slot)
		place(registry, registry->count++, self);
	registry->registered = registry->count;
}

void quiesce_registry_trim(struct registry *registry)
{
	pthread_mutex_lock(&registry->lock);
	if (registry->count <= REGISTRY_INLINE && registry->readers != registry->room) {
		struct reader **larger = registry->readers;
		size_t size = array_size(registry->capacity);

		memcpy(registry->room, larger, registry->count * sizeof(*larger));
		/* Release: the child of a fork in between has room for as many as it is told, in either. */
		registry->capacity = REGISTRY_INLINE;
		__atomic_store_n(&registry->readers, registry->room, __ATOMIC_RELEASE);
		quiesce_delay();
		munmap(larger, size);
	}
	pthread_mutex_unlock(&registry->lock);
}
