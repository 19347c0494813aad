/* SPDX-License-Identifier: MIT */
/*
 * Histories of a few hot keys are linearizable. Threads note of each operation when it began and
 * ended, by one atomic clock, and what it returned; a search (Wing and Gong) then looks for an order
 * of them that a plain variable, "which node, or none", would have gone through. Meanwhile the table
 * is resized. TEST_SECONDS: how long for each flavor.
 */
#include "../unit/harness.h"
#include "../unit/lfht-items.h"

enum { THREADS = 4, HOT = 3, LENGTH = 60, CROWD = 64 };

enum kind { LOOKUP, ADD_UNIQUE, ADD_REPLACE, REPLACE, DELETE };

/* NULL stands for no node. */
struct operation {
	enum kind kind;
	const void *node;	/* that it was to put in; of DELETE, to take out */
	const void *old;	/* of REPLACE: that it was to take out */
	const void *found;	/* what it returned, if a node */
	bool done;		/* REPLACE, DELETE: it was successful */
	unsigned long begin, end;
};

struct history {
	struct operation operation[LENGTH];
	unsigned int length;
};

static struct {
	struct cds_lfht *ht;
	struct history history[THREADS][HOT];
	pthread_barrier_t gate;
	unsigned int numbers;
	unsigned long clock, rounds;
	bool over;
} world;

/* ---- The search ---- */

struct search {
	const struct history *history[THREADS];
	unsigned char next[THREADS];	/* operation of each thread */
	const void *state;
	/* Where it has been in vain: positions and state, hashed. */
	struct {
		unsigned int next;
		const void *state;
	} seen[4096];
	unsigned int visited;
};

/* Whether the plain variable allows it now; what it is then. */
static bool allows(const struct operation *operation, const void *state, const void **after)
{
	*after = state;
	switch (operation->kind) {
	case LOOKUP:
		return operation->found == state;
	case ADD_UNIQUE:
		if (!state)
			*after = operation->node;
		return operation->found == (state ? state : operation->node);
	case ADD_REPLACE:
		*after = operation->node;
		return operation->found == state;
	case REPLACE:
		if (operation->done)
			*after = operation->node;
		return operation->done == (operation->old && operation->old == state);
	default:
		if (operation->done)
			*after = NULL;
		return operation->done == (operation->node && operation->node == state);
	}
}

static bool was_here(struct search *search)
{
	unsigned int next = search->next[0] | search->next[1] << 8 | search->next[2] << 16 |
			    (unsigned int)search->next[3] << 24;
	unsigned int slot = (unsigned int)spread(next ^ (uintptr_t)search->state) % 4096;

	if (search->visited && search->seen[slot].next == next + 1 &&
	    search->seen[slot].state == search->state)
		return true;
	search->visited++;
	search->seen[slot].next = next + 1;
	search->seen[slot].state = search->state;
	return false;
}

static const struct operation *next_of(const struct search *search, unsigned int thread)
{
	const struct history *history = search->history[thread];

	return search->next[thread] < history->length ?
	       &history->operation[search->next[thread]] : NULL;
}

static bool explains(struct search *search)
{
	unsigned long first_end = ~0UL;
	const void *state = search->state;

	if (was_here(search))
		return false;
	for (unsigned int i = 0; i < THREADS; i++)
		if (next_of(search, i) && next_of(search, i)->end < first_end)
			first_end = next_of(search, i)->end;
	if (first_end == ~0UL)
		return true;
	for (unsigned int i = 0; i < THREADS; i++) {
		const struct operation *operation = next_of(search, i);

		if (!operation || operation->begin > first_end ||
		    !allows(operation, state, &search->state))
			continue;
		search->next[i]++;
		if (explains(search))
			return true;
		search->next[i]--;
		search->state = state;
	}
	return false;
}

static void check_history(unsigned int key, const void *before)
{
	static struct search search;

	memset(&search, 0, sizeof(search));
	search.state = before;
	for (unsigned int i = 0; i < THREADS; i++)
		search.history[i] = &world.history[i][key];
	if (!explains(&search))
		ck_abort_msg("round %lu, key %u: no order explains what was returned",
			     world.rounds, key);
}

/* ---- The threads ---- */

/* Two keys of one hash, and one of a hash near them. */
static unsigned long hash_of(unsigned long key)
{
	return key == 2 ? 1UL << 40 | 3 : 3;
}

static __thread unsigned int random_state;

/* A match lets others run in the middle of an operation. */
static int match(struct cds_lfht_node *node, const void *key)
{
	if (pick(&random_state, 3) == 0)
		sched_yield();
	return match_key(node, key);
}

static unsigned long tick(void)
{
	return raise_by(world.clock, 1);
}

static struct operation *begin(struct history *history, enum kind kind)
{
	struct operation *operation = &history->operation[history->length++];

	*operation = (struct operation) { .kind = kind, .begin = tick() };
	return operation;
}

static void look_up(struct history *history, unsigned long key, struct cds_lfht_iter *iter)
{
	struct operation *operation = begin(history, LOOKUP);

	cds_lfht_lookup(world.ht, hash_of(key), match, &key, iter);
	operation->end = tick();
	operation->found = iter->node;
}

static void add(struct history *history, unsigned long key, enum kind kind)
{
	struct item *item = item_new(key);
	struct operation *operation = begin(history, kind);

	operation->node = &item->node;
	operation->found = kind == ADD_UNIQUE ?
		cds_lfht_add_unique(world.ht, hash_of(key), match, &key, &item->node) :
		cds_lfht_add_replace(world.ht, hash_of(key), match, &key, &item->node);
	operation->end = tick();
}

static void replace_found(struct history *history, unsigned long key, struct cds_lfht_iter *iter)
{
	struct item *item = item_new(key);
	struct operation *operation = begin(history, REPLACE);

	operation->node = &item->node;
	operation->old = iter->node;
	operation->done = cds_lfht_replace(world.ht, iter, hash_of(key), match, &key,
					   &item->node) == 0;
	operation->end = tick();
}

static void delete_found(struct history *history, struct cds_lfht_iter *iter)
{
	struct operation *operation = begin(history, DELETE);

	operation->node = iter->node;
	operation->done = cds_lfht_del(world.ht, iter->node) == 0;
	operation->end = tick();
}

static void operate(struct history *history, unsigned long key)
{
	struct cds_lfht_iter iter;

	enter();
	switch (pick(&random_state, 5)) {
	case 0:
		add(history, key, ADD_UNIQUE);
		break;
	case 1:
		add(history, key, ADD_REPLACE);
		break;
	case 2:
		look_up(history, key, &iter);
		replace_found(history, key, &iter);
		break;
	case 3:
		look_up(history, key, &iter);
		delete_found(history, &iter);
		break;
	default:
		look_up(history, key, &iter);
	}
	leave();
}

static void meet(void)
{
	rcu_thread_offline();
	pthread_barrier_wait(&world.gate);
	rcu_thread_online();
}

static void *make_history(void *arg)
{
	unsigned int number = raise_by(world.numbers, 1) - 1;

	rcu_register_thread();
	random_state = 31 * (number + 1);
	for (;;) {
		meet();
		if (get(world.over))
			break;
		for (unsigned int i = 0; i < HOT * LENGTH / 2; i++) {
			unsigned int key = pick(&random_state, HOT);

			if (world.history[number][key].length + 3 <= LENGTH)
				operate(&world.history[number][key], key);
		}
		meet();
	}
	rcu_unregister_thread();
	return arg;
}

/* Around the hot nodes others come and go, of equal and of other hashes, and buckets too. */
static void *disturb(void *arg)
{
	static struct item items[CROWD];

	rcu_register_thread();
	random_state = 17;
	while (!get(world.over)) {
		for (unsigned int i = 0; i < CROWD; i++) {
			items[i].key = 1000;
			items[i].hash = i % 4 == 0 ? 3 : spread(i);
			enter();
			cds_lfht_add(world.ht, items[i].hash, &items[i].node);
			leave();
			if (i % 8 == 0)
				cds_lfht_resize(world.ht, 1UL << pick(&random_state, 9));
		}
		for (unsigned int i = 0; i < CROWD; i++) {
			enter();
			want(cds_lfht_del(world.ht, &items[i].node) == 0);
			leave();
		}
		synchronize_rcu();
	}
	rcu_unregister_thread();
	return arg;
}

/* ---- Rounds ---- */

static const void *node_now(unsigned long key)
{
	const struct item *item;

	enter();
	item = find(world.ht, hash_of(key), key);
	leave();
	return item ? &item->node : NULL;
}

/* Whether an operation that put a node in is followed by none that took it out is checked too. */
static void check_round(const void *before[HOT])
{
	for (unsigned int key = 0; key < HOT; key++) {
		struct history *last = &world.history[0][key];
		const void *now = node_now(key);
		struct operation *operation = begin(last, LOOKUP);

		operation->found = now;
		operation->end = tick();
		check_history(key, before[key]);
		before[key] = now;
	}
}

/* What was put in and is not in the table any more. Nobody operates. */
static void free_nodes(void *before[HOT])
{
	synchronize_rcu();
	for (unsigned int i = 0; i < THREADS * HOT; i++) {
		struct history *history = &world.history[i / HOT][i % HOT];

		for (unsigned int j = 0; j < history->length; j++) {
			struct operation *operation = &history->operation[j];
			bool added = operation->kind == ADD_UNIQUE || operation->kind == ADD_REPLACE ||
				     operation->kind == REPLACE;

			if (added && operation->node != before[i % HOT])
				free((void *)operation->node);
		}
		history->length = 0;
	}
}

/* The one that a round began with, if it is gone. */
static void one_round(const void *before[HOT])
{
	const void *first[HOT];

	memcpy(first, before, sizeof(first));
	meet();
	meet();
	world.rounds++;
	check_round(before);
	free_nodes((void **)before);
	for (unsigned int key = 0; key < HOT; key++)
		if (first[key] != before[key])
			free((void *)first[key]);
}

static unsigned int milliseconds(void)
{
	const char *seconds = getenv("TEST_SECONDS");

	return (seconds ? 1000 * (unsigned int)atoi(seconds) : 2000) / SCHEMES;
}

START_TEST(histories_are_linearizable)
{
	const void *before[HOT] = { NULL };
	struct team team = { .size = 0 };
	uint64_t until = now_us() + 1000 * milliseconds();

	rcu_register_thread();
	world.ht = table_new((unsigned int)_i, CDS_LFHT_ACCOUNTING);
	pthread_barrier_init(&world.gate, NULL, THREADS + 1);
	team_add(&team, THREADS, make_history, NULL);
	team_add(&team, 1, disturb, NULL);
	while (now_us() < until || world.rounds < 50)
		one_round(before);
	put(world.over, true);
	meet();
	rcu_thread_offline();
	team_join(&team);
	rcu_thread_online();
	for (unsigned int key = 0; key < HOT; key++) {
		enter();
		cds_lfht_del(world.ht, (struct cds_lfht_node *)before[key]);
		leave();
	}
	want(cds_lfht_destroy(world.ht, NULL) == 0);
	await_requests();
	if (getenv("TEST_SECONDS"))
		fprintf(stderr, "%lu rounds\n", world.rounds);
}
END_TEST

/* ---- The search itself tells what is possible ---- */

static bool explained(struct operation a, struct operation b)
{
	struct history history[THREADS] = { { { a }, 1 }, { { b }, 1 } };
	static struct search search;

	memset(&search, 0, sizeof(search));
	for (unsigned int i = 0; i < THREADS; i++)
		search.history[i] = &history[i];
	return explains(&search);
}

START_TEST(the_search_accepts_and_refuses)
{
	int x, y;
	struct operation add = { ADD_UNIQUE, &x, NULL, &x, false, 1, 4 };
	struct operation other = { ADD_UNIQUE, &y, NULL, &y, false, 2, 3 };
	struct operation early = { LOOKUP, NULL, NULL, NULL, false, 2, 3 };
	struct operation late = { LOOKUP, NULL, NULL, NULL, false, 5, 6 };
	struct operation delete = { DELETE, &x, NULL, NULL, true, 5, 6 };

	want(explained(add, early));
	want(!explained(add, late));
	want(!explained(add, other));
	want(explained(add, delete));
	delete.done = false;
	want(!explained(add, delete));
	late.found = &x;
	want(explained(add, late));
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("lfht-history/" FLAVOR);
	TCase *tcase = add_case(suite, "histories", 40 + milliseconds() / 1000);

	tcase_add_test(tcase, the_search_accepts_and_refuses);
	tcase_add_loop_test(tcase, histories_are_linearizable, 0, SCHEMES);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
