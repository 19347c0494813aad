/* SPDX-License-Identifier: MIT */
/*
 * Objects in slots. A reader that finds one it should not see finds poison in it, or the words of
 * another version: memory is used again at once.
 */
#include "torture.h"

enum { UNUSED = 0x0dd, PUBLISHED = 0x50, RETIRED = 0xdead };

#define POOL	2048U
#define WORDS	(sizeof(((struct object *)NULL)->words) / sizeof(unsigned long))
#define POISON	0x6b6b6b6bUL

static struct object objects[POOL];
static struct object *slots[SLOTS];
static struct object *unused;
static unsigned int unused_count;
static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;

static unsigned long word_of(unsigned long version, unsigned int slot, unsigned int i)
{
	return (version * SLOTS + slot) * 0x9e3779b9UL + i;
}

static void write_words(struct object *object, unsigned int slot, unsigned long version)
{
	__atomic_store_n(&object->slot, slot, __ATOMIC_RELAXED);
	__atomic_store_n(&object->version, version, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < WORDS; i++)
		__atomic_store_n(&object->words[i], word_of(version, slot, i), __ATOMIC_RELAXED);
}

static void poison(struct object *object)
{
	__atomic_store_n(&object->version, POISON, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < WORDS; i++)
		__atomic_store_n(&object->words[i], POISON, __ATOMIC_RELAXED);
}

/* The version of an object that was found in a slot. */
static unsigned long check(const struct object *object, unsigned int slot)
{
	unsigned long version = __atomic_load_n(&object->version, __ATOMIC_RELAXED);

	for (unsigned int i = 0; i < WORDS; i++) {
		unsigned long word = __atomic_load_n(&object->words[i], __ATOMIC_RELAXED);

		if (word != word_of(version, slot, i))
			fail("a section holds an object that was released: version %#lx of slot "
			     "%u, word %u is %#lx", version, slot, i, word);
	}
	return version;
}

/* ---- The pool ---- */

static struct object *try_take(void)
{
	struct object *object;

	pthread_mutex_lock(&pool_lock);
	object = unused;
	if (object) {
		unused = object->next;
		unused_count--;
	}
	pthread_mutex_unlock(&pool_lock);
	return object;
}

/* Outside of sections: who waits for the writers' objects must not hold them up. */
static struct object *take(void)
{
	struct object *object;

	rcu_thread_offline();
	stage("waiting for an object to come back");
	while (!(object = try_take()))
		sleep_below(100000);
	return object;
}

static void give(struct object *object)
{
	pthread_mutex_lock(&pool_lock);
	object->next = unused;
	unused = object;
	unused_count++;
	pthread_mutex_unlock(&pool_lock);
}

void release_object(struct object *object)
{
	int state = __atomic_exchange_n(&object->state, UNUSED, __ATOMIC_ACQ_REL);

	if (state != RETIRED)
		fail("an object is released %s", state == UNUSED ? "twice" : "that is published");
	check(object, object->slot);
	poison(object);
	give(object);
}

/* ---- Publishing ---- */

struct object *replace_object(void)
{
	unsigned int slot = pick(SLOTS);
	struct object *object = take(), *old;

	must(__atomic_exchange_n(&object->state, PUBLISHED, __ATOMIC_ACQ_REL) == UNUSED);
	object->laps = 0;
	rcu_read_lock();
	do {
		old = rcu_dereference(slots[slot]);
		write_words(object, slot, check(old, slot) + 1);
		disorder();
	} while (rcu_cmpxchg_pointer(&slots[slot], old, object) != old);
	must(__atomic_exchange_n(&old->state, RETIRED, __ATOMIC_ACQ_REL) == PUBLISHED);
	rcu_read_unlock();
	return old;
}

void objects_begin(void)
{
	for (unsigned int i = 0; i < POOL; i++) {
		objects[i].state = UNUSED;
		poison(&objects[i]);
		give(&objects[i]);
	}
	for (unsigned int slot = 0; slot < SLOTS; slot++) {
		struct object *object = try_take();

		object->state = PUBLISHED;
		write_words(object, slot, 1);
		rcu_set_pointer(&slots[slot], object);
	}
}

void objects_end(void)
{
	for (unsigned int slot = 0; slot < SLOTS; slot++)
		check(slots[slot], slot);
	if (unused_count != POOL - SLOTS)
		fail("%u objects never came back", POOL - SLOTS - unused_count);
}

/* ---- Sections ---- */

#ifndef TEST_QSBR
/*
 * What rcu_read_lock does, with time for anything to happen between its two steps: the number that
 * it stores may be an old one.
 */
static void lock_slowly(void)
{
	unsigned long seen = __atomic_load_n(&rcu_gp.ctr, __ATOMIC_RELAXED);

	disorder();
	__atomic_store_n(OWN_CTR, seen, __ATOMIC_RELEASE);
	if (READERS_ARE_FENCED)
		cmm_smp_mb();
	else
		cmm_barrier();
	disorder();
}

/* The same of rcu_read_unlock: the leader may fall asleep between the steps. */
static void unlock_slowly(void)
{
	if (!urcu_common_close(OWN_CTR))
		return;
	disorder();
	if (__atomic_load_n(&rcu_gp.futex, __ATOMIC_RELAXED) == -1)
		urcu_common_wake_leader((struct urcu_gp *)&rcu_gp);
}
#else
static void lock_slowly(void)
{
	if (!urcu_qsbr_read_ongoing()) {
		unsigned long seen = __atomic_load_n(&rcu_gp.ctr, __ATOMIC_RELAXED);

		disorder();
		__atomic_store_n(OWN_CTR, seen, __ATOMIC_RELEASE);
		cmm_smp_mb();
		urcu_qsbr_wake_leader(&URCU_TLS(urcu_qsbr_reader));
	}
	rcu_read_lock();
}

static void unlock_slowly(void)
{
	rcu_read_unlock();
}
#endif

static void enter(bool slowly)
{
	if (slowly && !rcu_read_ongoing())
		lock_slowly();
	else
		rcu_read_lock();
}

static void leave(bool slowly)
{
	if (slowly)
		unlock_slowly();
	else
		rcu_read_unlock();
}

static void spin(uint32_t pauses)
{
	while (pauses--)
		caa_cpu_relax();
}

static void look_at(unsigned int slot, unsigned int depth);

/* Mostly short, seldom some milliseconds, sometimes with sections in it. */
static void stay(unsigned int depth)
{
	switch (pick(64)) {
	case 0:
		sched_yield();
		break;
	case 1:
		if (pick(8) == 0)
			sleep_below(4000000);
		else
			spin(pick(20000));
		break;
	case 2: case 3: case 4: case 5:
		if (depth < 4)
			look_at(pick(SLOTS), depth + 1);
		break;
	default:
		spin(pick(60));
	}
}

static void look_at(unsigned int slot, unsigned int depth)
{
	const struct object *object;
	bool slowly = pick(8) == 0 && IS_READER;
	unsigned long version;

	enter(slowly);
	object = rcu_dereference(slots[slot]);
	version = check(object, slot);
	if (version < me.youngest[slot])
		fail("a reader saw version %lu of slot %u after %lu", version, slot,
		     me.youngest[slot]);
	me.youngest[slot] = version;
	stay(depth);
	if (check(object, slot) != version)
		fail("version %lu of slot %u was used again while a section held it", version, slot);
	leave(slowly);
}

void look(void)
{
	look_at(pick(SLOTS), 0);
}

/*
 * It may have come between any two instructions of what the thread does. In qsbr it reads in the
 * interrupted section: going online is not for handlers.
 */
void look_in_handler(void)
{
	unsigned int slot = (unsigned int)(get(board->done[READING_IN_HANDLERS]) % SLOTS);
	const struct object *object;
	unsigned long version;

#ifdef TEST_QSBR
	if (!rcu_read_ongoing())
		return;
#endif
	rcu_read_lock();
	object = rcu_dereference(slots[slot]);
	version = check(object, slot);
	rcu_read_lock();
	spin(200);
	rcu_read_unlock();
	if (version % 16 == 0)
		sched_yield();
	must(check(object, slot) == version);
	rcu_read_unlock();
	done(READING_IN_HANDLERS);
}
