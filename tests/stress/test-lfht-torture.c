/* SPDX-License-Identifier: MIT */
/*
 * The hash table under everything at once: updates of all kinds, lookups and traversals while it is
 * resized, explicitly or by itself. Memory that is given back is poisoned, nodes and buckets alike.
 * What is found is held against what may be: nodes that stay, keys that never come, keys of which
 * there is one at most, and the balance at the end. TEST_SECONDS: how long for each flavor.
 */
#include "../unit/harness.h"
#include "../unit/lfht-items.h"

#include <malloc.h>

enum {
	STAYING = 700,			/* keys below stay in the table */
	REPLACED = 20,			/* then keys of which there is always one, now this, now that */
	SINGLE = STAYING + REPLACED,
	UNIQUE = 40,			/* then keys of which there is one at most at a time */
	DOUBLE = 20,			/* then keys with duplicates */
	KEYS = SINGLE + UNIQUE + DOUBLE,
	ABSENT = 100,			/* then keys that never come */
	CROWD = KEYS + ABSENT,		/* and the key of many that come and go */
	UPDATERS = 3, READERS = 2,
};

#define POISON	0xdeadbeefdeadbeefUL

static struct world {
	struct cds_lfht *ht;
	struct item staying[STAYING];
	struct team team;
	unsigned int numbers;
	long added, deleted;
	unsigned long passes;		/* traversals and rounds of updates */
	bool resizes, over;
} *world;

/* ---- Poison ---- */

static void poisoned_free(void *state, void *p)
{
	if (p)
		memset(p, 0x6b, malloc_usable_size(p));
	ledger_free(state, p);
}

static void poison_item(struct rcu_head *head)
{
	struct item *item = caa_container_of(head, struct item, head);

	item->key = POISON;
	item->node.next = (struct cds_lfht_node *)POISON;
	item->node.reverse_hash = POISON;
	__asm__ __volatile__("" : : "r"(item) : "memory");
	free(item);
}

static void retire(struct cds_lfht_node *node)
{
	call_rcu(&item_of(node)->head, poison_item);
}

/* ---- Keys and hashes: many of a few hashes, others that differ in all quarters ---- */

static unsigned long hash_of(unsigned long key)
{
	return key % 5 == 0 ? (key % 3) << 40 | 5 : spread(key);
}

/* A match lets others run in the middle of an operation. */
static int match(struct cds_lfht_node *node, const void *key)
{
	static __thread unsigned int random;

	if (!random)
		random = 0x9e3779b9u ^ (unsigned int)(uintptr_t)&random;
	if (pick(&random, 16) == 0)
		sched_yield();
	want(item_of(node)->key < KEYS || item_of(node)->key == CROWD);
	return item_of(node)->key == *(const unsigned long *)key;
}

static struct item *fresh(unsigned long key)
{
	struct item *item = item_new(key);

	item->hash = hash_of(key);
	return item;
}

static void look_up(unsigned long key, struct cds_lfht_iter *iter)
{
	cds_lfht_lookup(world->ht, hash_of(key), match, &key, iter);
}

/* ---- Updaters ---- */

static void add_unique(unsigned long key)
{
	struct item *item = fresh(key);

	if (cds_lfht_add_unique(world->ht, item->hash, match, &key, &item->node) == &item->node)
		raise_by(world->added, 1);
	else
		free(item);
}

static void add_replace(unsigned long key)
{
	struct item *item = fresh(key);
	struct cds_lfht_node *old = cds_lfht_add_replace(world->ht, item->hash, match, &key,
							 &item->node);

	if (old)
		retire(old);
	else
		raise_by(world->added, 1);
}

static void replace_one(unsigned long key)
{
	struct item *item = fresh(key);
	struct cds_lfht_iter iter;
	int result;

	look_up(key, &iter);
	result = cds_lfht_replace(world->ht, &iter, item->hash, match, &key, &item->node);
	want(result == 0 || result == -ENOENT);
	if (result == 0)
		retire(iter.node);
	else
		free(item);
}

static void delete_one(unsigned long key)
{
	struct cds_lfht_iter iter;
	int result;

	look_up(key, &iter);
	result = cds_lfht_del(world->ht, iter.node);
	want(result == 0 || result == -ENOENT);
	if (result == 0) {
		want(cds_lfht_is_node_deleted(iter.node));
		raise_by(world->deleted, 1);
		retire(iter.node);
	}
}

static void add_duplicate(unsigned long key)
{
	struct item *item = fresh(key);

	cds_lfht_add(world->ht, item->hash, &item->node);
	raise_by(world->added, 1);
}

static void update_some(unsigned int *random)
{
	unsigned long one = SINGLE + pick(random, UNIQUE);
	unsigned long replaced = STAYING + pick(random, REPLACED);
	unsigned long many = SINGLE + UNIQUE + pick(random, DOUBLE);

	switch (pick(random, 10)) {
	case 0:
		add_unique(one);
		break;
	case 1:
		add_replace(one);
		break;
	case 2:
		replace_one(one);
		break;
	case 3:
		delete_one(one);
		break;
	case 4:
		add_duplicate(many);
		break;
	case 5:
		replace_one(many);
		break;
	case 6:
		add_replace(replaced);
		break;
	case 7:
		replace_one(replaced);
		break;
	default:
		delete_one(many);
	}
}

/* ---- Readers ---- */

static void check_staying(unsigned long key)
{
	struct cds_lfht_iter iter;

	look_up(key, &iter);
	want(iter.node == &world->staying[key].node);
	cds_lfht_next_duplicate(world->ht, match, &key, &iter);
	want(!iter.node);
}

static void check_others(unsigned long replaced, unsigned long one, unsigned long many,
		unsigned long absent)
{
	unsigned long found = 0;
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node, *last = NULL;

	look_up(absent, &iter);
	want(!iter.node);
	cds_lfht_for_each_duplicate(world->ht, hash_of(replaced), match, &replaced, &iter, node)
		found++;
	want(found == 1);
	found = 0;
	cds_lfht_for_each_duplicate(world->ht, hash_of(one), match, &one, &iter, node)
		found++;
	want(found <= 1);
	cds_lfht_for_each_duplicate(world->ht, hash_of(many), match, &many, &iter, node) {
		want(item_of(node)->key == many && node != last);
		last = node;
	}
}

struct traversal {
	unsigned long number, met[KEYS], run_of[KEYS], runs;
	const struct cds_lfht_node *node[KEYS];
};

static void check_again(const struct traversal *traversal, const struct item *item)
{
	unsigned long key = item->key;

	want(key >= SINGLE + UNIQUE);
	want(traversal->node[key] != &item->node && traversal->run_of[key] == traversal->runs);
}

/* Each key that is always there once, nodes of one hash together, two of a unique key never. */
static void traverse(struct traversal *traversal)
{
	unsigned long hash = 0;
	struct cds_lfht_iter iter;
	struct item *item;
	unsigned int always = 0;

	traversal->number++;
	cds_lfht_for_each_entry(world->ht, &iter, item, node) {
		unsigned long key = item->key;

		want(key < KEYS || key == CROWD);
		if (traversal->runs == 0 || item->hash != hash)
			traversal->runs++;
		hash = item->hash;
		if (key == CROWD)
			continue;
		if (traversal->met[key] == traversal->number)
			check_again(traversal, item);
		traversal->met[key] = traversal->number;
		traversal->run_of[key] = traversal->runs;
		traversal->node[key] = &item->node;
		always += key < SINGLE;
	}
	want(always == SINGLE);
}

/* ---- Threads ---- */

static void *update(void *arg)
{
	unsigned int random = 77 * raise_by(world->numbers, 1);

	rcu_register_thread();
	while (!get(world->over)) {
		for (unsigned int i = 0; i < 20; i++) {
			enter();
			update_some(&random);
			leave();
		}
		raise_by(world->passes, 1);
	}
	rcu_unregister_thread();
	return arg;
}

static void *look(void *arg)
{
	unsigned int random = 99 * raise_by(world->numbers, 1);
	struct traversal *traversal = calloc(1, sizeof(*traversal));

	rcu_register_thread();
	while (!get(world->over)) {
		enter();
		for (unsigned int i = 0; i < 20; i++) {
			check_staying(pick(&random, STAYING));
			check_others(STAYING + pick(&random, REPLACED),
				     SINGLE + pick(&random, UNIQUE),
				     SINGLE + UNIQUE + pick(&random, DOUBLE),
				     KEYS + pick(&random, ABSENT));
		}
		leave();
		enter();
		traverse(traversal);
		leave();
	}
	rcu_unregister_thread();
	free(traversal);
	return arg;
}

/* Of a table that resizes itself: by a crowd that comes and goes. */
static void crowd(struct item **items, unsigned int number)
{
	for (unsigned int i = 0; i < number; i++) {
		enter();
		items[i] = item_new(CROWD);
		items[i]->hash = spread(~(unsigned long)i);
		cds_lfht_add(world->ht, items[i]->hash, &items[i]->node);
		leave();
	}
	for (unsigned int i = 0; i < number; i++) {
		enter();
		want(cds_lfht_del(world->ht, &items[i]->node) == 0);
		retire(&items[i]->node);
		leave();
	}
}

static void *resize(void *arg)
{
	struct item **items = malloc(20000 * sizeof(*items));
	unsigned int random = 4711;

	rcu_register_thread();
	while (!get(world->over)) {
		if (world->resizes)
			crowd(items, pick(&random, 20000));
		else
			cds_lfht_resize(world->ht, 1UL << pick(&random, 14));
		if (pick(&random, 4) == 0)
			rcu_barrier();
		else
			sched_yield();
		rcu_quiescent_state();
	}
	rcu_unregister_thread();
	free(items);
	return arg;
}

/* ---- The world ---- */

static void set_up(unsigned int scheme, bool resizes, const struct cds_lfht_alloc *alloc)
{
	static struct world the_world;

	world = &the_world;
	world->resizes = resizes;
	world->ht = _cds_lfht_new_with_alloc(1, 1, 1 << 16, resizes ? ALL_FLAGS : CDS_LFHT_ACCOUNTING,
					     scheme_of[scheme], &rcu_flavor, alloc, NULL);
	want(world->ht);
	for (unsigned long key = 0; key < STAYING; key++) {
		struct item *item = &world->staying[key];

		item->key = key;
		item->hash = hash_of(key);
		enter();
		cds_lfht_add(world->ht, item->hash, &item->node);
		leave();
	}
	for (unsigned long key = STAYING; key < SINGLE; key++) {
		enter();
		add_unique(key);
		leave();
	}
}

static void balance_and_destroy(void)
{
	long before, after, expected = STAYING + world->added - world->deleted;
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;
	unsigned long count;

	enter();
	cds_lfht_count_nodes(world->ht, &before, &count, &after);
	want((long)count == expected && before == expected && after == expected);
	cds_lfht_for_each(world->ht, &iter, node) {
		want(cds_lfht_del(world->ht, node) == 0);
		if (item_of(node)->key >= STAYING)
			retire(node);
	}
	leave();
	want(cds_lfht_destroy(world->ht, NULL) == 0);
	await_requests();
}

static unsigned int milliseconds(void)
{
	const char *seconds = getenv("TEST_SECONDS");

	return (seconds ? 1000 * (unsigned int)atoi(seconds) : 2000) / (2 * SCHEMES);
}

START_TEST(whatever_happens_to_a_table_is_allowed)
{
	struct ledger ledger = { 0 };
	struct cds_lfht_alloc alloc = ledger_alloc(&ledger);

	alloc.free = poisoned_free;
	rcu_register_thread();
	set_up((unsigned int)_i % SCHEMES, _i / SCHEMES, &alloc);
	rcu_thread_offline();
	team_add(&world->team, UPDATERS, update, NULL);
	team_add(&world->team, READERS, look, NULL);
	team_add(&world->team, 1, resize, NULL);
	stress_go_on(milliseconds());
	await_that(get(world->passes) > 100);
	put(world->over, true);
	team_join(&world->team);
	rcu_thread_online();
	balance_and_destroy();
	want(ledger.live == 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("lfht-torture/" FLAVOR);
	TCase *tcase = add_case(suite, "torture", 30 + milliseconds() / 1000);

	tcase_add_loop_test(tcase, whatever_happens_to_a_table_is_allowed, 0, 2 * SCHEMES);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
