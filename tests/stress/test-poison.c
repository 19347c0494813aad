/* SPDX-License-Identifier: MIT */
/*
 * Readers never see freed memory. Updaters replace objects and free the old ones, poisoned, after
 * synchronize_rcu or in a callback; readers hold them for random times and look at all of their
 * bytes. TEST_SECONDS: how long in all (default 3).
 */
#include "../unit/harness.h"

#define WORDS		14
#define POISON		0xdeaddeaddeaddeadUL
#define READERS		3
#define SLOTS		4

struct entry {
	unsigned long version;		/* raised with each object in a slot */
	unsigned long words[WORDS];	/* all the version's own */
	struct rcu_head head;
};

struct slot {
	struct entry *entry;
} __attribute__((aligned(64)));

static struct {
	struct slot slots[SLOTS];
	unsigned int updaters, readers;
	unsigned long updates, reads, freed;
	bool over;
} world;

static unsigned long word_of(unsigned long version, unsigned int i)
{
	return version * 0x9e3779b97f4a7c15ULL + i;
}

static struct entry *entry_new(unsigned long version)
{
	struct entry *entry = malloc(sizeof(*entry));

	want(entry);
	entry->version = version;
	for (unsigned int i = 0; i < WORDS; i++)
		entry->words[i] = word_of(version, i);
	return entry;
}

static bool entry_whole(const struct entry *entry)
{
	unsigned long version = entry->version;
	bool whole = true;

	for (unsigned int i = 0; i < WORDS; i++)
		whole &= entry->words[i] == word_of(version, i);
	return whole;
}

/* The compiler must not drop stores to memory that is about to be freed. */
static void entry_free(struct entry *entry)
{
	want(entry_whole(entry));
	for (unsigned int i = 0; i < WORDS; i++)
		entry->words[i] = POISON;
	__asm__ __volatile__("" : : "r"(entry) : "memory");
	free(entry);
	__atomic_fetch_add(&world.freed, 1, __ATOMIC_RELAXED);
}

static void entry_free_rcu(struct rcu_head *head)
{
	entry_free(caa_container_of(head, struct entry, head));
}

/* ---- Updaters ---- */

static struct entry *replace_entry(struct slot *slot)
{
	struct entry *old = slot->entry;

	rcu_assign_pointer(slot->entry, entry_new(old->version + 1));
	return old;
}

static void *update_synchronously(void *arg)
{
	struct slot *slot = &world.slots[raise_by(world.updaters, 1) - 1];
	unsigned long updates = 0;

	(void)arg;
	for (; !get(world.over); updates++) {
		struct entry *old = replace_entry(slot);

		synchronize_rcu();
		entry_free(old);
	}
	raise_by(world.updates, updates);
	return NULL;
}

/* In bursts, so that a slow reader cannot let memory grow for ever. */
static void *update_by_callbacks(void *arg)
{
	struct slot *slot = &world.slots[raise_by(world.updaters, 1) - 1];
	unsigned long updates = 0;

	(void)arg;
	rcu_register_thread();
	rcu_thread_online();
	for (; !get(world.over); updates++) {
		struct entry *old = replace_entry(slot);

		call_rcu(&old->head, entry_free_rcu);
		rcu_quiescent_state();
		if (updates % 20000 == 19999)
			rcu_barrier();
	}
	raise_by(world.updates, updates);
	rcu_unregister_thread();
	return NULL;
}

/* ---- Readers ---- */

/* Mostly short, seldom long, sometimes nested, sometimes preempted. */
static void hold(unsigned int *random)
{
	switch (pick(random, 64)) {
	case 0:
		sched_yield();
		break;
	case 1:
		hold_for(pick(random, 20000));
		break;
	case 2:
		rcu_read_lock();
		sched_yield();
		rcu_read_unlock();
		break;
	default:
		hold_for(pick(random, 40));
	}
}

static void read_one(unsigned int *random, unsigned long *youngest)
{
	unsigned int number = pick(random, get(world.updaters));
	const struct entry *entry;

	rcu_read_lock();
	entry = rcu_dereference(world.slots[number].entry);
	want(entry_whole(entry));
	want(entry->version >= youngest[number]);
	youngest[number] = entry->version;
	hold(random);
	want(entry->version == youngest[number]);
	want(entry_whole(entry));
	rcu_read_unlock();
}

static void read_many(unsigned long count)
{
	unsigned int random = 0x9e3779b9u * raise_by(world.readers, 1) | 1;
	unsigned long youngest[SLOTS] = { 0 }, reads = 0;

	rcu_register_thread();
	rcu_thread_online();
	for (; reads < count && !get(world.over); reads++)
		read_one(&random, youngest);
	rcu_unregister_thread();
	raise_by(world.reads, reads);
}

static void *reader(void *arg)
{
	(void)arg;
	read_many(~0UL);
	return NULL;
}

static void *short_reader(void *arg)
{
	(void)arg;
	read_many(10);
	return NULL;
}

static void *parent_of_short_readers(void *arg)
{
	while (!get(world.over)) {
		pthread_t child = start(short_reader, arg);

		pthread_join(child, NULL);
	}
	return NULL;
}

/* ---- Runs ---- */

static unsigned int milliseconds(void)
{
	const char *seconds = getenv("TEST_SECONDS");

	return (unsigned int)(1000 * (seconds ? atof(seconds) : 3)) / 3;
}

static void run(unsigned int synchronous, unsigned int by_callbacks, unsigned int parents)
{
	static struct team team;
	unsigned long freed;

	for (unsigned int i = 0; i < SLOTS; i++)
		world.slots[i].entry = entry_new(1);
	team_add(&team, synchronous, update_synchronously, NULL);
	team_add(&team, by_callbacks, update_by_callbacks, NULL);
	await_that(get(world.updaters) == synchronous + by_callbacks);
	team_add(&team, READERS, reader, NULL);
	team_add(&team, parents, parent_of_short_readers, NULL);
	usleep(1000 * milliseconds());
	put(world.over, true);
	team_join(&team);
	rcu_barrier();
	freed = __atomic_load_n(&world.freed, __ATOMIC_ACQUIRE);
	want(world.updates == freed && freed > 0 && world.reads > 0);
	for (unsigned int i = 0; i < SLOTS; i++)
		free(world.slots[i].entry);
}

START_TEST(nothing_freed_after_synchronize_is_read)
{
	run(2, 0, 0);
}
END_TEST

START_TEST(nothing_freed_by_callbacks_is_read)
{
	run(0, 2, 0);
}
END_TEST

START_TEST(nothing_freed_is_read_by_threads_that_come_and_go)
{
	run(2, 1, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("poison-" FLAVOR);
	TCase *tc = add_case(suite, "poison", 30 + milliseconds() / 1000);

	tcase_add_test(tc, nothing_freed_after_synchronize_is_read);
	tcase_add_test(tc, nothing_freed_by_callbacks_is_read);
	tcase_add_test(tc, nothing_freed_is_read_by_threads_that_come_and_go);
	return run_suite(suite);
}
