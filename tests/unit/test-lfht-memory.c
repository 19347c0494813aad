/* SPDX-License-Identifier: MIT */
/* Inside the hash table: its memory, as threads and the callback give and take it, and how much it is. */
#include "lfht-steps.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- Memory that comes and goes while another thread looks for it ---- */

/* So many of that size until `then`. */
static struct {
	size_t size;
	unsigned long count;
	void (*then)(void);
} coming;
static bool refusing;

/* A piece is coming. Whether its owner gets it. */
static bool came(size_t size)
{
	if (coming.size == size && coming.count && --coming.count == 0)
		coming.then();
	return !refusing;
}

static void *calloc_hooked(void *state, size_t count, size_t size)
{
	void *piece = refusing ? NULL : ledger_calloc(state, count, size);

	if (piece && !came(count * size)) {
		ledger_free(state, piece);
		return NULL;
	}
	return piece;
}

/* The library's, linked statically, comes here. */
int mprotect(void *memory, size_t size, int protection)
{
	if (refusing || syscall(SYS_mprotect, memory, size, protection) != 0 || !came(size)) {
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

/* The callback, in the middle of another thread's work, and no more memory for that one. */
static void free_and_refuse(void)
{
	want(run_pending());
	refusing = true;
}

static void await_drained(struct cds_lfht *ht)
{
	while (phase_of(ht) != PHASE_UNLINKING || !ht->drained)
		want(step());
	synchronize_rcu();
}

/*
 * One thread is about to provide a piece of what the callback frees at that moment, and then there
 * is no more: what is left of the order is less than an order, or one order of several.
 */
START_TEST(an_order_that_was_freed_while_it_was_provided_is_not_taken_for_whole)
{
	enum { TOP = 6 };
	struct rcu_flavor_struct flavor = stepped();
	struct ledger ledger = { .fail_from = 0 };
	struct cds_lfht_alloc alloc = ledger_alloc(&ledger);
	struct cds_lfht *ht;

	alloc.calloc = calloc_hooked;
	ht = _cds_lfht_new_with_alloc(1, 1, 1 << 10, 0, &cds_lfht_mm_chunk, &flavor, &alloc, NULL);
	want(ht);
	cds_lfht_resize(ht, 1UL << TOP);
	step_to_rest();
	cds_lfht_resize(ht, 2);
	await_drained(ht);
	/* The last piece of the order above, or one before. */
	coming.size = sizeof(struct bucket);
	coming.count = (1UL << TOP) - (unsigned long)_i;
	coming.then = free_and_refuse;
	cds_lfht_resize(ht, 2UL << TOP);
	want(coming.count == 0 && phase_of(ht) == PHASE_NONE && order_of(ht) == 1);
	refusing = false;
	cds_lfht_resize(ht, 1UL << TOP);
	step_to_rest();
	must_be_whole(ht);
	cds_lfht_resize(ht, 1);
	step_to_rest();
	want(order_of(ht) == 0);
	must_be_whole(ht);
	want(cds_lfht_destroy(ht, NULL) == 0);
	want(ledger.live == 0);
}
END_TEST

/* Buckets that no scheme gives back. */
#define LEAST		12
#define BUCKETS(order)	((sizeof(struct bucket) << (order)))

static struct cds_lfht *contended;
static struct ledger contended_ledger;
static unsigned int contended_scheme;

/* Of that scheme, with the fewest buckets, and pieces to await. */
static struct cds_lfht *contended_new(unsigned int scheme)
{
	static struct rcu_flavor_struct flavor;
	static struct cds_lfht_alloc alloc;

	flavor = stepped();
	alloc = ledger_alloc(&contended_ledger);
	alloc.calloc = calloc_hooked;
	contended_scheme = scheme;
	contended = _cds_lfht_new_with_alloc(1, 1UL << LEAST, 1UL << (LEAST + 4), 0, scheme_of[scheme],
					     &flavor, &alloc, NULL);
	want(contended);
	return contended;
}

static void contended_destroy(void)
{
	must_be_whole(contended);
	want(cds_lfht_destroy(contended, NULL) == 0);
	want(contended_ledger.live == 0);
}

/* The first piece of the order above that one. */
static void await_piece(unsigned int order, unsigned long before, void (*then)(void))
{
	coming.size = BUCKETS(contended_scheme == 1 ? LEAST : order);
	coming.count = contended_scheme == 1 ? before + 1 : 1;
	coming.then = then;
}

/*
 * A second thread comes to where the first one is, publishes its piece, and goes on for another order:
 * then the callback frees the first piece, and the second thread gets no more.
 */
static void grow_beside(void)
{
	await_piece(LEAST + 3, 4, free_and_refuse);
	cds_lfht_resize(contended, 1UL << (LEAST + 4));
	want(coming.count == 0 && order_of(contended) == LEAST + 1);
	refusing = false;
}

START_TEST(memory_that_two_threads_provide_and_the_callback_takes_is_there_for_who_grows)
{
	struct cds_lfht *ht = contended_new((unsigned int)_i);

	cds_lfht_resize(ht, 1UL << (LEAST + 2));
	step_to_rest();
	cds_lfht_resize(ht, 1UL << (LEAST + 1));
	await_drained(ht);
	await_piece(LEAST + 2, 0, grow_beside);
	cds_lfht_resize(ht, 1UL << (LEAST + 3));
	want(coming.count == 0 && order_of(ht) == LEAST + 3);
	step_to_rest();
	must_be_whole(ht);
	cds_lfht_resize(ht, 1);
	step_to_rest();
	contended_destroy();
}
END_TEST

static void grow_first(void)
{
	cds_lfht_resize(contended, 1UL << (LEAST + 1));
	want(order_of(contended) == LEAST + 1);
}

START_TEST(memory_in_use_is_not_replaced_by_who_provides_it_late)
{
	struct cds_lfht *ht = contended_new((unsigned int)_i);

	await_piece(LEAST, 0, grow_first);
	cds_lfht_resize(ht, 1UL << (LEAST + 1));
	want(coming.count == 0);
	step_to_rest();
	contended_destroy();
}
END_TEST

static struct cds_lfht *grown_while_freed;

static void free_hooked(void *state, void *p)
{
	struct cds_lfht *ht = grown_while_freed;

	if (ht && phase_of(ht) == PHASE_FREEING) {
		grown_while_freed = NULL;
		cds_lfht_resize(ht, 1 << 6);
		want(order_of(ht) == 1);
	}
	ledger_free(state, p);
}

START_TEST(a_size_wanted_while_memory_is_given_back_is_not_waited_for_and_comes)
{
	struct rcu_flavor_struct flavor = stepped();
	struct ledger ledger = { .fail_from = 0 };
	struct cds_lfht_alloc alloc = ledger_alloc(&ledger);
	struct cds_lfht *ht;

	alloc.free = free_hooked;
	ht = _cds_lfht_new_with_alloc(1, 1, 1 << 10, 0, NULL, &flavor, &alloc, NULL);
	want(ht);
	cds_lfht_resize(ht, 1 << 6);
	step_to_rest();
	grown_while_freed = ht;
	cds_lfht_resize(ht, 2);
	step_to_rest();
	want(!grown_while_freed && order_of(ht) == 6 && phase_of(ht) == PHASE_NONE);
	must_be_whole(ht);
	want(cds_lfht_destroy(ht, NULL) == 0);
	want(ledger.live == 0);
}
END_TEST

/* A kernel that runs out of mappings. What is in use is not written to, what comes back is missing. */
START_TEST(memory_that_the_kernel_does_not_take_back_is_cleared)
{
	struct rcu_flavor_struct flavor = stepped();
	struct cds_lfht *ht = _cds_lfht_new(1, 1UL << LEAST, 1UL << (LEAST + 4), 0, &cds_lfht_mm_mmap,
					    &flavor, NULL);

	want(ht);
	cds_lfht_resize(ht, 1UL << (LEAST + 2));
	step_to_rest();
	refuse(SYS_mmap2, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, ENOMEM, 0);
	cds_lfht_resize(ht, 1UL << (LEAST + 1));
	step_to_rest();
	must_be_whole(ht);
	for (unsigned long i = 2UL << LEAST; i < 4UL << LEAST; i++)
		want(bucket_word(ht, i) == WORD_MISSING);
	cds_lfht_resize(ht, 1UL << (LEAST + 3));
	step_to_rest();
	must_be_whole(ht);
	want(cds_lfht_destroy(ht, NULL) == 0);
}
END_TEST

/* ---- What it costs ---- */

/* In the memory of the program's allocator; that of a mapping, which is at most one call each, is not. */
START_TEST(a_table_costs_what_its_buckets_do_whatever_its_maximum_is)
{
	enum { SOME = 64, SPARE = 12 };
	const unsigned long max = 1UL << 24, bucket = sizeof(struct bucket) + sizeof(void *);
	struct rcu_flavor_struct flavor = stepped();
	struct ledger ledger = { .fail_from = 0 };
	struct cds_lfht_alloc alloc = ledger_alloc(&ledger);
	struct cds_lfht *ht;
	long live;

	ht = _cds_lfht_new_with_alloc(1, 1, max, 0, scheme_of[_i], &flavor, &alloc, NULL);
	want(ht);
	live = ledger.live;
	want(ledger.bytes <= 1024 && ledger.calls <= 3);
	cds_lfht_resize(ht, SOME);
	step_to_rest();
	want(ledger.bytes <= 1024 + SOME * bucket && ledger.calls <= SOME + SPARE);
	steps = 0;
	cds_lfht_resize(ht, 1);
	step_to_rest();
	must_be_whole(ht);
	want(order_of(ht) == ht->order_min && ledger.live <= live + 1 && steps <= SPARE);
	want(cds_lfht_destroy(ht, NULL) == 0);
	want(ledger.live == 0);
}
END_TEST

/* Of any number of nodes, so also of the least that it has grown for. */
START_TEST(a_table_that_grew_by_itself_takes_little_for_a_node)
{
	enum { NODES = 70000, ITSELF = 8192, A_NODE = 11, UNCOUNTED = 64 };
	struct item *items = calloc(NODES, sizeof(*items));
	struct rcu_flavor_struct flavor = stepped();
	struct ledger ledger = { .fail_from = 0 };
	struct cds_lfht_alloc alloc = ledger_alloc(&ledger);
	struct cds_lfht *ht = _cds_lfht_new_with_alloc(1, 1, 0, CDS_LFHT_AUTO_RESIZE, NULL, &flavor,
						       &alloc, NULL);

	want(ht && items);
	for (unsigned long i = 0; i < NODES; i++) {
		enter();
		cds_lfht_add(ht, spread(i), &items[i].node);
		leave();
		if (ledger.bytes > ITSELF + (i + 1) * A_NODE)
			ck_abort_msg("%lu bytes for %lu nodes", ledger.bytes, i + 1);
		want(i < (3UL << order_of(ht)) / 2 + UNCOUNTED);
	}
	step_to_rest();
	must_be_whole(ht);
	for (unsigned long i = 0; i < NODES; i++)
		want(cds_lfht_del(ht, &items[i].node) == 0);
	step_to_rest();
	want(cds_lfht_destroy(ht, NULL) == 0);
	want(ledger.live == 0);
	free(items);
}
END_TEST

#if defined(__GLIBC__) && defined(__LP64__)
#define TABLES 100

/* As doc/design/hash-table.md has it, malloc's own 8 bytes for each piece included. A sanitizer's malloc counts nothing. */
START_TEST(an_empty_table_takes_what_the_documents_say)
{
	static const struct {
		int flags;
		size_t bytes;
	} kinds[] = { { 0, 560 }, { CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING, 608 } };
	struct cds_lfht *tables[TABLES];
	size_t before;

	/* What malloc keeps at hand is not counted. */
	get_default_call_rcu_data();
	for (int kind = 0; kind < 2; kind++) {
		before = mallinfo2().uordblks;
		for (int i = 0; i < TABLES; i++)
			tables[i] = cds_lfht_new(1, 1, 0, kinds[kind].flags, NULL);
		want((mallinfo2().uordblks - before) / TABLES <= kinds[kind].bytes);
		for (int i = 0; i < TABLES; i++)
			want(cds_lfht_destroy(tables[i], NULL) == 0);
		rcu_barrier();
	}
}
END_TEST
#endif

static Suite *suite(void)
{
	Suite *suite = suite_create("lfht-memory");
	TCase *tcase = add_case(suite, "memory", 30);

	tcase_add_checked_fixture(tcase, rcu_register_thread, NULL);
	tcase_add_loop_test(tcase,
		an_order_that_was_freed_while_it_was_provided_is_not_taken_for_whole, 0, 2);
	tcase_add_loop_test(tcase,
		memory_that_two_threads_provide_and_the_callback_takes_is_there_for_who_grows, 0,
		SCHEMES);
	tcase_add_loop_test(tcase, memory_in_use_is_not_replaced_by_who_provides_it_late, 0, SCHEMES);
	tcase_add_test(tcase,
		a_size_wanted_while_memory_is_given_back_is_not_waited_for_and_comes);
	/* A sanitizer maps memory of its own in the way that is refused here. */
	if (!SLOW_BUILD)
		tcase_add_test(tcase, memory_that_the_kernel_does_not_take_back_is_cleared);
	tcase_add_loop_test(tcase, a_table_costs_what_its_buckets_do_whatever_its_maximum_is, 0,
		SCHEMES);
	tcase_add_test(tcase, a_table_that_grew_by_itself_takes_little_for_a_node);
#if defined(__GLIBC__) && defined(__LP64__)
	tcase_add_test(tcase, an_empty_table_takes_what_the_documents_say);
#endif
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
