/* SPDX-License-Identifier: MIT */
/*
 * What a hash table is asked for seldom: sizes and flags beyond its own, nodes at any address, words
 * without tags, a new size wanted by a thread that is offline.
 */
#include "harness.h"
#include "lfht-items.h"

#include <quiesce/lfht.h>

#define BITS	CAA_BITS_PER_LONG

enum { ITEMS = 1000 };	/* in one bucket they are a list, walked for each of them */

static struct item store[ITEMS + 1];
static struct item *items[ITEMS + 1];

static void set_up(void)
{
	rcu_register_thread();
	for (unsigned int i = 0; i <= ITEMS; i++)
		items[i] = &store[i];
}

static void fill(struct cds_lfht *ht, unsigned int number)
{
	for (unsigned int i = 0; i < number; i++) {
		*items[i] = (struct item) { .key = i, .hash = spread(i) };
		enter();
		cds_lfht_add(ht, items[i]->hash, &items[i]->node);
		leave();
	}
}

static void must_hold(struct cds_lfht *ht, unsigned int number)
{
	enter();
	want(count_all(ht) == number);
	for (unsigned int i = 0; i < number; i++)
		want(find(ht, items[i]->hash, i) == items[i]);
	for (unsigned int i = number; i < 2 * number; i++)
		want(!find(ht, spread(i), i));
	leave();
}

/* Each by the one that the one before left. */
static void replace_all(struct cds_lfht *ht, unsigned int number)
{
	for (unsigned int i = 0; i < number; i++) {
		struct item *old = items[i], *spare = items[ITEMS];

		*spare = (struct item) { .key = i, .hash = old->hash };
		enter();
		want(cds_lfht_add_replace(ht, old->hash, match_key, &spare->key, &spare->node) ==
		     &old->node);
		leave();
		synchronize_rcu();
		items[i] = spare;
		items[ITEMS] = old;
	}
}

/* Grown, shrunk and emptied. There is one more item than that. */
static void use_and_destroy(struct cds_lfht *ht, unsigned int number)
{
	static const unsigned long sizes[] = { 1UL << 15, 1, 64 };

	want(ht);
	fill(ht, number);
	must_hold(ht, number);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		cds_lfht_resize(ht, sizes[i]);
		must_hold(ht, number);
		rcu_barrier();
		must_hold(ht, number);
	}
	replace_all(ht, 10);
	must_hold(ht, number);
	for (unsigned int i = 0; i < number; i++) {
		enter();
		want(cds_lfht_del(ht, &items[i]->node) == 0);
		leave();
		if (i == number / 2)
			cds_lfht_resize(ht, 1UL << 12);
	}
	want(cds_lfht_destroy(ht, NULL) == 0);
	await_requests();
}

/* ---- Sizes and flags ---- */

/* These need addresses for all that may ever be there. */
static void take_if_there_is_room(const struct cds_lfht_mm_type *memory, unsigned int order)
{
	struct cds_lfht *ht;

	errno = 0;
	ht = _cds_lfht_new(1, 1, 1UL << order, ALL_FLAGS, memory, &rcu_flavor, NULL);
	if (ht)
		use_and_destroy(ht, 200);
	else
		want(errno == ENOMEM && order > BITS / 2);
}

/* An emulator has a table of all pages that are reserved, which takes more memory than there is. */
START_TEST(any_maximum_is_taken)
{
	for (unsigned int order = BITS - 28; order < BITS; order += 3) {
		const struct rcu_flavor_struct *flavor = &rcu_flavor;

		use_and_destroy(_cds_lfht_new(1, 1, 1UL << order, ALL_FLAGS, NULL, flavor, NULL), 200);
		use_and_destroy(_cds_lfht_new(8, 1 << 10, 1UL << order, 0, &cds_lfht_mm_order, flavor,
					      NULL), 200);
		take_if_there_is_room(&cds_lfht_mm_chunk, order);
		take_if_there_is_room(&cds_lfht_mm_mmap, order);
	}
}
END_TEST

START_TEST(unknown_flags_change_nothing)
{
	for (unsigned int bit = 2; bit < 32; bit += 5)
		use_and_destroy(cds_lfht_new(1, 1, 1 << 16, (int)(1U << bit | (bit & ALL_FLAGS)), NULL),
				200);
	use_and_destroy(cds_lfht_new(1, 1, 0, -1, NULL), 200);
}
END_TEST

/* ---- Huge pages ---- */

/* How many kilobytes of this process may be in them, since somebody asked. */
static unsigned long advised(void)
{
	FILE *maps = fopen("/proc/self/smaps", "r");
	unsigned long size = 0, sum = 0;
	char line[4096];

	want(maps);
	while (fgets(line, sizeof(line), maps)) {
		sscanf(line, "Size: %lu kB", &size);
		if (strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " hg"))
			sum += size;
	}
	fclose(maps);
	return sum;
}

START_TEST(huge_pages_are_for_those_who_ask)
{
	static const struct cds_lfht_mm_type *const schemes[] = { NULL, &cds_lfht_mm_chunk, &cds_lfht_mm_mmap };
	const unsigned long size = 1UL << 20;
	struct cds_lfht *ht;

	if (access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK) != 0)
		return;
	for (int i = 0; i < 3; i++) {
		use_and_destroy(_cds_lfht_new(size, size, size, 0, schemes[i], &rcu_flavor, NULL), 200);
		ht = _cds_lfht_new(size, size, size, 0, schemes[i], &rcu_flavor, NULL);
		want(advised() == 0);
		want(cds_lfht_destroy(ht, NULL) == 0);
		ht = _cds_lfht_new(size, size, size, QUIESCE_LFHT_HUGE_PAGES, schemes[i], &rcu_flavor, NULL);
		want(advised() >= size * sizeof(void *) / 1024);
		use_and_destroy(ht, 200);
		want(advised() == 0);
	}
}
END_TEST

/* ---- Addresses ---- */

START_TEST(without_tags_a_table_does_all_that_it_does_with_them)
{
	for (int flags = 0; flags <= ALL_FLAGS; flags++)
		use_and_destroy(table_new((unsigned int)_i, flags | QUIESCE_LFHT_NO_TAGS), ITEMS);
}
END_TEST

/* The way of one that looks for pointers: of a word, without its lowest bits, to a node. */
static bool leads_to_node(uintptr_t word, unsigned int number)
{
	word &= ~(uintptr_t)7;
	return !word || (word >= (uintptr_t)store && word < (uintptr_t)(store + number));
}

START_TEST(without_tags_each_word_is_an_address)
{
	struct cds_lfht *ht = table_new(0, QUIESCE_LFHT_NO_TAGS);

	fill(ht, ITEMS);
	for (unsigned int i = 0; i < ITEMS; i++)
		want(leads_to_node((uintptr_t)store[i].node.next, ITEMS));
	for (unsigned int i = 0; i < ITEMS; i++) {
		enter();
		want(cds_lfht_del(ht, &store[i].node) == 0);
		leave();
	}
	want(cds_lfht_destroy(ht, NULL) == 0);
}
END_TEST

/* Where that is not permitted, as below 2^47, NULL. */
static void *map_at(uintptr_t wanted, size_t size)
{
	void *map = mmap((void *)wanted, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	want(map != MAP_FAILED);
	if ((uintptr_t)map == wanted)
		return map;
	munmap(map, size);
	return NULL;
}

#define HIGH_PIECE	(1UL << 24)

static char *high, *high_next;

/* Never used again: zeroed. */
static void *high_calloc(void *state, size_t count, size_t size)
{
	char *piece = __atomic_fetch_add(&high_next, (count * size + 63) & ~63UL, __ATOMIC_RELAXED);

	(void)state;
	return piece + count * size <= high + HIGH_PIECE ? piece : NULL;
}

static void high_free(void *state, void *p)
{
	(void)state;
	(void)p;
}

/*
 * Addresses as large as the machine's kernel gives, and larger than others: both alone, and together in one
 * table; and then its own memory there.
 */
START_TEST(nodes_may_be_at_any_address)
{
	static const unsigned int bits[] = { 32, 40, 46, 47, 48, 52, 55 };
	const struct cds_lfht_alloc alloc = { .calloc = high_calloc, .free = high_free };

	for (unsigned int i = 0; BITS == 64 && i < sizeof(bits) / sizeof(bits[0]); i++) {
		uintptr_t wanted = (uintptr_t)((uint64_t)1 << bits[i]);
		struct item *far = map_at(wanted, sizeof(store));

		high = high_next = map_at(wanted + (1UL << 28), HIGH_PIECE);
		for (unsigned int step = 2; far && high && step; step--) {
			for (unsigned int j = 0; j <= ITEMS; j++)
				items[j] = j % step ? &store[j] : &far[j];
			use_and_destroy(table_new(step, ALL_FLAGS), ITEMS);
			use_and_destroy(cds_lfht_new_with_flavor_alloc(1, 1, 1 << 16, ALL_FLAGS,
					&rcu_flavor, &alloc, NULL), ITEMS);
		}
		if (far)
			munmap(far, sizeof(store));
		if (high)
			munmap(high, HIGH_PIECE);
	}
}
END_TEST

/* ---- Many lookups at once ---- */

enum { LOOKUPS = 2 * ITEMS };

static const void *wanted_keys[LOOKUPS];
static unsigned long wanted_hashes[LOOKUPS];
static struct cds_lfht_iter got[LOOKUPS];

/* Each is what a lookup finds, and nothing behind the last is touched. */
static void look_up_many(struct cds_lfht *ht, unsigned int first, unsigned long number)
{
	unsigned long found = 0;

	for (unsigned int i = 0; i <= number && first + i < LOOKUPS; i++)
		got[first + i] = (struct cds_lfht_iter) { &store[0].node, NULL };
	enter();
	number = first + number < LOOKUPS ? number : LOOKUPS - first;
	found = quiesce_lfht_lookup_many(ht, number, &wanted_hashes[first], match_key,
					 &wanted_keys[first], &got[first]);
	for (unsigned long i = first; i < first + number; i++) {
		struct cds_lfht_iter iter;

		cds_lfht_lookup(ht, wanted_hashes[i], match_key, wanted_keys[i], &iter);
		want(got[i].node == iter.node && got[i].next == iter.next);
		found -= iter.node != NULL;
	}
	leave();
	want(found == 0);
	want(first + number == LOOKUPS || got[first + number].node == &store[0].node);
}

/* Half of them are there; each hash is one of two keys, of which one may be missing. */
START_TEST(many_lookups_at_once_find_what_each_does)
{
	static const unsigned long sizes[] = { 1, 64, 1UL << 16 };
	static unsigned long keys[LOOKUPS];
	struct cds_lfht *ht = table_new((unsigned int)_i, 0);

	for (unsigned long i = 0; i < LOOKUPS; i++) {
		keys[i] = i * 7 % LOOKUPS;
		wanted_keys[i] = &keys[i];
		wanted_hashes[i] = spread(keys[i] / 2);
	}
	look_up_many(ht, 0, 100);
	for (unsigned int i = 0; i < ITEMS; i++) {
		*items[i] = (struct item) { .key = i + i / 3, .hash = spread((i + i / 3) / 2) };
		enter();
		cds_lfht_add(ht, items[i]->hash, &items[i]->node);
		leave();
	}
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		cds_lfht_resize(ht, sizes[i]);
		for (unsigned int first = 0; first < 40; first++)
			look_up_many(ht, first, first);
		look_up_many(ht, 0, LOOKUPS);
	}
	want(got[0].node == &items[0]->node);
	for (unsigned int i = 0; i < ITEMS; i++) {
		enter();
		want(cds_lfht_del(ht, &items[i]->node) == 0);
		leave();
	}
	look_up_many(ht, 0, LOOKUPS);
	want(cds_lfht_destroy(ht, NULL) == 0);
	await_requests();
}
END_TEST

/* ---- A new size, wanted by a thread that is offline ---- */

static __thread bool resizing;
static unsigned int asked;

/* To the library; in qsbr, where this program's sections are its own, online. */
static bool is_reading(void)
{
#ifdef TEST_QSBR
	return urcu_qsbr_read_ongoing();
#else
	return rcu_read_ongoing();
#endif
}

static void must_be_reading(void)
{
	want(!resizing || is_reading());
	asked += resizing;
}

static void *calloc_in_section(void *state, size_t count, size_t size)
{
	must_be_reading();
	return ledger_calloc(state, count, size);
}

static void queue_in_section(struct rcu_head *head, void (*run)(struct rcu_head *head))
{
	must_be_reading();
	call_rcu(head, run);
}

START_TEST(a_resize_by_a_thread_that_is_offline_is_a_readers_work)
{
	struct ledger ledger = { 0 };
	struct cds_lfht_alloc alloc = ledger_alloc(&ledger);
	struct rcu_flavor_struct flavor = rcu_flavor;
	struct cds_lfht *ht = _cds_lfht_new_with_alloc(1, 1, 1 << 16, 0, scheme_of[_i], &flavor, &alloc, NULL);

	want(ht);
	fill(ht, ITEMS);
	alloc.calloc = calloc_in_section;
	flavor.update_call_rcu = queue_in_section;
	resizing = true;
	rcu_thread_offline();
	for (unsigned long size = 1 << 14; size; size >>= 7) {
		cds_lfht_resize(ht, size);
		want(!is_reading());
	}
	want(asked);
	resizing = false;
	rcu_thread_online();
	cds_lfht_resize(ht, 4);
#ifdef TEST_QSBR
	want(is_reading());
#endif
	must_hold(ht, ITEMS);
	for (unsigned int i = 0; i < ITEMS; i++) {
		enter();
		want(cds_lfht_del(ht, &items[i]->node) == 0);
		leave();
	}
	want(cds_lfht_destroy(ht, NULL) == 0);
	await_requests();
	want(ledger.live == 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("lfht-corners/" FLAVOR);
	TCase *tcase = add_case(suite, "corners", 60);

	tcase_add_checked_fixture(tcase, set_up, NULL);
	if (thread_count() == 1)
		tcase_add_test(tcase, any_maximum_is_taken);
	tcase_add_test(tcase, unknown_flags_change_nothing);
	tcase_add_test(tcase, huge_pages_are_for_those_who_ask);
	tcase_add_loop_test(tcase, without_tags_a_table_does_all_that_it_does_with_them, 0, SCHEMES);
	tcase_add_test(tcase, without_tags_each_word_is_an_address);
	tcase_add_test(tcase, nodes_may_be_at_any_address);
	tcase_add_loop_test(tcase, many_lookups_at_once_find_what_each_does, 0, SCHEMES);
	tcase_add_loop_test(tcase, a_resize_by_a_thread_that_is_offline_is_a_readers_work, 0, SCHEMES);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
