/* SPDX-License-Identifier: MIT */

/* <urcu/uatomic.h>, <urcu/system.h> and the barriers of <urcu/arch.h>. */

#include <check.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <urcu/system.h>
#include <urcu/uatomic.h>

#include "../suite.h"

#define assert_type(expr, type)						\
	ck_assert(__builtin_types_compatible_p(__typeof__(expr), type))

/*
 * One function per integer type: results and their type, wrapping at both ends, values wider than
 * the object, and neighbours left alone.
 */
#define INTEGER_TEST(name, type, min, max)				\
START_TEST(name)							\
{									\
	volatile struct {						\
		type before, x, after;					\
	} s = { (type) 0x5a, 0, (type) 0xa5 };				\
									\
	uatomic_set(&s.x, max);						\
	ck_assert(uatomic_read(&s.x) == (max) && CMM_LOAD_SHARED(s.x) == (max)); \
	ck_assert(uatomic_add_return(&s.x, 1) == (min));		\
	ck_assert(s.x == (min));					\
	ck_assert(uatomic_sub_return(&s.x, 1) == (max));		\
	ck_assert(s.x == (max));					\
	uatomic_inc(&s.x);						\
	ck_assert(s.x == (min));					\
	uatomic_dec(&s.x);						\
	ck_assert(s.x == (max));					\
	uatomic_add(&s.x, 3);						\
	ck_assert(s.x == (type) ((min) + 2));				\
	uatomic_sub(&s.x, 3);						\
	ck_assert(s.x == (max));					\
	uatomic_add(&s.x, -1);						\
	ck_assert(s.x == (max) - 1);					\
	uatomic_sub(&s.x, -1L);						\
	ck_assert(s.x == (max));					\
	uatomic_set(&s.x, -1);						\
	uatomic_and(&s.x, ~1);						\
	ck_assert(s.x == (type) -2);					\
	uatomic_or(&s.x, 1);						\
	ck_assert(s.x == (type) -1);					\
	uatomic_and(&s.x, 0);						\
	ck_assert(s.x == 0);						\
	uatomic_or(&s.x, min);						\
	ck_assert(s.x == (min));					\
	ck_assert(uatomic_xchg(&s.x, max) == (min));			\
	ck_assert(uatomic_xchg(&s.x, min) == (max));			\
	ck_assert(uatomic_cmpxchg(&s.x, max, 1) == (min));		\
	ck_assert(s.x == (min));					\
	ck_assert(uatomic_cmpxchg(&s.x, min, max) == (min));		\
	ck_assert(s.x == (max));					\
	ck_assert(CMM_STORE_SHARED(s.x, 5) == 5 && s.x == 5);		\
	ck_assert(s.before == (type) 0x5a && s.after == (type) 0xa5);	\
	assert_type(uatomic_read(&s.x), type);				\
	assert_type(uatomic_load(&s.x, CMM_ACQUIRE), type);		\
	assert_type(uatomic_xchg(&s.x, 0), type);			\
	assert_type(uatomic_cmpxchg(&s.x, 0, 1), type);			\
	assert_type(uatomic_add_return(&s.x, 1), type);			\
	assert_type(uatomic_sub_return(&s.x, 1), type);			\
}									\
END_TEST

INTEGER_TEST(test_schar, signed char, SCHAR_MIN, SCHAR_MAX)
INTEGER_TEST(test_uchar, unsigned char, 0, UCHAR_MAX)
INTEGER_TEST(test_short, short, SHRT_MIN, SHRT_MAX)
INTEGER_TEST(test_ushort, unsigned short, 0, USHRT_MAX)
INTEGER_TEST(test_int, int, INT_MIN, INT_MAX)
INTEGER_TEST(test_uint, unsigned int, 0, UINT_MAX)
INTEGER_TEST(test_long, long, LONG_MIN, LONG_MAX)
INTEGER_TEST(test_ulong, unsigned long, 0, ULONG_MAX)

/* A value takes the object's width by way of its own signedness, as by a cast. */
START_TEST(test_conversion)
{
	unsigned long ul = 0;
	unsigned short us = 0;
	int i = -1;

	uatomic_add(&ul, -1);
	ck_assert_uint_eq(ul, ULONG_MAX);
	uatomic_set(&ul, 0);
	uatomic_add(&ul, -1U);
	ck_assert_uint_eq(ul, UINT_MAX);
	uatomic_set(&ul, 5);
	ck_assert_uint_eq(uatomic_sub_return(&ul, 6U), ULONG_MAX);
	ck_assert_uint_eq(uatomic_sub_return(&ul, (unsigned char) 1), ULONG_MAX - 1);
	uatomic_set(&ul, ~0UL);
	uatomic_and(&ul, ~0U);
	ck_assert_uint_eq(ul, UINT_MAX);
	ck_assert_int_eq(uatomic_cmpxchg(&us, 0x10000, 7), 0);
	ck_assert_int_eq(us, 7);
	ck_assert_int_eq(uatomic_cmpxchg(&i, 0xffffffffUL, 7), -1);
	ck_assert_int_eq(i, 7);
}
END_TEST

START_TEST(test_bool_and_enum)
{
	enum color { RED, GREEN, BLUE } c = RED;
	bool b = false;

	uatomic_set(&b, 4);
	ck_assert_int_eq(*(unsigned char *) &b, 1);
	ck_assert(uatomic_xchg(&b, 0) == true);
	ck_assert(uatomic_cmpxchg(&b, false, 6) == false && uatomic_read(&b) == true);
	uatomic_and(&b, 0);
	ck_assert(!b);
	ck_assert(uatomic_add_return(&c, 1) == GREEN);
	ck_assert(uatomic_cmpxchg(&c, GREEN, BLUE) == GREEN && c == BLUE);
	assert_type(uatomic_xchg(&c, RED), enum color);
}
END_TEST

START_TEST(test_pointer)
{
	long cells[4] = { 0 };
	long *volatile p = &cells[0];
	void *v = NULL;
	const char *text = "x", *old = text;

	ck_assert_ptr_eq(uatomic_add_return(&p, sizeof(long)), &cells[1]);
	uatomic_sub(&p, sizeof(long));
	ck_assert_ptr_eq(p, &cells[0]);
	uatomic_or(&p, 1);
	ck_assert_uint_eq((uintptr_t) p, (uintptr_t) &cells[0] | 1);
	uatomic_and(&p, ~1UL);
	ck_assert_ptr_eq(uatomic_xchg(&p, NULL), &cells[0]);
	ck_assert_ptr_null(uatomic_cmpxchg(&p, NULL, &cells[2]));
	ck_assert_ptr_eq(uatomic_cmpxchg(&p, NULL, &cells[3]), &cells[2]);
	ck_assert_ptr_eq(uatomic_read(&p), &cells[2]);
	uatomic_set(&v, &cells[3]);
	ck_assert_ptr_eq(uatomic_xchg(&v, (uintptr_t) &cells[1]), &cells[3]);
	ck_assert_ptr_eq(uatomic_xchg(&text, NULL), old);
	assert_type(uatomic_read(&p), long *);
	assert_type(uatomic_xchg(&text, NULL), const char *);
}
END_TEST

/* What the compiler knew of an object does not survive an operation on it. */
START_TEST(test_aliasing)
{
	unsigned long ul;
	long *lp, cell;

	ul = 0;
	uatomic_sub(&ul, 1U);
	ck_assert_uint_eq(ul, ULONG_MAX);
	ul = 0;
	ck_assert_uint_eq(uatomic_add_return(&ul, 1), 1);
	lp = &cell;
	uatomic_or(&lp, 1);
	ck_assert_ptr_ne(lp, &cell);
	lp = NULL;
	ck_assert_ptr_null(uatomic_xchg(&lp, &cell));
	ck_assert_ptr_eq(lp, &cell);
}
END_TEST

START_TEST(test_evaluate_once)
{
	int cells[16] = { 0 }, *p = cells, v = 0, w = 0, n = 0, i;
	int zeros[2] = { 0 }, *zero = zeros;

	uatomic_set(p++, v++);
	(void) uatomic_read(p++);
	uatomic_add(p++, v++);
	uatomic_sub(p++, v++);
	uatomic_inc(p++);
	uatomic_dec(p++);
	uatomic_and(p++, v++);
	uatomic_or(p++, v++);
	(void) uatomic_add_return(p++, v++);
	(void) uatomic_sub_return(p++, v++);
	(void) uatomic_xchg(p++, v++);
	(void) uatomic_cmpxchg(p++, v++, w++);
	ck_assert_int_eq(p - cells, 12);
	ck_assert_int_eq(v, 9);
	ck_assert_int_eq(w, 1);
	(void) CMM_LOAD_SHARED(*p++);
	(void) CMM_STORE_SHARED(*p++, v++);
	ck_assert_int_eq(p - cells, 14);
	ck_assert_int_eq(v, 10);
	uatomic_set(&v, uatomic_xchg(&w, uatomic_xchg(&w, uatomic_add_return(&v, 1))));
	ck_assert_int_eq(v, 11);
	ck_assert_int_eq(w, 1);
	for (i = CMM_RELAXED; i < CMM_SEQ_CST_FENCE; )
		uatomic_add(&n, 1, i++);
	ck_assert_int_eq(n, CMM_SEQ_CST_FENCE);
	p = cells;
	v = w = n = 0;
	uatomic_store_mo(p++, v++, n++ * 0);
	(void) uatomic_load_mo(p++, n++ * 0);
	uatomic_add_mo(p++, v++, n++ * 0);
	uatomic_sub_mo(p++, v++, n++ * 0);
	uatomic_inc_mo(p++, n++ * 0);
	uatomic_dec_mo(p++, n++ * 0);
	uatomic_and_mo(p++, v++, n++ * 0);
	uatomic_or_mo(p++, v++, n++ * 0);
	(void) uatomic_add_return_mo(p++, v++, n++ * 0);
	(void) uatomic_sub_return_mo(p++, v++, n++ * 0);
	(void) uatomic_xchg_mo(p++, v++, n++ * 0);
	(void) uatomic_cmpxchg_mo(p++, v++, w++, n++ * 0, *zero++);
	ck_assert_int_eq(p - cells, 12);
	ck_assert_int_eq(v, 9);
	ck_assert_int_eq(w, 1);
	ck_assert_int_eq(n, 12);
	ck_assert_int_eq(zero - zeros, 1);
}
END_TEST

/* Each order is accepted where C11 allows it, and changes nothing of what is computed. */
START_TEST(test_orders)
{
	int x = 0;

	uatomic_store(&x, 1, CMM_RELAXED);
	uatomic_store(&x, 2, CMM_RELEASE);
	uatomic_store(&x, 3, CMM_SEQ_CST);
	uatomic_store(&x, 4, CMM_SEQ_CST_FENCE);
	ck_assert_int_eq(uatomic_load(&x, CMM_RELAXED), 4);
	ck_assert_int_eq(uatomic_load(&x, CMM_CONSUME), 4);
	ck_assert_int_eq(uatomic_load(&x, CMM_ACQUIRE), 4);
	ck_assert_int_eq(uatomic_load(&x, CMM_SEQ_CST), 4);
	ck_assert_int_eq(uatomic_load(&x, CMM_SEQ_CST_FENCE), 4);
	ck_assert_int_eq(uatomic_xchg(&x, 5, CMM_ACQ_REL), 4);
	ck_assert_int_eq(uatomic_cmpxchg(&x, 0, 9, CMM_RELEASE), 5);
	ck_assert_int_eq(uatomic_cmpxchg(&x, 5, 6, CMM_ACQ_REL, CMM_ACQUIRE), 5);
	ck_assert_int_eq(uatomic_cmpxchg(&x, 6, 7, CMM_SEQ_CST, CMM_SEQ_CST), 6);
	ck_assert_int_eq(uatomic_cmpxchg(&x, 7, 8, CMM_SEQ_CST_FENCE, CMM_RELAXED), 7);
	ck_assert_int_eq(_uatomic_failure_order(CMM_RELEASE), CMM_RELAXED);
	ck_assert_int_eq(_uatomic_failure_order(CMM_ACQ_REL), CMM_ACQUIRE);
	ck_assert_int_eq(_uatomic_failure_order(CMM_SEQ_CST_FENCE), CMM_SEQ_CST_FENCE);
	ck_assert_int_eq(cmm_to_c11(CMM_SEQ_CST_FENCE), __ATOMIC_SEQ_CST);
	ck_assert_int_eq(cmm_to_c11(CMM_CONSUME), __ATOMIC_CONSUME);
}
END_TEST

/*
 * Every operation with every order that C11 allows it, on each width: the same results as with
 * none, whether the order is a constant or not.
 */
#define ORDERS_TEST(name, type)						\
START_TEST(name)							\
{									\
	static const enum cmm_memorder reads[] = {			\
		CMM_RELAXED, CMM_CONSUME, CMM_ACQUIRE, CMM_SEQ_CST, CMM_SEQ_CST_FENCE, \
	};								\
	static const enum cmm_memorder writes[] = {			\
		CMM_RELAXED, CMM_RELEASE, CMM_SEQ_CST, CMM_SEQ_CST_FENCE, \
	};								\
	volatile type x = 0;						\
	const volatile type *cp = &x;					\
	int mo, mof;							\
	size_t i;							\
									\
	for (i = 0; i < CAA_ARRAY_SIZE(writes); i++) {			\
		uatomic_store(&x, i, writes[i]);			\
		ck_assert(x == (type) i);				\
		uatomic_set(&x, i + 1, writes[i]);			\
		ck_assert(x == (type) (i + 1));				\
		uatomic_store_mo(&x, i + 2, writes[i]);			\
		ck_assert(x == (type) (i + 2));				\
	}								\
	for (i = 0; i < CAA_ARRAY_SIZE(reads); i++) {			\
		ck_assert(uatomic_load(cp, reads[i]) == x);		\
		ck_assert(uatomic_read(cp, reads[i]) == x);		\
		ck_assert(uatomic_load_mo(cp, reads[i]) == x);		\
	}								\
	for (mo = CMM_RELAXED; mo <= CMM_SEQ_CST_FENCE; mo++) {		\
		uatomic_set(&x, 1);					\
		uatomic_add(&x, 5, mo);					\
		uatomic_sub(&x, 2, mo);					\
		uatomic_inc(&x, mo);					\
		uatomic_dec(&x, mo);					\
		uatomic_or(&x, 11, mo);					\
		ck_assert(x == 15);					\
		uatomic_and(&x, 6, mo);					\
		ck_assert(x == 6);					\
		ck_assert(uatomic_add_return(&x, 3, mo) == 9);		\
		ck_assert(uatomic_sub_return(&x, 4, mo) == 5);		\
		ck_assert(uatomic_xchg(&x, 7, mo) == 5);		\
		ck_assert(uatomic_cmpxchg(&x, 1, 2, mo) == 7);		\
		ck_assert(uatomic_cmpxchg(&x, 7, 2, mo) == 7 && x == 2);	\
		uatomic_add_mo(&x, 5, mo);				\
		uatomic_sub_mo(&x, 2, mo);				\
		uatomic_inc_mo(&x, mo);					\
		uatomic_dec_mo(&x, mo);					\
		uatomic_or_mo(&x, 8, mo);				\
		uatomic_and_mo(&x, 12, mo);				\
		ck_assert(uatomic_add_return_mo(&x, 1, mo) == 13);	\
		ck_assert(uatomic_sub_return_mo(&x, 3, mo) == 10);	\
		ck_assert(uatomic_xchg_mo(&x, 3, mo) == 10);		\
		for (i = 0; i < CAA_ARRAY_SIZE(reads); i++) {		\
			mof = reads[i];					\
			uatomic_set(&x, 3);				\
			ck_assert(uatomic_cmpxchg(&x, 4, 5, mo, mof) == 3 && x == 3); \
			ck_assert(uatomic_cmpxchg_mo(&x, 3, 5, mo, mof) == 3 && x == 5); \
		}							\
	}								\
}									\
END_TEST

ORDERS_TEST(test_orders_1, unsigned char)
ORDERS_TEST(test_orders_2, short)
ORDERS_TEST(test_orders_4, unsigned int)
ORDERS_TEST(test_orders_8, long)

/* What no processor has an atomic for; uatomic_load() and the others refuse it. */
START_TEST(test_other_sizes)
{
	struct wide { long a, b, c; } wide = { 1, 2, 3 }, other;
	struct odd { char x[3]; } odd = { { 1, 2, 3 } };

	other = CMM_LOAD_SHARED(wide);
	ck_assert(other.a == 1 && other.b == 2 && other.c == 3);
	other.b = 9;
	CMM_STORE_SHARED(wide, other);
	ck_assert(wide.b == 9 && CMM_LOAD_SHARED(wide).b == 9);
	ck_assert(CMM_LOAD_SHARED(odd).x[2] == 3);
	ck_assert(CMM_STORE_SHARED(odd, ((struct odd) { { 7, 8, 9 } })).x[0] == 7 && odd.x[2] == 9);
}
END_TEST

/* The largest that the machine has atomic operations for. */
#if __SIZEOF_LONG__ == 8
typedef double floating;
typedef int half;
#else
typedef float floating;
typedef short half;
#endif

/* What is no number can be read, set, exchanged and compared, bit by bit. */
START_TEST(test_float_and_structure)
{
	struct pair { half a, b; } __attribute__((__aligned__(sizeof(long)))) pair = { 1, 2 };
	struct small { unsigned char a, b; } small[2] = { { 3, 4 }, { 5, 6 } };
	const struct small *cp = &small[1];
	volatile float f = 0.5f;
	floating d = 1.5;

	uatomic_set(&f, 2.5f);
	ck_assert(uatomic_read(&f) == 2.5f && CMM_LOAD_SHARED(f) == 2.5f);
	uatomic_store(&d, 3, CMM_RELEASE);
	ck_assert(uatomic_load(&d, CMM_ACQUIRE) == 3.0);
	ck_assert(uatomic_xchg(&d, 4.25) == 3.0 && d == 4.25);
	ck_assert(uatomic_cmpxchg(&d, 1.0, 2.0) == 4.25 && d == 4.25);
	ck_assert(uatomic_cmpxchg(&d, 4.25, 2.0) == 4.25 && d == 2.0);
	ck_assert(CMM_STORE_SHARED(d, 7.5) == 7.5 && d == 7.5);
	assert_type(uatomic_read(&f), float);
	assert_type(uatomic_xchg(&d, 0), floating);

	pair = uatomic_xchg(&pair, ((struct pair) { 8, 9 }));
	ck_assert(pair.a == 1 && pair.b == 2);
	uatomic_set(&pair, ((struct pair) { 8, 9 }));
	ck_assert(uatomic_read(&pair).a == 8 && CMM_LOAD_SHARED(pair).b == 9);
	ck_assert(uatomic_load(cp, CMM_ACQUIRE).b == 6);
	uatomic_set(&small[0], *cp);
	ck_assert(small[0].a == 5 && small[0].b == 6);
	ck_assert(small[1].a == 5 && small[1].b == 6);
}
END_TEST

START_TEST(test_arrays_of_pointers)
{
	int cells[3], *slots[3] = { &cells[0], &cells[1], &cells[2] };
	int *const fixed[2] = { &cells[0], &cells[2] };
	size_t i = 0;

	ck_assert_ptr_eq(uatomic_xchg(&slots[i++], slots[2]), &cells[0]);
	ck_assert_ptr_eq(uatomic_cmpxchg(&slots[i++], &cells[1], NULL), &cells[1]);
	ck_assert_uint_eq(i, 2);
	ck_assert(slots[0] == &cells[2] && !slots[1] && slots[2] == &cells[2]);
	uatomic_set(slots + 1, uatomic_read(&fixed[0]));
	ck_assert(slots[0] == &cells[2] && slots[1] == &cells[0] && slots[2] == &cells[2]);
	assert_type(uatomic_read(&fixed[1]), int *);
}
END_TEST

/* The threads themselves assert nothing: Check's own locks would add order to what they do. */
static void run_two(void *(*fn)(void *))
{
	pthread_t t[2];
	intptr_t i;

	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, fn, (void *) i), 0);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
}

/* Every width counted at once, in one word where neighbours would be lost by a wider store. */
#define COUNT 100000
static struct {
	unsigned char c, c2;
	unsigned short s;
	unsigned int i;
	unsigned long l;
} counted;

static void *count_up(void *unused)
{
	int i;

	for (i = 0; i < COUNT; i++) {
		uatomic_inc(&counted.c);
		uatomic_dec(&counted.c2);
		uatomic_add(&counted.s, 3);
		(void) uatomic_add_return(&counted.i, 5);
		while (1) {
			unsigned long old = uatomic_read(&counted.l);

			if (uatomic_cmpxchg(&counted.l, old, old + 7) == old)
				break;
		}
	}
	return unused;
}

START_TEST(test_threads_count)
{
	run_two(count_up);
	ck_assert_int_eq(counted.c, (unsigned char) (2 * COUNT));
	ck_assert_int_eq(counted.c2, (unsigned char) (-2 * COUNT));
	ck_assert_int_eq(counted.s, (unsigned short) (3 * 2 * COUNT));
	ck_assert_uint_eq(counted.i, 5U * 2 * COUNT);
	ck_assert_uint_eq(counted.l, 7UL * 2 * COUNT);
}
END_TEST

/* A lock made of xchg and a release store protects a plain variable. ThreadSanitizer agrees. */
static int lock_word;
static long locked_count;

static void *lock_and_count(void *unused)
{
	int i;

	for (i = 0; i < COUNT / 10; i++) {
		while (uatomic_xchg(&lock_word, 1, CMM_ACQUIRE))
			sched_yield();
		locked_count++;
		uatomic_store(&lock_word, 0, CMM_RELEASE);
	}
	return unused;
}

START_TEST(test_threads_lock)
{
	run_two(lock_and_count);
	ck_assert_int_eq(locked_count, 2 * (COUNT / 10));
}
END_TEST

/*
 * Store buffering: each thread stores to its own variable and then loads the other's. With a full
 * barrier between, they cannot both miss the other's store. Without, on two idle CPUs, they do in
 * one round of fifty. A round has fresh variables; the threads start it together, give or take a
 * few cycles.
 */
#define ROUNDS 20000
static void (*barrier_under_test)(int *word);
static struct {
	int word __attribute__((__aligned__(CAA_CACHE_LINE_SIZE)));
} cell[ROUNDS][2], spare[2];
static int seen[2][ROUNDS], arrived;

static void *store_then_load(void *arg)
{
	intptr_t me = (intptr_t) arg;
	int i, wait, spins;

	for (i = 0; i < ROUNDS; i++) {
		(void) uatomic_add_return(&arrived, 1);
		for (spins = 1; uatomic_read(&arrived) < 2 * (i + 1); spins++)
			if (spins % 1024 == 0)
				sched_yield();
		for (wait = me ? i % 16 : i / 16 % 16; wait; wait--)
			cmm_barrier();
		uatomic_set(&cell[i][me].word, 1);
		barrier_under_test(&spare[me].word);
		seen[me][i] = uatomic_read(&cell[i][!me].word);
	}
	return NULL;
}

static void by_mb(int *p)		{ (void) p; cmm_mb(); }
static void by_smp_mb(int *p)		{ (void) p; cmm_smp_mb(); }
static void by_legacy_mb(int *p)	{ (void) p; cmm_emit_legacy_smp_mb(); }
static void by_xchg(int *p)		{ (void) uatomic_xchg(p, 1); }
static void by_cmpxchg(int *p)		{ (void) uatomic_cmpxchg(p, 7, 1); }
static void by_add_return(int *p)	{ (void) uatomic_add_return(p, 1); }
static void by_load_fence(int *p)	{ (void) uatomic_load(p, CMM_SEQ_CST_FENCE); }
static void by_store_fence(int *p)	{ uatomic_store(p, 1, CMM_SEQ_CST_FENCE); }
static void by_before_inc(int *p)	{ cmm_smp_mb__before_uatomic_inc(); uatomic_inc(p); }
static void by_after_or(int *p)		{ uatomic_or(p, 1); cmm_smp_mb__after_uatomic_or(); }

static void (*const barriers[])(int *) = {
	by_mb, by_smp_mb, by_legacy_mb, by_xchg, by_cmpxchg, by_add_return, by_load_fence,
	by_store_fence, by_before_inc, by_after_or,
};

START_TEST(test_threads_full_barrier)
{
	int both_missed = 0, i;

	memset(cell, 0, sizeof(cell));
	barrier_under_test = barriers[_i];
	run_two(store_then_load);
	for (i = 0; i < ROUNDS; i++)
		both_missed += !seen[0][i] && !seen[1][i];
	ck_assert_int_eq(both_missed, 0);
}
END_TEST

/* Message passing, by explicit orders and by the barriers of the older interface. */
static int payload, flag, wrong;

static void *pass_message(void *arg)
{
	if (arg) {
		payload = 42;
		uatomic_store(&flag, 1, CMM_RELEASE);
		while (uatomic_load(&flag, CMM_ACQUIRE) != 2)
			sched_yield();
		wrong += payload != 43;
	} else {
		while (!uatomic_load(&flag, CMM_ACQUIRE))
			sched_yield();
		wrong += payload != 42;
		payload = 43;
		cmm_smp_wmb();
		uatomic_set(&flag, 2);
	}
	return NULL;
}

START_TEST(test_threads_message)
{
	run_two(pass_message);
	ck_assert_int_eq(wrong, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("uatomic");
	TCase *tcase = add_timed_case(suite, "operations", 4);

	tcase_add_test(tcase, test_schar);
	tcase_add_test(tcase, test_uchar);
	tcase_add_test(tcase, test_short);
	tcase_add_test(tcase, test_ushort);
	tcase_add_test(tcase, test_int);
	tcase_add_test(tcase, test_uint);
	tcase_add_test(tcase, test_long);
	tcase_add_test(tcase, test_ulong);
	tcase_add_test(tcase, test_conversion);
	tcase_add_test(tcase, test_bool_and_enum);
	tcase_add_test(tcase, test_pointer);
	tcase_add_test(tcase, test_aliasing);
	tcase_add_test(tcase, test_evaluate_once);
	tcase_add_test(tcase, test_orders);
	tcase_add_test(tcase, test_orders_1);
	tcase_add_test(tcase, test_orders_2);
	tcase_add_test(tcase, test_orders_4);
	tcase_add_test(tcase, test_orders_8);
	tcase_add_test(tcase, test_other_sizes);
	tcase_add_test(tcase, test_float_and_structure);
	tcase_add_test(tcase, test_arrays_of_pointers);
	tcase = add_timed_case(suite, "threads", 60);
	tcase_add_test(tcase, test_threads_count);
	tcase_add_test(tcase, test_threads_lock);
	tcase_add_loop_test(tcase, test_threads_full_barrier, 0, CAA_ARRAY_SIZE(barriers));
	tcase_add_test(tcase, test_threads_message);
	return run_plain_suite(suite);
}
