/* SPDX-License-Identifier: MIT */
/*
 * Inside the hash table: that its size follows its nodes, at every moment and in every phase of
 * shrinking. GROWTH_RUNS: how often each fill is done (default 1).
 */
#include "harness.h"
#include "lfht-steps.h"

#include <sys/wait.h>

#define CHAIN	4UL

/* ---- A fill, by one thread or several ---- */

enum { FILL = 200000, INSERTERS = 4 };

struct fill {
	struct cds_lfht *ht;
	unsigned int inserters, numbers, end;
	unsigned long nodes, longest;	/* in the table; the greatest mean chain, in percent */
	struct item *items;
};

static void note_chain(struct fill *fill, unsigned long nodes, unsigned long buckets)
{
	unsigned long mean = 100 * nodes / buckets;

	if (nodes >= CHAIN * buckets)
		ck_abort_msg("%lu nodes in %lu buckets", nodes, buckets);
	if (mean > get(fill->longest))
		put(fill->longest, mean);
}

static void *insert(void *arg)
{
	struct fill *fill = arg;
	unsigned int number = raise_by(fill->numbers, 1) - 1;

	rcu_register_thread();
	for (unsigned int i = number; i < fill->end; i += fill->inserters) {
		unsigned long nodes;

		enter();
		cds_lfht_add(fill->ht, fill->items[i].hash, &fill->items[i].node);
		nodes = raise_by(fill->nodes, 1);
		note_chain(fill, nodes, 1UL << order_of(fill->ht));
		/* Nearly a doubling apart: to count them takes as long as to fill them. */
		if ((nodes & (nodes - 1)) == 0 || nodes % 50000 == 0)
			note_chain(fill, nodes, ready_buckets(fill->ht));
		leave();
	}
	rcu_unregister_thread();
	return NULL;
}

static void fill_up(struct fill *fill, unsigned int inserters, unsigned int end)
{
	struct team team = { .size = 0 };

	fill->inserters = inserters;
	fill->end = end;
	fill->numbers = 0;
	team_add(&team, inserters, insert, fill);
	team_join(&team);
}

static void fill_init(struct fill *fill, unsigned int scheme, int flags,
		const struct rcu_flavor_struct *flavor)
{
	*fill = (struct fill) { .items = malloc(FILL * sizeof(*fill->items)) };
	fill->ht = _cds_lfht_new(1, 1, 1 << 20, flags, scheme_of[scheme], flavor, NULL);
	want(fill->items && fill->ht);
	for (unsigned int i = 0; i < FILL; i++)
		fill->items[i] = (struct item) { .key = i, .hash = spread(i) };
}

static void delete_from(struct fill *fill, unsigned int first, unsigned int end)
{
	for (; first < end; first++) {
		enter();
		want(cds_lfht_del(fill->ht, &fill->items[first].node) == 0);
		fill->nodes--;
		leave();
	}
}

/* Down to the floor. */
static void await_shrunk(struct fill *fill)
{
	while (order_of(fill->ht) > fill->ht->order_floor || !is_at_rest(fill->ht))
		rcu_barrier();
}

static void fill_end(struct fill *fill)
{
	want(cds_lfht_destroy(fill->ht, NULL) == 0);
	await_requests();
	free(fill->items);
}

static unsigned int runs(void)
{
	const char *number = getenv("GROWTH_RUNS");

	return number ? (unsigned int)atoi(number) : 1;
}

static void fill_and_empty(unsigned int inserters, int flags, unsigned int run, bool hold)
{
	struct fill fill;

	fill_init(&fill, run % SCHEMES, flags, &rcu_flavor);
	if (hold)
		rcu_read_lock();
	fill_up(&fill, inserters, FILL);
	if (hold)
		rcu_read_unlock();
	want(count_all(fill.ht) == FILL);
	delete_from(&fill, 0, FILL);
	await_shrunk(&fill);
	/* What it counted before must not make it wrong about the few that come now. */
	fill_up(&fill, inserters, FILL / 40);
	delete_from(&fill, 0, FILL / 40);
	await_shrunk(&fill);
	if (getenv("GROWTH_RUNS"))
		fprintf(stderr, "run %u: longest mean chain %lu%%\n", run, fill.longest);
	fill_end(&fill);
}

#define AUTO		CDS_LFHT_AUTO_RESIZE
#define AUTO_COUNTED	ALL_FLAGS

/* Each call begins with another scheme and other flags. */
static void fill_often(unsigned int inserters, unsigned int first, bool hold)
{
	for (unsigned int i = first; i < first + runs(); i++)
		fill_and_empty(inserters, i % 2 ? AUTO_COUNTED : AUTO, i, hold);
}

START_TEST(one_inserter_never_finds_long_chains)
{
	fill_often(1, 0, false);
}
END_TEST

START_TEST(several_inserters_never_find_long_chains)
{
	fill_often(INSERTERS, 1, false);
}
END_TEST

START_TEST(nor_do_they_all_on_one_cpu)
{
	pin_to(usable_cpu(0));
	fill_often(1, 2, false);
	fill_often(INSERTERS, 3, false);
}
END_TEST

START_TEST(nor_while_a_reader_stays_in_its_section)
{
	fill_often(1, 4, true);
	fill_often(INSERTERS, 5, true);
}
END_TEST

static void add_from(struct fill *fill, unsigned int first, unsigned int end)
{
	for (; first < end; first++) {
		enter();
		cds_lfht_add(fill->ht, fill->items[first].hash, &fill->items[first].node);
		fill->nodes++;
		note_chain(fill, fill->nodes, 1UL << order_of(fill->ht));
		leave();
	}
}

static void must_have(struct fill *fill, unsigned int first, unsigned int end)
{
	enter();
	for (unsigned int i = 0; i < end; i++)
		want(find(fill->ht, fill->items[i].hash, i) == (i < first ? NULL : &fill->items[i]));
	want(count_all(fill->ht) == end - first);
	leave();
}

enum { LARGE = 60000, FEW = 100 };

/* Filled and nearly emptied, and so many steps into a phase. */
static void step_into(struct fill *fill, enum phase phase, unsigned int more)
{
	add_from(fill, 0, LARGE);
	step_to_rest();
	must_be_whole(fill->ht);
	delete_from(fill, 0, LARGE - FEW);
	while (phase_of(fill->ht) != phase)
		want(step());
	while (more--)
		want(step());
	want(phase_of(fill->ht) == phase);
	must_have(fill, LARGE - FEW, LARGE);
}

static void shrink_and_end(struct fill *fill, unsigned int first, unsigned int end)
{
	delete_from(fill, first, end);
	step_to_rest();
	want(order_of(fill->ht) == fill->ht->order_floor);
	must_be_whole(fill->ht);
	fill_end(fill);
}

static const struct {
	enum phase phase;
	unsigned int more;	/* UNLINKING takes 16 steps, for 4096 buckets each */
} stops[] = {
	{ PHASE_RETIRING, 0 }, { PHASE_RETIRING, 1 },
	{ PHASE_UNLINKING, 0 }, { PHASE_UNLINKING, 1 }, { PHASE_UNLINKING, 5 },
	{ PHASE_UNLINKING, 15 },
};

#define STOPS (int)(sizeof(stops) / sizeof(stops[0]))

/* Grow again out of each stop, to less than before, to as much, and to more. */
START_TEST(a_table_may_grow_in_each_phase_of_shrinking)
{
	static const unsigned int sizes[] = { 2000, 20000, LARGE, FILL };
	struct rcu_flavor_struct flavor = stepped();
	unsigned int stop = (unsigned int)_i / 4, size = sizes[_i % 4];
	bool unlinking = stops[stop].phase == PHASE_UNLINKING;
	struct fill fill;

	fill_init(&fill, (unsigned int)_i % SCHEMES, AUTO, &flavor);
	step_into(&fill, stops[stop].phase, stops[stop].more);
	for (unsigned int i = 0; i < LARGE - FEW; i++)
		fill.items[i].hash = spread(i);
	if (size > LARGE) {
		add_from(&fill, 0, LARGE - FEW);
		add_from(&fill, LARGE, size);
	} else {
		add_from(&fill, LARGE - size, LARGE - FEW);
	}
	want(phase_of(fill.ht) == (unlinking ? PHASE_REVIVING : PHASE_RETIRING));
	must_have(&fill, size > LARGE ? 0 : LARGE - size, size > LARGE ? size : LARGE);
	while (step())
		if (size < LARGE || steps % 8 == 0)
			must_have(&fill, size > LARGE ? 0 : LARGE - size, size > LARGE ? size : LARGE);
	must_be_whole(fill.ht);
	shrink_and_end(&fill, size > LARGE ? 0 : LARGE - size, size > LARGE ? size : LARGE);
}
END_TEST

START_TEST(a_table_may_shrink_again_in_the_middle_of_reviving)
{
	struct rcu_flavor_struct flavor = stepped();
	struct fill fill;

	fill_init(&fill, (unsigned int)_i, AUTO, &flavor);
	step_into(&fill, PHASE_UNLINKING, 8);
	for (int i = 0; i < 5; i++) {
		add_from(&fill, 0, 20000);
		want(phase_of(fill.ht) == PHASE_REVIVING);
		delete_from(&fill, 0, 20000);
		must_have(&fill, LARGE - FEW, LARGE);
		do
			want(step());
		while (phase_of(fill.ht) != PHASE_UNLINKING || order_of(fill.ht) > 10);
		want(step());
	}
	step_to_rest();
	must_be_whole(fill.ht);
	shrink_and_end(&fill, LARGE - FEW, LARGE);
}
END_TEST

/* ---- Words with and without a tag in one list ---- */

/* As where nodes and buckets lie on both sides of what leaves room for one. */
START_TEST(words_with_a_tag_and_without_may_be_in_one_list)
{
	struct rcu_flavor_struct flavor = stepped();
	unsigned int tagged = 0;
	struct fill fill;

	fill_init(&fill, (unsigned int)_i % SCHEMES, AUTO, &flavor);
	/* In the midst of the items; buckets lie where malloc has put them. */
	fill.ht->tagged_below = (uintptr_t)&fill.items[_i / SCHEMES ? LARGE / 3 : 2 * LARGE / 3];
	step_into(&fill, PHASE_UNLINKING, 3);
	for (unsigned int i = 0; i < LARGE - FEW; i++)
		fill.items[i].hash = spread(i);
	add_from(&fill, 0, LARGE - FEW);
	must_have(&fill, 0, LARGE);
	step_to_rest();
	must_have(&fill, 0, LARGE);
	must_be_whole(fill.ht);
	for (unsigned int i = 0; i < LARGE; i++)
		tagged += quiesce_is_tagged((uintptr_t)fill.items[i].node.next);
	want(WORD_TAGGED ? tagged && tagged < LARGE : !tagged);
	shrink_and_end(&fill, 0, LARGE);
}
END_TEST

START_TEST(a_word_holds_an_address_and_what_it_says_of_it)
{
	static const uint64_t low = 0x00007ffffffffff8, high = 0x7ffffffffffffff8;
	unsigned long before = 0x1234000000000000, at = 0x1234432100000000, past = 0x12344fff00000000;

	if (!WORD_TAGGED)
		return;
	for (unsigned long flags = 0; flags <= WORD_FLAGS; flags++) {
		unsigned long word = low | quiesce_tag_of(at) | flags;

		want((uintptr_t)quiesce_word_node(word) == low && quiesce_is_tagged(word));
		want(quiesce_word_order(word, before) > 0 && quiesce_word_order(word, past) < 0);
		want(quiesce_word_order(word, at) == 0);
		word = high | flags;
		want((uintptr_t)quiesce_word_node(word) == high && !quiesce_is_tagged(word));
		want(quiesce_word_order(word, before) == 0 && quiesce_word_order(word, past) == 0);
	}
	want(low < WORD_ROOM && WORD_ROOM < high);
}
END_TEST

/* ---- A fork while a thread is about to queue the callback ---- */

static struct fill forked;
static bool left_behind, was_queued;

/*
 * A child that no fork handler knows of, and whose process id is its parent's: each is the first of its
 * namespace. Where that is not permitted, one with another id.
 */
static pid_t unnoticed_fork(void)
{
	pid_t pid;

	if (unshare(CLONE_NEWPID) != 0)
		want(errno == EPERM || errno == EINVAL || errno == ENOSYS);
	pid = _Fork();
	if (pid == 0)
		alarm(60);
	return pid;
}

static pid_t (*fork_so)(void);

/*
 * In the child the thread that was here is not: what it was about to do, or had just done, nobody
 * notes. The section that it was in is not either.
 */
static void be_the_child(struct rcu_head *head, void (*run)(struct rcu_head *head))
{
	rcu_read_unlock();
	add_from(&forked, forked.nodes + 1, 5000);
	want(pending && pending != head);
	if (was_queued)
		run(head);
	step_to_rest();
	must_have(&forked, 0, 5000);
	must_be_whole(forked.ht);
	shrink_and_end(&forked, 0, 5000);
	_exit(0);
}

static void fork_here(struct rcu_head *head, void (*run)(struct rcu_head *head))
{
	int status;
	pid_t pid;

	if (left_behind) {
		keep(head, run);
		return;
	}
	left_behind = true;
	pid = fork_so();
	if (pid == 0)
		be_the_child(head, run);
	want(waitpid(pid, &status, 0) == pid && status == 0);
	keep(head, run);
}

static void leave_request_behind(bool queued)
{
	struct rcu_flavor_struct flavor = stepped();

	was_queued = queued;
	flavor.update_call_rcu = fork_here;
	left_behind = true;	/* of the first request, which is queued while nobody else has the table */
	fill_init(&forked, 0, AUTO, &flavor);
	want(pending);
	step_to_rest();
	left_behind = false;
	add_from(&forked, 0, 100);
	want(left_behind && pending);
	step_to_rest();
	must_be_whole(forked.ht);
	shrink_and_end(&forked, 0, 100);
}

START_TEST(a_request_that_a_fork_left_behind_is_made_anew)
{
	fork_so = fork;
	leave_request_behind(_i);
}
END_TEST

static void run_in(pid_t (*make_child)(void), void (*run)(bool queued), bool queued)
{
	pid_t pid = make_child();
	int status;

	if (pid == 0) {
		run(queued);
		_exit(0);
	}
	want(waitpid(pid, &status, 0) == pid && status == 0);
}

static void leave_request_behind_unnoticed(bool queued)
{
	run_in(unnoticed_fork, leave_request_behind, queued);
}

/* The test itself, which LeakSanitizer looks at in the end by a process of its own, gets no new namespace. */
START_TEST(in_a_child_like_its_parent_too)
{
	fork_so = unnoticed_fork;
	run_in(fork, leave_request_behind_unnoticed, _i);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("lfht-growth");
	TCase *tcase = add_case(suite, "fills", 30 * (runs() + 1));

	tcase_add_checked_fixture(tcase, rcu_register_thread, NULL);
	tcase_add_test(tcase, one_inserter_never_finds_long_chains);
	tcase_add_test(tcase, several_inserters_never_find_long_chains);
	tcase_add_test(tcase, nor_do_they_all_on_one_cpu);
	tcase_add_test(tcase, nor_while_a_reader_stays_in_its_section);
	tcase = add_case(suite, "phases", 60);
	tcase_add_checked_fixture(tcase, rcu_register_thread, NULL);
	tcase_add_loop_test(tcase, a_table_may_grow_in_each_phase_of_shrinking, 0, 4 * STOPS);
	tcase_add_loop_test(tcase, a_table_may_shrink_again_in_the_middle_of_reviving, 0, SCHEMES);
	tcase_add_loop_test(tcase, a_request_that_a_fork_left_behind_is_made_anew, 0, 2);
	tcase_add_loop_test(tcase, in_a_child_like_its_parent_too, 0, 2);
	tcase_add_loop_test(tcase, words_with_a_tag_and_without_may_be_in_one_list, 0, 2 * SCHEMES);
	tcase_add_test(tcase, a_word_holds_an_address_and_what_it_says_of_it);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
