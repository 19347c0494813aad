/* SPDX-License-Identifier: MIT */
/*
 * A hash table that is made before the library's own constructor has run, in a program that is looked
 * through for pointers: LeakSanitizer is there, as far as the library can tell. It has that from the
 * start, and is freed as it was allocated.
 */
#include "lfht-steps.h"

#define FIRST	101	/* the first priority that is a program's */
#define LARGE	(1UL << 19)	/* buckets that are mapped where nobody looks */

extern void __lsan_do_leak_check(void);

/* Weak, for a program that has the real one. */
void __attribute__((weak)) __lsan_do_leak_check(void)
{
}

static struct cds_lfht *early;
static struct item items[2];

static void __attribute__((constructor(FIRST))) make_early(void)
{
	rcu_register_thread();
	early = cds_lfht_new_flavor(LARGE, 1, 0, 0, &rcu_flavor, NULL);
	for (unsigned long i = 0; early && i < 2; i++) {
		items[i].hash = spread(i);
		rcu_read_lock();
		cds_lfht_add(early, items[i].hash, &items[i].node);
		rcu_read_unlock();
	}
	rcu_unregister_thread();
}

START_TEST(a_table_of_a_constructor_has_no_tags_and_no_mapping)
{
	struct cds_lfht *ht;

	want(early);
	want(early->mapped == false);
	/* One to a bucket is no address. */
	for (unsigned long i = 0; i < LARGE; i++)
		want((bucket_word(early, i) & WORD_BUCKET) || (bucket_word(early, i) & WORD_TAG) == 0);
	for (int i = 0; i < 2; i++) {
		rcu_read_lock();
		want(find(early, items[i].hash, 0) == &items[i]);
		want(cds_lfht_del(early, &items[i].node) == 0);
		rcu_read_unlock();
	}
	want(cds_lfht_destroy(early, NULL) == 0);
	ht = cds_lfht_new_flavor(LARGE, 1, 0, 0, &rcu_flavor, NULL);
	want(ht && !ht->mapped);
	want(cds_lfht_destroy(ht, NULL) == 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("lfht-watched");
	TCase *tcase = add_case(suite, "watched", 30);

	tcase_add_checked_fixture(tcase, rcu_register_thread, NULL);
	tcase_add_test(tcase, a_table_of_a_constructor_has_no_tags_and_no_mapping);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
