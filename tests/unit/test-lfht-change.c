/* SPDX-License-Identifier: MIT */
/* Changes to a hash table, in one thread: what each returns, shortages of memory, and a model. */
#include "harness.h"
#include "lfht-items.h"

/* ---- What changes return ---- */

static struct cds_lfht *ht;

static void make_table(void)
{
	rcu_register_thread();
	ht = table_new(0, ALL_FLAGS);
}

static void destroy_table(struct item *items, unsigned int number)
{
	for (unsigned int i = 0; i < number; i++) {
		enter();
		cds_lfht_del(ht, &items[i].node);
		leave();
	}
	want(cds_lfht_destroy(ht, NULL) == 0);
	await_requests();
}

START_TEST(a_node_is_deleted_once)
{
	struct item items[3] = { { .key = 1, .hash = 7 }, { .key = 1, .hash = 7 } };

	enter();
	cds_lfht_node_init(&items[0].node);
	cds_lfht_node_init_deleted(&items[2].node);
	want(cds_lfht_is_node_deleted(&items[2].node));
	want(cds_lfht_del(ht, &items[2].node) == -ENOENT);
	want(cds_lfht_del(ht, NULL) == -ENOENT);
	for (unsigned int i = 0; i < 2; i++) {
		cds_lfht_add(ht, 7, &items[i].node);
		want(!cds_lfht_is_node_deleted(&items[i].node));
	}
	cds_lfht_add(ht, 9, &items[2].node);
	want(!cds_lfht_is_node_deleted(&items[2].node));
	want(cds_lfht_del(ht, &items[0].node) == 0);
	want(cds_lfht_is_node_deleted(&items[0].node));
	want(cds_lfht_del(ht, &items[0].node) == -ENOENT);
	want(find(ht, 7, 1) == &items[1]);
	want(count_all(ht) == 2);
	leave();
	synchronize_rcu();
	enter();
	cds_lfht_add(ht, 8, &items[0].node);
	want(find(ht, 8, 1) == &items[0] && count_all(ht) == 3);
	leave();
	destroy_table(items, 3);
}
END_TEST

START_TEST(a_traversal_ends_where_its_last_node_was_deleted)
{
	struct item items[2] = { { .hash = 7 }, { .hash = 7 } };
	struct cds_lfht_iter iter;

	enter();
	for (unsigned int i = 0; i < 2; i++)
		cds_lfht_add(ht, 7, &items[i].node);
	cds_lfht_first(ht, &iter);
	want(cds_lfht_iter_get_node(&iter) == &items[0].node);
	want(cds_lfht_del(ht, &items[1].node) == 0);
	cds_lfht_next(ht, &iter);
	want(!cds_lfht_iter_get_node(&iter));
	leave();
	destroy_table(items, 2);
}
END_TEST

START_TEST(add_unique_returns_what_is_there)
{
	struct item items[5] = { { .key = 1 }, { .key = 1 }, { .key = 2 }, { .key = 1 } };

	for (unsigned int i = 0; i < 5; i++)
		cds_lfht_node_init_deleted(&items[i].node);
	enter();
	for (unsigned int i = 0; i < 4; i++) {
		struct cds_lfht_node *got = cds_lfht_add_unique(ht, ~0UL, match_key, &items[i].key,
								&items[i].node);

		want(got == (i == 2 ? &items[2].node : &items[0].node));
	}
	want(count_all(ht) == 2);
	/* Of another hash it is another. */
	want(cds_lfht_add_unique(ht, 1, match_key, &items[4].key, &items[4].node) == &items[4].node);
	want(cds_lfht_del(ht, &items[0].node) == 0);
	want(cds_lfht_add_unique(ht, ~0UL, match_key, &items[3].key, &items[3].node) ==
	     &items[3].node);
	want(find(ht, ~0UL, 1) == &items[3]);
	leave();
	destroy_table(items, 5);
}
END_TEST

START_TEST(add_replace_takes_the_place_of_one)
{
	struct item items[4] = { { .key = 1 }, { .key = 1 }, { .key = 2 }, { .key = 1 } };

	enter();
	want(!cds_lfht_add_replace(ht, 0, match_key, &items[0].key, &items[0].node));
	want(cds_lfht_add_replace(ht, 0, match_key, &items[1].key, &items[1].node) ==
	     &items[0].node);
	want(cds_lfht_is_node_deleted(&items[0].node));
	want(!cds_lfht_add_replace(ht, 0, match_key, &items[2].key, &items[2].node));
	want(cds_lfht_add_replace(ht, 0, match_key, &items[3].key, &items[3].node) ==
	     &items[1].node);
	want(find(ht, 0, 1) == &items[3] && find(ht, 0, 2) == &items[2]);
	want(count_all(ht) == 2 && cds_lfht_del(ht, &items[1].node) == -ENOENT);
	leave();
	destroy_table(items, 4);
}
END_TEST

static int match_none(struct cds_lfht_node *node, const void *key)
{
	(void)node;
	(void)key;
	return 0;
}

START_TEST(replace_returns_whether_it_did_and_why_not)
{
	struct item items[4] = { { .key = 1, .hash = 5 }, { .key = 1 }, { .key = 1 }, { .key = 1 } };
	unsigned long key = 1, none = 3;
	struct cds_lfht_iter iter, stale;

	for (unsigned int i = 0; i < 4; i++)
		cds_lfht_node_init_deleted(&items[i].node);
	enter();
	cds_lfht_lookup(ht, 5, match_key, &key, &iter);
	want(cds_lfht_replace(ht, &iter, 5, match_key, &key, &items[1].node) == -ENOENT);
	cds_lfht_add(ht, 5, &items[0].node);
	cds_lfht_lookup(ht, 5, match_key, &key, &iter);
	stale = iter;
	want(cds_lfht_replace(ht, &iter, 6, match_key, &key, &items[1].node) == -EINVAL);
	want(cds_lfht_replace(ht, &iter, 5 | ~(~0UL >> 1), match_key, &key, &items[1].node) == -EINVAL);
	want(cds_lfht_replace(ht, &iter, 5, match_key, &none, &items[1].node) == -EINVAL);
	want(cds_lfht_replace(ht, &iter, 5, match_none, &key, &items[1].node) == -EINVAL);
	want(find(ht, 5, 1) == &items[0] && count_all(ht) == 1);
	want(cds_lfht_replace(ht, &iter, 5, match_key, &key, &items[1].node) == 0);
	want(find(ht, 5, 1) == &items[1] && count_all(ht) == 1);
	want(cds_lfht_is_node_deleted(&items[0].node) && !cds_lfht_is_node_deleted(&items[1].node));
	want(cds_lfht_replace(ht, &stale, 5, match_key, &key, &items[2].node) == -ENOENT);
	want(cds_lfht_is_node_deleted(&items[2].node));
	want(cds_lfht_del(ht, &items[1].node) == 0);
	want(cds_lfht_replace(ht, &iter, 5, match_key, &key, &items[3].node) == -ENOENT);
	leave();
	destroy_table(items, 4);
}
END_TEST

START_TEST(a_node_that_cannot_be_one_is_refused)
{
	static struct item items[2];
	struct cds_lfht_node *node = (struct cds_lfht_node *)((char *)&items[1].node + 4 * (_i % 2));
	struct cds_lfht_iter iter;
	unsigned long key = 0;

	capture_stderr();
	if (_i % 2 == 0)
		node = NULL;
	enter();
	cds_lfht_add(ht, 0, &items[0].node);
	cds_lfht_lookup(ht, 0, match_key, &key, &iter);
	switch (_i / 2) {
	case 0:
		cds_lfht_add(ht, 0, node);
		break;
	case 1:
		cds_lfht_add_unique(ht, 1, match_key, &key, node);
		break;
	case 2:
		cds_lfht_add_replace(ht, 0, match_key, &key, node);
		break;
	default:
		cds_lfht_replace(ht, &iter, 0, match_key, &key, node);
	}
}
END_TEST

/* ---- Shortages ---- */

/* Whether new was refused. Whatever happens, contents are right and nothing leaks. */
static bool live_with(unsigned int scheme, int flags, unsigned long from, unsigned long to)
{
	enum { ITEMS = 600 };
	static struct item items[ITEMS];
	struct ledger ledger = { .fail_from = from, .fail_to = to };
	struct cds_lfht_alloc alloc = ledger_alloc(&ledger);
	struct cds_lfht *short_one;

	errno = 0;
	short_one = _cds_lfht_new_with_alloc(8, 2, 256, flags, scheme_of[scheme], &rcu_flavor, &alloc,
					     NULL);
	if (!short_one) {
		want(errno == ENOMEM && ledger.live == 0);
		return true;
	}
	for (unsigned int i = 0; i < ITEMS; i++) {
		items[i] = (struct item) { .key = i, .hash = spread(i) };
		enter();
		cds_lfht_add(short_one, items[i].hash, &items[i].node);
		leave();
		if (i % 100 == 0)
			cds_lfht_resize(short_one, i % 200 ? 256 : 2);
	}
	rcu_barrier();
	for (unsigned int i = 0; i < ITEMS; i++) {
		enter();
		want(find(short_one, items[i].hash, i) == &items[i]);
		want(cds_lfht_del(short_one, &items[i].node) == 0);
		leave();
		if (i % 150 == 149)
			rcu_barrier();
	}
	want(cds_lfht_destroy(short_one, NULL) == 0);
	await_requests();
	want(ledger.live == 0);
	return false;
}

START_TEST(every_allocation_may_fail)
{
	for (int flags = 0; flags <= ALL_FLAGS; flags++) {
		unsigned long refused = 0;

		for (unsigned long n = 1; n <= 40; n++)
			refused += live_with((unsigned int)_i, flags, n, n);
		/* The table itself and its first buckets at least, but with mmap not these. */
		want(refused >= (_i == 2 ? 1 : 2) && refused < 40);
		want(live_with((unsigned int)_i, flags, 1, ~0UL));
		for (unsigned long n = refused + 1; n <= refused + 12; n++)
			want(!live_with((unsigned int)_i, flags, n, ~0UL));
	}
}
END_TEST

/* ---- A model: a list of items for each key ---- */

enum { KEYS = 97, DEPTH = 12, STEPS = 100000 };

struct model {
	struct cds_lfht *ht;
	struct item *live[KEYS][DEPTH];
	unsigned int depth[KEYS];
	unsigned long all, traversal;
	unsigned int random, hashing;
};

static unsigned long model_hash(const struct model *model, unsigned long key)
{
	switch (model->hashing) {
	case 0:
		return spread(key);
	case 1:		/* few values, in the upper bits alone */
		return key % 5 << (CAA_BITS_PER_LONG - 3);
	default:	/* many, in both halves */
		return (key % 7) << 3 * CAA_BITS_PER_LONG / 4 | key % 11;
	}
}

static struct item *model_item(const struct model *model, unsigned long key)
{
	struct item *item = item_new(key);

	item->hash = model_hash(model, key);
	return item;
}

static void model_insert(struct model *model, struct item *item)
{
	model->live[item->key][model->depth[item->key]++] = item;
	model->all++;
}

static bool model_has(const struct model *model, const struct item *item)
{
	for (unsigned int i = 0; i < model->depth[item->key]; i++)
		if (model->live[item->key][i] == item)
			return true;
	return false;
}

static void model_remove(struct model *model, struct item *item)
{
	unsigned int i = 0;

	want(model_has(model, item));
	while (model->live[item->key][i] != item)
		i++;
	model->live[item->key][i] = model->live[item->key][--model->depth[item->key]];
	model->all--;
	call_rcu(&item->head, item_free);
}

static void check_lookup(struct model *model, unsigned long key)
{
	unsigned long hash = model_hash(model, key), found = 0;
	struct cds_lfht_iter iter;
	struct item *item;

	model->traversal++;
	cds_lfht_for_each_entry_duplicate(model->ht, hash, match_key, &key, &iter, item, node) {
		want(item->key == key && model_has(model, item) && item->met != model->traversal);
		item->met = model->traversal;
		found++;
	}
	want(found == model->depth[key]);
}

static void check_traversal(struct model *model)
{
	unsigned long found = 0;
	struct cds_lfht_iter iter;
	struct item *item;

	model->traversal++;
	cds_lfht_for_each_entry(model->ht, &iter, item, node) {
		want(model_has(model, item) && item->met != model->traversal);
		item->met = model->traversal;
		found++;
	}
	want(found == model->all && count_all(model->ht) == found);
}

static void model_replace(struct model *model, unsigned long key)
{
	struct item *item = model_item(model, key);
	unsigned int which = pick(&model->random, DEPTH);
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_for_each_duplicate(model->ht, item->hash, match_key, &key, &iter, node)
		if (!which--)
			break;
	if (cds_lfht_replace(model->ht, &iter, item->hash, match_key, &key, &item->node)) {
		want(!node);
		free(item);
		return;
	}
	model_remove(model, item_of(node));
	model_insert(model, item);
}

static void model_add(struct model *model, unsigned long key, unsigned int how)
{
	struct item *item = model_item(model, key);
	struct cds_lfht_node *node;

	if (how == 0) {
		cds_lfht_add(model->ht, item->hash, &item->node);
	} else if (how == 1) {
		node = cds_lfht_add_unique(model->ht, item->hash, match_key, &key, &item->node);
		if (node != &item->node) {
			want(model_has(model, item_of(node)));
			free(item);
			return;
		}
		want(model->depth[key] == 0);
	} else {
		node = cds_lfht_add_replace(model->ht, item->hash, match_key, &key, &item->node);
		want(!node == !model->depth[key]);
		if (node)
			model_remove(model, item_of(node));
	}
	model_insert(model, item);
}

static void model_delete(struct model *model, unsigned long key)
{
	struct item *item;

	if (!model->depth[key])
		return;
	item = model->live[key][pick(&model->random, model->depth[key])];
	want(cds_lfht_del(model->ht, &item->node) == 0);
	want(cds_lfht_del(model->ht, &item->node) == -ENOENT);
	model_remove(model, item);
}

static void model_step(struct model *model)
{
	unsigned long key = pick(&model->random, KEYS);
	unsigned int what = pick(&model->random, 1000);

	if (what == 0) {
		cds_lfht_resize(model->ht, 1UL << pick(&model->random, 12));
		return;
	}
	enter();
	if (what < 5)
		check_traversal(model);
	else if (what < 300)
		check_lookup(model, key);
	else if (what < 400)
		model_replace(model, key);
	else if (what < 700 && model->depth[key] < DEPTH)
		model_add(model, key, what % 3);
	else
		model_delete(model, key);
	leave();
}

START_TEST(a_random_history_is_what_a_plain_table_would_do)
{
	struct model model = {
		.ht = table_new((unsigned int)_i % SCHEMES, _i / SCHEMES % 2 ? ALL_FLAGS : 0),
		.random = 12345 + (unsigned int)_i, .hashing = (unsigned int)_i / SCHEMES,
	};

	for (unsigned int step = 0; step < STEPS; step++)
		model_step(&model);
	want(model.all > 0);
	enter();
	check_traversal(&model);
	for (unsigned long key = 0; key < KEYS; key++)
		while (model.depth[key])
			model_delete(&model, key);
	leave();
	want(cds_lfht_destroy(model.ht, NULL) == 0);
	await_requests();
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("lfht-change/" FLAVOR);
	TCase *tcase = add_case(suite, "changes", 20);

	tcase_add_checked_fixture(tcase, make_table, NULL);
	tcase_add_test(tcase, a_node_is_deleted_once);
	tcase_add_test(tcase, a_traversal_ends_where_its_last_node_was_deleted);
	tcase_add_test(tcase, add_unique_returns_what_is_there);
	tcase_add_test(tcase, add_replace_takes_the_place_of_one);
	tcase_add_test(tcase, replace_returns_whether_it_did_and_why_not);
	tcase_add_loop_test_raise_signal(tcase, a_node_that_cannot_be_one_is_refused, SIGABRT, 0, 8);
	tcase = add_case(suite, "shortages", 60);
	tcase_add_checked_fixture(tcase, rcu_register_thread, NULL);
	tcase_add_loop_test(tcase, every_allocation_may_fail, 0, SCHEMES);
	tcase = add_case(suite, "model", 60);
	tcase_add_checked_fixture(tcase, rcu_register_thread, NULL);
	tcase_add_loop_test(tcase, a_random_history_is_what_a_plain_table_would_do, 0, 3 * SCHEMES);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
