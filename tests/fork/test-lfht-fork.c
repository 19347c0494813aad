/* SPDX-License-Identifier: MIT */
/*
 * Hash tables at a fork and at exit: other threads fill, empty and resize a table while one forks,
 * from everywhere; parent and child both go on with their own, and take it down.
 */
#include <sched.h>

#include "fork-harness.h"
#include "../unit/lfht-items.h"

enum {
	STAYING = 500,		/* keys that stay in the table until its end */
	CROWD = 4000,		/* of each of the threads that come and go */
	CROWDS = 2,
	LARGEST = 1 << 16, SMALLEST = 16,	/* tables, in buckets */
	LEFT_BEHIND = 8,	/* pieces, or orders of chunks, that threads held which are not in the child */
	FORKS = 4,
};

static struct world {
	struct cds_lfht *ht;
	struct ledger ledger;
	struct cds_lfht_alloc alloc;
	struct item staying[STAYING], crowd[CROWDS + 1][CROWD], fresh[CROWD], spare[CROWD];
	pthread_t threads[CROWDS + 1];
	int numbers, over;
	bool chunked;
	unsigned int operations;	/* of the crowds */
} world;

static void add_items(struct item *items, unsigned int number, unsigned long key)
{
	for (unsigned int i = 0; i < number; i++, key++) {
		items[i].key = key;
		items[i].hash = spread(key);
		enter();
		cds_lfht_add(world.ht, items[i].hash, &items[i].node);
		leave();
		__atomic_fetch_add(&world.operations, 1, __ATOMIC_RELAXED);
	}
}

static void must_find(const struct item *items, unsigned int number)
{
	enter();
	for (unsigned int i = 0; i < number; i++)
		MUST(find(world.ht, items[i].hash, items[i].key) == &items[i]);
	leave();
}

static void delete_items(struct item *items, unsigned int number)
{
	for (unsigned int i = 0; i < number; i++) {
		enter();
		MUST(cds_lfht_del(world.ht, &items[i].node) == 0);
		leave();
		__atomic_fetch_add(&world.operations, 1, __ATOMIC_RELAXED);
	}
}

/* To a size; of qsbr, by a thread that is online. */
static void resize(unsigned long size)
{
	end_waiting();
	cds_lfht_resize(world.ht, size);
	begin_waiting();
}

/* ---- Other threads ---- */

static void *come_and_go(void *arg)
{
	int number = __atomic_fetch_add(&world.numbers, 1, __ATOMIC_RELAXED);

	rcu_register_thread();
	while (!get(&world.over)) {
		add_items(world.crowd[number], CROWD, (unsigned long)(number + 1) << 20);
		delete_items(world.crowd[number], CROWD);
		synchronize_rcu();
	}
	rcu_unregister_thread();
	return arg;
}

static void *change_size(void *arg)
{
	rcu_register_thread();
	for (unsigned int i = 0; !get(&world.over); i++) {
		resize(1UL << (7 + spread(i) % 8));
		sched_yield();
	}
	rcu_unregister_thread();
	return arg;
}

static void make_world(int config)
{
	bool resizes = config / SCHEMES;

	rcu_register_thread();
	world.alloc = ledger_alloc(&world.ledger);
	world.chunked = scheme_of[config % SCHEMES] == &cds_lfht_mm_chunk;
	world.ht = _cds_lfht_new_with_alloc(SMALLEST, SMALLEST, LARGEST, resizes ? ALL_FLAGS : CDS_LFHT_ACCOUNTING,
					    scheme_of[config % SCHEMES], &rcu_flavor, &world.alloc, NULL);
	MUST(world.ht);
	add_items(world.staying, STAYING, 1);
	for (int i = 0; i < CROWDS; i++)
		world.threads[i] = start_thread(come_and_go, NULL);
	world.threads[CROWDS] = start_thread(resizes ? come_and_go : change_size, NULL);
}


/* A random number of operations later. */
static void await_some_operations(unsigned int i)
{
	unsigned int until = __atomic_load_n(&world.operations, __ATOMIC_RELAXED) +
			     (unsigned int)spread(i + 1) % (2 * CROWD);

	while ((int)(until - __atomic_load_n(&world.operations, __ATOMIC_RELAXED)) > 0)
		sched_yield();
}

/* ---- What parent and child do with their table ---- */

static void must_meet_staying_once(void)
{
	static unsigned long traversal;
	struct cds_lfht_iter iter;
	struct item *item;
	unsigned int met = 0;

	traversal++;
	enter();
	cds_lfht_for_each_entry(world.ht, &iter, item, node) {
		if (item->key > STAYING)
			continue;
		MUST(item->met != traversal);
		item->met = traversal;
		met++;
	}
	leave();
	MUST(met == STAYING);
}

static void use_table(unsigned int round)
{
	STAGE("lookups and a traversal");
	must_find(world.staying, STAYING);
	must_meet_staying_once();
	STAGE("growing");
	synchronize_rcu();
	memset(world.fresh, 0, sizeof(world.fresh));
	add_items(world.fresh, CROWD, 1UL << 30);
	must_find(world.fresh, CROWD);
	must_find(world.staying, STAYING);
	STAGE("shrinking");
	resize(1UL << (7 + round));
	rcu_barrier();
	must_find(world.fresh, CROWD);
	delete_items(world.fresh, CROWD);
	rcu_barrier();
	must_find(world.staying, STAYING);
}

/* An order of a chunked table is as many pieces as it has chunks, and the array of them. */
static void take_down(long left_behind)
{
	long held = world.chunked ? left_behind * (LARGEST / SMALLEST / 2 + 1) : left_behind;
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	STAGE("taking down");
	enter();
	cds_lfht_for_each(world.ht, &iter, node)
		MUST(cds_lfht_del(world.ht, node) == 0);
	leave();
	MUST(cds_lfht_destroy(world.ht, NULL) == 0);
	STAGE("rcu_barrier after destroy");
	await_requests();
	if (world.ledger.live > held)
		broken("pieces leak", __FILE__, __LINE__);
}

static void go_on_alone(void *arg)
{
	(void)arg;
	use_table(3);
	take_down(LEFT_BEHIND);
}

/* Fork in the middle of the child's own resizing. */
static void go_on_and_fork(void *arg)
{
	struct item *few = world.spare + CROWD - 10;

	use_table(*(unsigned int *)arg);
	add_items(world.spare, CROWD, 1UL << 31);
	delete_items(world.spare, CROWD - 10);
	run_child(go_on_alone, NULL);
	STAGE("child again");
	must_find(few, 10);
	delete_items(few, 10);
	use_table(5);
	take_down(LEFT_BEHIND);
}

static void end_world(void)
{
	put(&world.over, 1);
	for (int i = 0; i <= CROWDS; i++)
		join(world.threads[i]);
	use_table(4);
	take_down(0);
	rcu_unregister_thread();
}

START_TEST(forks_in_the_middle_of_resizing_leave_two_whole_tables)
{
	make_world(_i);
	for (unsigned int i = 0; i < FORKS; i++) {
		await_some_operations(i);
		run_child(i % 2 ? go_on_and_fork : go_on_alone, &i);
		must_find(world.staying, STAYING);
	}
	end_world();
}
END_TEST

#ifndef TEST_QSBR	/* there the hooks are a quiescent state */
static void finish_traversal(struct cds_lfht_iter *iter, unsigned int met)
{
	for (; iter->node; cds_lfht_next(world.ht, iter))
		met += item_of(iter->node)->key <= STAYING;
	MUST(met == STAYING);
}

START_TEST(a_reader_that_forks_goes_on_with_its_traversal)
{
	make_world(_i);
	for (unsigned int i = 0; i < FORKS; i++) {
		struct cds_lfht_iter iter;
		unsigned int met = 0;
		pid_t pid;

		await_some_operations(i);
		enter();
		cds_lfht_first(world.ht, &iter);
		for (unsigned int j = 0; iter.node && j < 1000; j++) {
			met += item_of(iter.node)->key <= STAYING;
			cds_lfht_next(world.ht, &iter);
		}
		pid = hooked_fork();
		finish_traversal(&iter, met);
		leave();
		if (pid == 0) {
			go_on_alone(NULL);
			_exit(0);
		}
		expect_clean(pid);
	}
	end_world();
}
END_TEST
#endif

/* ---- Forks in callbacks ---- */

static struct forking {
	struct rcu_head head;
	int over, forked;
} forking;

static void *go_on_after_callback(void *arg)
{
	await_value(&forking.over, 1);
	rcu_register_thread();
	go_on_alone(NULL);
	_exit(0);
	return arg;
}

static void fork_in_callback(struct rcu_head *head)
{
	pid_t pid = hooked_fork();

	(void)head;
	if (pid == 0) {
		start_thread(go_on_after_callback, NULL);
		put(&forking.over, 1);
		return;
	}
	begin_waiting();
	expect_clean(pid);
	end_waiting();
	put(&forking.forked, 1);
}

START_TEST(a_callback_that_forks_leaves_two_whole_tables)
{
	make_world(_i);
	for (unsigned int i = 0; i < FORKS; i++) {
		await_some_operations(i);
		put(&forking.forked, 0);
		call_rcu(&forking.head, fork_in_callback);
		await_value(&forking.forked, 1);
		rcu_barrier();
	}
	end_world();
}
END_TEST

/* ---- Tables by the thousand; valgrind looks at it too (leaks.sh) ---- */

static void use_many_tables(unsigned int tables)
{
	rcu_register_thread();
	world.alloc = ledger_alloc(&world.ledger);
	for (unsigned int i = 0; i < tables; i++) {
		unsigned int number = (unsigned int)spread(i) % 500;

		world.ht = _cds_lfht_new_with_alloc(1, 1, 1 << 12, ALL_FLAGS,
				scheme_of[i % SCHEMES], &rcu_flavor, &world.alloc, NULL);
		MUST(world.ht);
		memset(world.fresh, 0, sizeof(*world.fresh) * number);
		add_items(world.fresh, number, 1);
		delete_items(world.fresh, number);
		MUST(cds_lfht_destroy(world.ht, NULL) == 0);
		if (i % 10 == 0)
			rcu_barrier();
	}
	rcu_barrier();
	MUST(world.ledger.live == 0);
	rcu_unregister_thread();
}

START_TEST(a_table_destroyed_right_after_its_last_deletion_leaves_nothing)
{
	use_many_tables(1000);
}
END_TEST

/* ---- Exit ---- */

/* A program of its own: every case ends by status 7. */
static int run_program(char **arguments)
{
	static struct shared failures;

	shared = &failures;
	alarm(child_limit());
	if (strcmp(arguments[1], "tables") == 0) {
		use_many_tables(1000);
		return 7;
	}
	make_world(atoi(arguments[1]));
	await_some_operations((unsigned int)atoi(arguments[2]));
	return 7;
}

START_TEST(exit_in_the_middle_of_resizing_does_not_hang)
{
	setenv("URCU_EXIT_TIMEOUT", "600000", 1);
	for (int i = 0; i < FORKS; i++) {
		char config[16], moment[16];
		int status;
		pid_t pid;

		snprintf(config, sizeof(config), "%d", _i);
		snprintf(moment, sizeof(moment), "%d", i);
		pid = fork();
		if (pid == 0) {
			execl("/proc/self/exe", "exit", config, moment, (char *)NULL);
			_exit(127);
		}
		MUST(waitpid(pid, &status, 0) == pid);
		MUST(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("lfht-fork/" FLAVOR);
	TCase *tcase = add_case(suite, "beside resizes");

	tcase_set_tags(tcase, "forks-beside-malloc");	/* tests/sanitize/sanitize.sh */
	tcase_add_loop_test(tcase, forks_in_the_middle_of_resizing_leave_two_whole_tables, 0,
			    2 * SCHEMES);
#ifndef TEST_QSBR
	tcase_add_loop_test(tcase, a_reader_that_forks_goes_on_with_its_traversal, 0, 2 * SCHEMES);
#endif
	tcase_add_loop_test(tcase, a_callback_that_forks_leaves_two_whole_tables, 0, 2 * SCHEMES);
	tcase = add_case(suite, "lfht-fork");
	tcase_add_test(tcase, a_table_destroyed_right_after_its_last_deletion_leaves_nothing);
	tcase_add_loop_test(tcase, exit_in_the_middle_of_resizing_does_not_hang, 0, 2 * SCHEMES);
	return suite;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return run_program(argv);
	return run_suite(suite());
}
