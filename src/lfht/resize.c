/* SPDX-License-Identifier: MIT */
/*
 * How many buckets a table should have. Growing is done by whoever adds, at once: provide memory,
 * then swap the shape; the new buckets are missing, and are made by those who come to them. All else
 * is a request, a callback of the table's flavor that queues itself until there is nothing left to
 * do: make the buckets that nobody came to, and shrink.
 *
 * Shrinking, each step at least a grace period after the one before:
 *	RETIRING	the size is reduced: operations no longer start at the buckets beyond
 *	UNLINKING	none is left that did: take those buckets out of the list, some at a time
 *	FREEING		none is left that met one there: give their memory back
 * A table that grows in RETIRING has the buckets back. One that grows in UNLINKING has those that
 * are still there; for the others operations start at the parents, until in REVIVING, a grace period
 * after they were taken out, they are made missing, and can be made anew. So growing never waits;
 * in the moment that FREEING takes it is left to the callback.
 */

#include "system/system.h"
#include "lfht/lfht.h"

/* What a callback does at most: buckets to make or to take out, and to look at. About 1 ms. */
#define CHUNK		4096UL
#define CHUNK_LOOK	65536UL

/* ---- Requests ---- */

enum {
	REQUEST_QUEUED	= 1 << 0,	/* its callback will run, or runs */
	REQUEST_WANTED	= 1 << 1,	/* something changed since that looked */
	REQUEST_HELD	= 1 << 2,	/* the table is being destroyed: leave it alone */
	REQUEST_FLAGS	= REQUEST_QUEUED | REQUEST_WANTED | REQUEST_HELD,
};

/* Freed with the table. */
struct request {
	struct rcu_head head;
	struct cds_lfht *ht;
	/* Of the process that made it, or ran its callback last; 0 once it is given up. Atomically. */
	int32_t process;
	/*
	 * Whether the callback is sure to be in a queue. Set by who queues it, in a section
	 * that began before: not before that section ends can the callback clear it again.
	 */
	bool queued;
};

static struct request *request_of(uintptr_t word)
{
	return (struct request *)(word & ~(uintptr_t)REQUEST_FLAGS);
}

static bool request_swap(struct cds_lfht *ht, uintptr_t *old, uintptr_t word)
{
	return __atomic_compare_exchange_n(&ht->request, old, word, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_ACQUIRE);
}

/* Never 0. */
static int32_t own_process(void)
{
	return quiesce_generation() + 1;
}

static struct request *request_new(struct cds_lfht *ht)
{
	const struct cds_lfht_alloc *alloc = ht->alloc;
	struct request *request = alloc->calloc(alloc->state, 1, sizeof(*request));

	if (request) {
		request->ht = ht;
		request->process = own_process();
	}
	return request;
}

/*
 * In a fork's child: whether the thread that was to queue it was left behind, so that perhaps it is
 * in no queue. Such a request is given up: it stays in memory, and its callback does nothing. In a
 * request from before the fork this may also say so of one whose owner is just about to queue it,
 * which is no harm.
 */
static bool give_up(struct request *request)
{
	int32_t process = __atomic_load_n(&request->process, __ATOMIC_RELAXED);

	if (__atomic_load_n(&request->queued, __ATOMIC_ACQUIRE) || process == own_process())
		return false;
	return !process || __atomic_compare_exchange_n(&request->process, &process, 0, false, __ATOMIC_SEQ_CST,
						   __ATOMIC_RELAXED);
}

/* By the callback: from now on nobody in this process gives it up. False if somebody has. */
static bool claim(struct request *request)
{
	int32_t process = __atomic_load_n(&request->process, __ATOMIC_RELAXED);

	while (process && !__atomic_compare_exchange_n(&request->process, &process, own_process(), false,
						   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		continue;
	return process;
}

static void request_run(struct rcu_head *head);

/* Replace the request word old by one whose callback is ours to queue. */
static bool request_start(struct cds_lfht *ht, uintptr_t *old)
{
	struct request *idle = request_of(*old), *request = idle;

	if (!idle || *old & REQUEST_QUEUED)
		request = request_new(ht);
	if (!request)
		return true;
	if (!request_swap(ht, old, (uintptr_t)request | REQUEST_QUEUED)) {
		if (request != idle)
			ht->alloc->free(ht->alloc->state, request);
		return false;
	}
	quiesce_delay();
	ht->flavor->update_call_rcu(&request->head, request_run);
	quiesce_delay();
	__atomic_store_n(&request->queued, true, __ATOMIC_RELEASE);
	return true;
}

/*
 * The first, of a table that nobody else sees: whatever forks meanwhile leaves a child without the
 * table, so it counts as queued at once, and needs no section.
 */
bool quiesce_resize_begin(struct cds_lfht *ht)
{
	struct request *request = request_new(ht);

	if (!request)
		return false;
	request->queued = true;
	ht->request = (uintptr_t)request | REQUEST_QUEUED;
	ht->flavor->update_call_rcu(&request->head, request_run);
	return true;
}

/*
 * In a section: have the callback look at the table. Without memory the next one tries.
 * [RQ1] What the caller has changed comes before the look at the word, where nothing is stored if a look is wanted
 * already: pairs with [RQ2] in src/lfht/resize.c. Either that is seen not to be so any more, or the callback sees
 * the change.
 */
static void request(struct cds_lfht *ht)
{
	uintptr_t word;

	cmm_smp_mb();
	word = __atomic_load_n(&ht->request, __ATOMIC_ACQUIRE);
	for (;;) {
		quiesce_delay();
		if (!(word & REQUEST_QUEUED) || give_up(request_of(word))) {
			if (request_start(ht, &word))
				return;
		} else if (word & REQUEST_WANTED || request_swap(ht, &word, word | REQUEST_WANTED)) {
			return;
		}
	}
}

/* ---- Growing ---- */

static unsigned long shape_change(unsigned long shape, unsigned int order, enum phase phase)
{
	unsigned long changes = shape & ~(SHAPE_CHANGE - 1);

	return (changes + SHAPE_CHANGE) | (unsigned long)phase << SHAPE_ORDER_BITS | order;
}

/* The new buckets can be seen by whoever sees the new shape. */
static bool shape_swap(struct cds_lfht *ht, unsigned long old, unsigned long shape)
{
	return __atomic_compare_exchange_n(&ht->shape, &old, shape, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_ACQUIRE);
}

static unsigned int provide(struct cds_lfht *ht, unsigned int order, unsigned int wanted)
{
	while (order < wanted && ht->memory->provide(ht, order + 1))
		order++;
	return order;
}

/*
 * In a section, which keeps shrinking from beginning another step: grow to an order, or as far as there
 * is memory. False if that cannot be done at this moment. What was provided in a try whose swap failed
 * may have been given back: memory.c says why it is there if the swap succeeds.
 */
static bool grow(struct cds_lfht *ht, unsigned int wanted)
{
	for (;;) {
		unsigned long shape = quiesce_shape(ht);
		enum phase phase = quiesce_shape_phase(shape);
		unsigned int order = quiesce_shape_order(shape), grown;

		if (order >= wanted)
			return true;
		if (phase == PHASE_FREEING)
			return false;
		grown = provide(ht, order, wanted);
		if (grown == order)
			return true;
		quiesce_delay();
		if (phase == PHASE_UNLINKING)
			phase = PHASE_REVIVING;
		if (shape_swap(ht, shape, shape_change(shape, grown, phase)))
			break;
	}
	quiesce_delay();
	quiesce_count_split(ht);
	request(ht);
	return true;
}

/* At least so many buckets. */
static unsigned int order_for(const struct cds_lfht *ht, unsigned long buckets)
{
	unsigned int order = buckets ? quiesce_bits_in(buckets - 1) : 0;

	return order < ht->order_max ? order : ht->order_max;
}

static unsigned long node_count(const struct cds_lfht *ht)
{
	long count = __atomic_load_n(&ht->count, __ATOMIC_RELAXED);

	return count > 0 ? (unsigned long)count : 0;
}

/* Two buckets for three nodes, at least. */
static unsigned int order_needed(const struct cds_lfht *ht)
{
	unsigned long nodes = node_count(ht);

	return order_for(ht, nodes - nodes / 3);
}

static bool is_too_large(const struct cds_lfht *ht, unsigned int order)
{
	return order > ht->order_floor && node_count(ht) < (1UL << order) / SHRINK_RATIO;
}

void quiesce_resize_check(struct cds_lfht *ht)
{
	unsigned int order = quiesce_shape_order(quiesce_shape(ht)), needed = order_needed(ht);

	if (!(ht->flags & CDS_LFHT_AUTO_RESIZE))
		return;
	if (needed > order)
		grow(ht, needed);
	else if (is_too_large(ht, order))
		request(ht);
}

/* ---- Shrinking, in the callback ---- */

/* What the size should be reduced to; the order itself if it should not. */
static unsigned int smaller_order(struct cds_lfht *ht, unsigned int order)
{
	unsigned char wanted = __atomic_exchange_n(&ht->order_wanted, 0, __ATOMIC_RELAXED);
	unsigned int smaller = order_for(ht, 2 * node_count(ht));

	if (wanted && wanted - 1U > order)
		grow(ht, wanted - 1U);
	if (wanted)
		return wanted - 1U < order ? wanted - 1U : order;
	if (!(ht->flags & CDS_LFHT_AUTO_RESIZE) || !is_too_large(ht, order))
		return order;
	/* The number is not exact before it is joined, and the table may fill while that waits. */
	if (__atomic_load_n(&ht->counters, __ATOMIC_RELAXED) && smaller < quiesce_count_order() &&
	    order > quiesce_count_order())
		smaller = quiesce_count_order();
	return smaller > ht->order_floor ? smaller : ht->order_floor;
}

static bool is_missing_some(const struct cds_lfht *ht, unsigned long size)
{
	return __atomic_load_n(&ht->made, __ATOMIC_RELAXED) < size;
}

/* Buckets from there on are taken out, or were. */
static void make_again_from(struct cds_lfht *ht, unsigned long first)
{
	if (__atomic_load_n(&ht->made, __ATOMIC_RELAXED) > first)
		__atomic_store_n(&ht->made, first, __ATOMIC_RELAXED);
}

/*
 * Nothing is under way: shrink, or make missing buckets. While the table goes on growing that is left
 * to those who add, or two threads would fight for each cache line.
 */
static bool adjust(struct cds_lfht *ht, unsigned long shape)
{
	unsigned int order = quiesce_shape_order(shape), smaller = smaller_order(ht, order);
	unsigned long size = 1UL << order, look = 0, made = 0;

	if (smaller < order) {
		quiesce_delay();
		if (shape_swap(ht, shape, shape_change(shape, smaller, PHASE_RETIRING)))
			ht->shrink_top = size;
		return true;
	}
	if (ht->shape_seen != shape) {
		ht->shape_seen = shape;
		return is_missing_some(ht, size);
	}
	for (; made < CHUNK && look < CHUNK_LOOK; look += CHUNK)
		made += quiesce_buckets_make_more(ht, size, CHUNK);
	return is_missing_some(ht, size);
}

static bool retire(struct cds_lfht *ht, unsigned long shape)
{
	unsigned int order = quiesce_shape_order(shape);

	if (ht->shape_seen != shape) {
		ht->shape_seen = shape;
		return true;
	}
	quiesce_count_join(ht);
	quiesce_delay();
	ht->drained = false;
	ht->shrink_first = 1UL << order;
	if (ht->shrink_top < ht->shrink_first)
		ht->shrink_top = ht->shrink_first;
	ht->shrink_next = ht->shrink_top;
	make_again_from(ht, ht->shrink_first);
	quiesce_delay();
	shape_swap(ht, shape, shape_change(shape, order, PHASE_UNLINKING));
	return true;
}

static bool unlink_some(struct cds_lfht *ht, unsigned long shape)
{
	unsigned int order = quiesce_shape_order(shape);
	unsigned long stop = ht->shrink_next - ht->shrink_first > CHUNK ?
			     ht->shrink_next - CHUNK : ht->shrink_first;

	if (ht->drained) {
		unsigned long freeing = shape_change(shape, order, PHASE_FREEING);

		quiesce_delay();
		if (shape_swap(ht, shape, freeing)) {
			quiesce_delay();
			ht->memory->free(ht, order + 1);
			quiesce_delay();
			shape_swap(ht, freeing, shape_change(freeing, order, PHASE_NONE));
		}
		return true;
	}
	while (ht->shrink_next > stop && quiesce_bucket_unlink(ht, ht->shrink_next - 1, shape))
		ht->shrink_next--;
	ht->drained = ht->shrink_next == ht->shrink_first;
	return true;
}

static bool revive(struct cds_lfht *ht, unsigned long shape)
{
	unsigned long stop = ht->shrink_top - ht->shrink_next > CHUNK_LOOK ?
			     ht->shrink_next + CHUNK_LOOK : ht->shrink_top;

	while (ht->shrink_next < stop)
		quiesce_bucket_forget(ht, ht->shrink_next++);
	quiesce_delay();
	if (stop == ht->shrink_top) {
		make_again_from(ht, ht->shrink_first);
		shape_swap(ht, shape, shape_change(shape, quiesce_shape_order(shape), PHASE_RETIRING));
	}
	return true;
}

/* One step, in a section. Whether there is another. */
static bool step(struct cds_lfht *ht)
{
	unsigned long shape = quiesce_shape(ht);

	switch (quiesce_shape_phase(shape)) {
	case PHASE_RETIRING:
		return retire(ht, shape);
	case PHASE_UNLINKING:
		return unlink_some(ht, shape);
	case PHASE_REVIVING:
		return revive(ht, shape);
	default:
		quiesce_resize_check(ht);
		return adjust(ht, quiesce_shape(ht));
	}
}

/* Whether the callback is done with the table: it must not look at it any more. */
static bool request_finish(struct request *request)
{
	uintptr_t word = (uintptr_t)request | REQUEST_QUEUED;

	__atomic_store_n(&request->queued, false, __ATOMIC_RELAXED);
	quiesce_delay();
	if (request_swap(request->ht, &word, (uintptr_t)request))
		return true;
	__atomic_store_n(&request->queued, true, __ATOMIC_RELAXED);
	return false;
}

static void request_run(struct rcu_head *head)
{
	struct request *request = caa_container_of(head, struct request, head);
	struct cds_lfht *ht = request->ht;
	uintptr_t word;

	if (!claim(request))
		return;
	word = __atomic_fetch_and(&ht->request, ~(uintptr_t)REQUEST_WANTED, __ATOMIC_SEQ_CST);
	/* [RQ2] First no look is wanted any more, then the table is looked at: pairs with [RQ1] in src/lfht/resize.c. */
	cmm_smp_mb();
	quiesce_delay();
	if (!(word & REQUEST_HELD)) {
		bool more;

		ht->flavor->read_lock();
		more = step(ht);
		ht->flavor->read_unlock();
		if (!more && request_finish(request))
			return;
	}
	quiesce_delay();
	/* At once, so that one rcu_barrier after destroy is enough. */
	if (__atomic_load_n(&ht->destroyed, __ATOMIC_ACQUIRE))
		quiesce_table_free(ht);
	else
		ht->flavor->update_call_rcu(&request->head, request_run);
}

/* ---- For the interface ---- */

/* A section, for which a thread of qsbr that is offline goes online. Whether it was. */
static bool enter(const struct cds_lfht *ht)
{
	bool offline = !ht->flavor->read_ongoing();

	if (offline)
		ht->flavor->thread_online();
	ht->flavor->read_lock();
	return offline;
}

static void leave(const struct cds_lfht *ht, bool offline)
{
	ht->flavor->read_unlock();
	if (offline)
		ht->flavor->thread_offline();
}

void quiesce_resize_to(struct cds_lfht *ht, unsigned int order)
{
	unsigned long size = 1UL << order;
	bool offline = enter(ht), done;

	done = order >= quiesce_shape_order(quiesce_shape(ht)) && grow(ht, order);
	quiesce_delay();
	__atomic_store_n(&ht->order_wanted, done ? 0 : order + 1, __ATOMIC_RELAXED);
	if (!done)
		request(ht);
	leave(ht, offline);
	for (unsigned long i = 0; done && i < size; i += CHUNK) {
		offline = enter(ht);
		if (1UL << quiesce_shape_order(quiesce_shape(ht)) >= size)
			quiesce_buckets_make(ht, i, size - i < CHUNK ? size : i + CHUNK);
		leave(ht, offline);
	}
}

/*
 * What the callback frees was taken out of the list in a run before. So if it finds the table held in
 * each run from now on, nothing is freed that a traversal from now on can meet.
 */
bool quiesce_resize_hold(struct cds_lfht *ht)
{
	uintptr_t word = __atomic_fetch_or(&ht->request, REQUEST_HELD, __ATOMIC_SEQ_CST);

	quiesce_delay();
	if (word & REQUEST_QUEUED && give_up(request_of(word))) {
		__atomic_store_n(&ht->request, 0, __ATOMIC_RELAXED);
		return false;
	}
	return word & REQUEST_QUEUED;
}

void quiesce_resize_release(struct cds_lfht *ht)
{
	__atomic_fetch_and(&ht->request, ~(uintptr_t)REQUEST_HELD, __ATOMIC_SEQ_CST);
}

void quiesce_table_free(struct cds_lfht *ht)
{
	const struct cds_lfht_alloc *alloc = ht->alloc;
	struct request *request = request_of(ht->request);

	ht->memory->end(ht);
	if (ht->counters)
		alloc->free(alloc->state, ht->counters);
	if (request)
		alloc->free(alloc->state, request);
	alloc->free(alloc->state, ht);
}
