/* SPDX-License-Identifier: MIT */
/* The hash table's interface, in one thread: every function, macro, scheme, size and refusal. */
#include "harness.h"
#include "lfht-items.h"

static void fill(struct cds_lfht *ht, struct item *items, unsigned int number)
{
	for (unsigned int i = 0; i < number; i++) {
		items[i] = (struct item) { .key = i, .hash = spread(i) };
		enter();
		cds_lfht_add(ht, items[i].hash, &items[i].node);
		leave();
	}
}

static void must_hold(struct cds_lfht *ht, const struct item *items, unsigned int number)
{
	enter();
	want(count_all(ht) == number);
	for (unsigned int i = 0; i < number; i++)
		want(find(ht, items[i].hash, items[i].key) == &items[i]);
	want(!find(ht, spread(number), number));
	leave();
}

static void empty(struct cds_lfht *ht, struct item *items, unsigned int number)
{
	for (unsigned int i = 0; i < number; i++) {
		enter();
		want(cds_lfht_del(ht, &items[i].node) == 0);
		leave();
	}
}

/* ---- Making and taking down ---- */

static void use_and_destroy(struct cds_lfht *ht, pthread_attr_t *attr)
{
	static struct item items[200];
	pthread_attr_t *back = (pthread_attr_t *)&back;

	want(ht);
	fill(ht, items, 200);
	must_hold(ht, items, 200);
	empty(ht, items, 200);
	want(cds_lfht_destroy(ht, &back) == 0 && back == attr);
	await_requests();
}

START_TEST(every_form_of_new_makes_a_table_and_destroy_hands_back_the_attribute)
{
	struct ledger ledger = { 0 };
	struct cds_lfht_alloc alloc = ledger_alloc(&ledger);
	const struct rcu_flavor_struct *flavor = &rcu_flavor;
	pthread_attr_t attr;

	use_and_destroy(cds_lfht_new(1, 1, 0, ALL_FLAGS, &attr), &attr);
	use_and_destroy(cds_lfht_new(1, 1, 0, 0, NULL), NULL);
	use_and_destroy(cds_lfht_new_flavor(4, 2, 64, CDS_LFHT_AUTO_RESIZE, flavor, &attr), &attr);
	use_and_destroy(_cds_lfht_new(4, 2, 64, 0, NULL, flavor, &attr), &attr);
	want(ledger.calls == 0);
	use_and_destroy(cds_lfht_new_with_flavor_alloc(1, 1, 64, ALL_FLAGS, flavor, &alloc, &attr),
			&attr);
	want(ledger.calls > 0 && ledger.live == 0);
	for (unsigned int i = 0; i < SCHEMES; i++) {
		ledger.calls = 0;
		use_and_destroy(_cds_lfht_new(1, 1, 64, ALL_FLAGS, scheme_of[i], flavor, &attr), &attr);
		use_and_destroy(_cds_lfht_new_with_alloc(1, 1, 64, ALL_FLAGS, scheme_of[i], flavor,
							 &alloc, &attr), &attr);
		want(ledger.calls > 0 && ledger.live == 0);
		want(cds_lfht_destroy(table_new(i, 0), NULL) == 0);
	}
}
END_TEST

static void try_sizes(const struct cds_lfht_mm_type *mm, unsigned long init, unsigned long min,
		unsigned long max, int flags)
{
	static const unsigned long sizes[] = { 0, 300, 1, 64, 3, 1UL << 12, 2 };
	static struct item items[100];
	struct cds_lfht *ht = _cds_lfht_new(init, min, max, flags, mm, &rcu_flavor, NULL);

	want(ht);
	fill(ht, items, 100);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		cds_lfht_resize(ht, sizes[i]);
		must_hold(ht, items, 100);
	}
	empty(ht, items, 100);
	want(cds_lfht_destroy(ht, NULL) == 0);
	/* A worker that still resizes this table may stand on a node that the next one adds. */
	synchronize_rcu();
}

START_TEST(every_scheme_takes_every_combination_of_sizes)
{
	for (unsigned int i = 0; i < SCHEMES; i++)
		for (unsigned long init = 1; init <= 1024; init *= 4)
			for (unsigned long min = 1; min <= 1024; min *= 4)
				for (unsigned long max = i ? 1 : 0; max <= 4096; max = max ? 8 * max : 1)
					try_sizes(scheme_of[i], init, min, max, _i);
	await_requests();
}
END_TEST

/* Each is zeroed memory of its own, which this marks. */
static void must_be_new(struct cds_lfht *ht, const struct cds_lfht_mm_type *mm, unsigned long first,
		unsigned long end)
{
	for (unsigned long i = first; i < end; i++) {
		struct cds_lfht_node *bucket = mm->bucket_at(ht, i);

		want(!bucket->next);
		bucket->next = bucket;
	}
}

/* Of more buckets at least than fit into a page of any machine, as mmap has it. */
#define FEWEST 4096UL

START_TEST(buckets_are_provided_and_freed_through_the_schemes_as_well)
{
	struct ledger ledger = { 0 };
	struct cds_lfht_alloc alloc = ledger_alloc(&ledger);

	for (unsigned int i = 0; i < SCHEMES; i++) {
		const struct cds_lfht_mm_type *mm = scheme_of[i];
		struct cds_lfht *ht = _cds_lfht_new_with_alloc(FEWEST, FEWEST, 4 * FEWEST, 0, mm,
							       &rcu_flavor, &alloc, NULL);
		long live = ledger.live;

		for (int round = 0; round < 2; round++) {
			mm->alloc_bucket_table(ht, 13);
			must_be_new(ht, mm, FEWEST, 2 * FEWEST);
			mm->alloc_bucket_table(ht, 13);
			want(mm->bucket_at(ht, 2 * FEWEST - 1)->next);
			mm->free_bucket_table(ht, 13);
			want(ledger.live == live);
		}
		want(cds_lfht_destroy(ht, NULL) == 0);
		ht = mm->alloc_cds_lfht(FEWEST, 4 * FEWEST, &alloc);
		want(ht && ledger.live == 1);
		alloc.free(alloc.state, ht);
	}
}
END_TEST

static const struct {
	unsigned long init, min, max;
	int flags, scheme;	/* scheme 3 is none */
	bool flavor;
	int error;
} refused[] = {
	{ 0, 1, 0, 0, 0, true, EINVAL },
	{ 3, 1, 0, 0, 0, true, EINVAL },
	{ ~0UL, 1, 0, 0, 0, true, EINVAL },
	{ 1, 0, 0, 0, 0, true, EINVAL },
	{ 1, 6, 0, 0, 0, true, EINVAL },
	{ 1, 1, 5, 0, 0, true, EINVAL },
	{ 1, 1, ~0UL, 0, 1, true, EINVAL },
	{ 1, 1, 0, 0, 0, false, EINVAL },
	{ 1, 1, 0, 0, 1, true, EINVAL },
	{ 1, 1, 0, 0, 2, true, EINVAL },
	{ 1, 1, 64, 0, 3, true, EINVAL },
	{ 1, ~(~0UL >> 1), 0, 0, 0, true, ENOMEM },
};

START_TEST(bad_arguments_are_refused_with_their_error)
{
	static const struct cds_lfht_mm_type none;
	pthread_attr_t attr;

	for (unsigned int i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		int s = refused[i].scheme;

		errno = 0;
		if (_cds_lfht_new(refused[i].init, refused[i].min, refused[i].max, refused[i].flags,
				  s == 3 ? &none : scheme_of[s],
				  refused[i].flavor ? &rcu_flavor : NULL, &attr) ||
		    errno != refused[i].error)
			ck_abort_msg("row %u: errno %d", i, errno);
	}
}
END_TEST

START_TEST(destroy_refuses_a_table_with_nodes_and_leaves_it_alone)
{
	static struct item items[10];

	for (unsigned int i = 0; i < SCHEMES; i++) {
		struct cds_lfht *ht = table_new(i, ALL_FLAGS);
		pthread_attr_t *attr = (pthread_attr_t *)&attr, *before = attr;

		fill(ht, items, 10);
		want(cds_lfht_destroy(ht, &attr) == -EPERM && attr == before);
		must_hold(ht, items, 10);
		empty(ht, items, 9);
		want(cds_lfht_destroy(ht, &attr) == -EPERM);
		empty(ht, &items[9], 1);
		want(cds_lfht_destroy(ht, &attr) == 0 && !attr);
	}
	await_requests();
}
END_TEST

static void destroy_here(void *ht)
{
	want(cds_lfht_destroy(ht, NULL) == 0);
}

START_TEST(destroy_may_be_called_in_a_callback_and_by_an_unregistered_thread)
{
	static struct item items[5000];

	for (unsigned int i = 0; i < 20; i++) {
		struct ledger ledger = { 0 };
		struct cds_lfht_alloc alloc = ledger_alloc(&ledger);
		struct cds_lfht *ht = _cds_lfht_new_with_alloc(1, 1, 1 << 16, ALL_FLAGS,
				scheme_of[i % SCHEMES], &rcu_flavor, &alloc, NULL);

		want(ht);
		fill(ht, items, 5000);
		empty(ht, items, 5000);
		if (i % 2) {
			rcu_thread_offline();
			in_callback(destroy_here, ht);
			rcu_thread_online();
		} else {
			rcu_unregister_thread();
			destroy_here(ht);
			rcu_register_thread();
		}
		await_requests();
		want(ledger.live == 0);
	}
}
END_TEST

/* A sandbox that closes later may forbid to make one; that of call_rcu is there once. */
START_TEST(a_table_that_resizes_itself_has_a_thread_from_the_start_and_others_have_none)
{
	unsigned int threads = thread_count();
	struct cds_lfht *fixed = table_new(0, CDS_LFHT_ACCOUNTING);
	struct cds_lfht *ht[SCHEMES];

	want(thread_count() == threads);
	for (unsigned int i = 0; i < SCHEMES; i++) {
		ht[i] = table_new(i, CDS_LFHT_AUTO_RESIZE);
		want(thread_count() > threads);
	}
	for (unsigned int i = 0; i < SCHEMES; i++)
		want(cds_lfht_destroy(ht[i], NULL) == 0);
	want(cds_lfht_destroy(fixed, NULL) == 0);
	await_requests();
}
END_TEST

static struct cds_lfht *made;

static void make_here(void *alloc)
{
	made = _cds_lfht_new_with_alloc(1, 1, 64, ALL_FLAGS, NULL, &rcu_flavor, alloc, NULL);
	want(made);
}

/* The request that new queues frees the table, whether it ran before destroy or not. */
START_TEST(new_may_be_called_anywhere_and_destroy_right_after_it)
{
	struct ledger ledger = { 0 };
	struct cds_lfht_alloc alloc = ledger_alloc(&ledger);

	for (unsigned int i = 0; i < 400; i++) {
		if (i % 4 == 0)
			rcu_unregister_thread();
		if (i % 4 == 1)
			rcu_read_lock();
		if (i % 4 == 2) {
			rcu_thread_offline();
			in_callback(make_here, &alloc);
			rcu_thread_online();
		} else {
			make_here(&alloc);
		}
		if (i % 8 < 4 && i % 4 != 1)
			rcu_barrier();
		destroy_here(made);
		if (i % 4 == 1)
			rcu_read_unlock();
		if (i % 4 == 0)
			rcu_register_thread();
		rcu_barrier();
		want(ledger.live == 0);
	}
}
END_TEST

START_TEST(without_memory_for_any_piece_new_fails_and_leaves_nothing)
{
	struct ledger ledger = { 0 };
	struct cds_lfht_alloc alloc = ledger_alloc(&ledger);
	struct cds_lfht *ht = NULL;
	unsigned long failing;

	for (failing = 1; !ht; failing++) {
		ledger.calls = 0;
		ledger.fail_from = ledger.fail_to = failing;
		errno = 0;
		ht = _cds_lfht_new_with_alloc(4, 1, 64, ALL_FLAGS, NULL, &rcu_flavor, &alloc, NULL);
		want(ht ? ledger.calls < failing : errno == ENOMEM && ledger.live == 0);
	}
	want(failing > 4);
	destroy_here(ht);
	rcu_barrier();
	want(ledger.live == 0);
}
END_TEST

/* ---- Lookups ---- */

START_TEST(hashes_that_differ_in_any_bits_are_told_apart)
{
	enum { BITS = CAA_BITS_PER_LONG, Q = BITS / 4 };
	const unsigned long low = (1UL << Q) - 1, corner[] = {
		0, ~0UL, 1, ~(~0UL >> 1), ~0UL >> 1, ~1UL, 1UL << Q, 1UL << 2 * Q, 1UL << 3 * Q,
		1UL << Q | 5, 1UL << 2 * Q | 5, 1UL << 3 * Q | 5, 5, low, low << Q,
		low << 2 * Q, low << 3 * Q, (low << 3 * Q) + 5, ~0UL / 3,
	};
	enum { CORNERS = sizeof(corner) / sizeof(corner[0]), ALL = CORNERS + 3 * BITS };
	static struct item items[ALL];
	unsigned long met[ALL];

	for (unsigned int i = 0; i < ALL; i++) {
		unsigned long bit = 1UL << i % BITS;

		items[i].key = i;
		items[i].hash = i < CORNERS ? corner[i] : i < CORNERS + BITS ? bit ^ 0x1234 :
				i < CORNERS + 2 * BITS ? ~bit : bit * 3;
	}
	for (unsigned int s = 0; s < SCHEMES; s++) {
		struct cds_lfht *ht = table_new(s, 0);
		struct item *item;
		struct cds_lfht_iter iter;

		enter();
		for (unsigned int i = 0; i < ALL; i++)
			cds_lfht_add(ht, items[i].hash, &items[i].node);
		leave();
		for (unsigned long size = 1; size <= 1 << 16; size *= 4) {
			cds_lfht_resize(ht, size);
			enter();
			memset(met, 0, sizeof(met));
			for (unsigned int i = 0; i < ALL; i++) {
				want(find(ht, items[i].hash, i) == &items[i]);
				want(!find(ht, items[i].hash, ALL));
			}
			cds_lfht_for_each_entry(ht, &iter, item, node)
				want(met[item->key]++ == 0);
			for (unsigned int i = 0; i < ALL; i++)
				want(met[i] == 1);
			leave();
		}
		for (unsigned int i = 0; i < ALL; i++) {
			enter();
			want(cds_lfht_del(ht, &items[i].node) == 0);
			want(!find(ht, items[i].hash, i));
			leave();
		}
		want(cds_lfht_destroy(ht, NULL) == 0);
	}
	await_requests();
}
END_TEST

/* Keys 0, 1, 2, 0, 1, 2... of one hash, and neighbours that are a bit away from it. */
static void add_duplicates(struct cds_lfht *ht, struct item *items, unsigned int number,
		unsigned long hash)
{
	enter();
	for (unsigned int i = 0; i < number; i++) {
		items[i] = (struct item) { .key = i % 3, .hash = i % 7 ? hash : hash ^ 1UL << i % 64 };
		cds_lfht_add(ht, items[i].hash, &items[i].node);
	}
	leave();
}

static void check_duplicates(struct cds_lfht *ht, struct item *items, unsigned int number,
		unsigned long hash)
{
	static unsigned long traversal;

	for (unsigned long key = 0; key < 4; key++) {
		unsigned long found = 0, there = 0;
		struct cds_lfht_iter iter;
		struct cds_lfht_node *node;
		struct item *item;

		traversal++;
		for (unsigned int i = 0; i < number; i++)
			there += items[i].key == key && items[i].hash == hash &&
				 !cds_lfht_is_node_deleted(&items[i].node);
		cds_lfht_for_each_duplicate(ht, hash, match_key, &key, &iter, node) {
			want(item_of(node)->key == key && item_of(node)->hash == hash);
			want(item_of(node)->met != traversal);
			item_of(node)->met = traversal;
			found++;
		}
		want(found == there);
		cds_lfht_for_each_entry_duplicate(ht, hash, match_key, &key, &iter, item, node)
			found -= item->key == key;
		want(found == 0 && !item);
	}
}

/* Nodes of one hash follow upon each other, in the order in which they were added: of items. */
static void check_runs(struct cds_lfht *ht)
{
	unsigned long seen[256], runs = 0;
	struct item *last = NULL, *before;
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_for_each(ht, &iter, node) {
		before = last;
		last = item_of(node);
		if (before && before->hash == last->hash) {
			want(before < last);
			continue;
		}
		for (unsigned long i = 0; i < runs; i++)
			want(seen[i] != last->hash);
		want(runs < 256);
		seen[runs++] = last->hash;
	}
}

START_TEST(duplicates_are_all_found_with_others_of_their_hash_between)
{
	static const unsigned long hashes[] = { 0, ~0UL, ~(~0UL >> 1), ~0UL / 7 };
	static struct item items[200];

	for (unsigned int s = 0; s < SCHEMES; s++)
		for (unsigned int h = 0; h < 4; h++) {
			struct cds_lfht *ht = table_new(s, ALL_FLAGS);

			add_duplicates(ht, items, 200, hashes[h]);
			for (unsigned int i = 0; i < 200; i += 1 + i % 2) {
				enter();
				check_duplicates(ht, items, 200, hashes[h]);
				check_runs(ht);
				want(cds_lfht_del(ht, &items[i].node) == 0);
				leave();
				if (i % 20 == 0)
					cds_lfht_resize(ht, 1UL << i % 11);
			}
			for (unsigned int i = 0; i < 200; i++) {
				enter();
				cds_lfht_del(ht, &items[i].node);
				leave();
			}
			want(cds_lfht_destroy(ht, NULL) == 0);
		}
	await_requests();
}
END_TEST

START_TEST(an_empty_table_has_nothing_to_find)
{
	unsigned long key = 0;
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;
	struct item *item;

	for (unsigned int s = 0; s < SCHEMES; s++) {
		struct cds_lfht *ht = table_new(s, 0);

		enter();
		cds_lfht_first(ht, &iter);
		want(!cds_lfht_iter_get_node(&iter));
		cds_lfht_next(ht, &iter);
		want(!cds_lfht_iter_get_node(&iter));
		cds_lfht_lookup(ht, 0, match_key, &key, &iter);
		want(!cds_lfht_iter_get_node(&iter) && !cds_lfht_entry(iter.node, struct item, node));
		cds_lfht_for_each(ht, &iter, node)
			want(false);
		cds_lfht_for_each_entry(ht, &iter, item, node)
			want(false);
		want(count_all(ht) == 0);
		leave();
		want(cds_lfht_destroy(ht, NULL) == 0);
	}
}
END_TEST

START_TEST(nodes_are_counted_by_tables_that_count)
{
	static struct item items[3000];

	for (int flags = 0; flags <= ALL_FLAGS; flags++) {
		struct cds_lfht *ht = table_new(0, flags);
		unsigned long count;
		long before, after;

		fill(ht, items, 3000);
		enter();
		cds_lfht_count_nodes(ht, &before, &count, &after);
		want(count == 3000 && before == after && before == (flags ? 3000 : 0));
		leave();
		empty(ht, items, 2999);
		enter();
		cds_lfht_count_nodes(ht, &before, &count, &after);
		want(count == 1 && before == after && before == (flags ? 1 : 0));
		leave();
		empty(ht, &items[2999], 1);
		want(cds_lfht_destroy(ht, NULL) == 0);
	}
	await_requests();
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("lfht/" FLAVOR);
	TCase *tcase = add_case(suite, "tables", 30);

	tcase_add_checked_fixture(tcase, rcu_register_thread, NULL);
	tcase_add_test(tcase, every_form_of_new_makes_a_table_and_destroy_hands_back_the_attribute);
	tcase_add_loop_test(tcase, every_scheme_takes_every_combination_of_sizes, 0, ALL_FLAGS + 1);
	tcase_add_test(tcase, buckets_are_provided_and_freed_through_the_schemes_as_well);
	tcase_add_test(tcase, bad_arguments_are_refused_with_their_error);
	tcase_add_test(tcase, destroy_refuses_a_table_with_nodes_and_leaves_it_alone);
	tcase_add_test(tcase,
		destroy_may_be_called_in_a_callback_and_by_an_unregistered_thread);
	tcase_add_test(tcase,
		a_table_that_resizes_itself_has_a_thread_from_the_start_and_others_have_none);
	tcase_add_test(tcase, new_may_be_called_anywhere_and_destroy_right_after_it);
	tcase_add_test(tcase, without_memory_for_any_piece_new_fails_and_leaves_nothing);
	tcase = add_case(suite, "lookups", 30);
	tcase_add_checked_fixture(tcase, rcu_register_thread, NULL);
	tcase_add_test(tcase, hashes_that_differ_in_any_bits_are_told_apart);
	tcase_add_test(tcase, duplicates_are_all_found_with_others_of_their_hash_between);
	tcase_add_test(tcase, an_empty_table_has_nothing_to_find);
	tcase_add_test(tcase, nodes_are_counted_by_tables_that_count);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
