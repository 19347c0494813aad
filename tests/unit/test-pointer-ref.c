/* SPDX-License-Identifier: MIT */

/* <urcu/pointer.h>, its out-of-line half and <urcu/ref.h>. Link with src/flavor/pointer.c. */

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

#include <urcu/pointer.h>
#include <urcu/ref.h>

#include "../suite.h"

struct object {
	int a, b;
	struct urcu_ref ref;
};

#define assert_type(expr, type)						\
	ck_assert(__builtin_types_compatible_p(__typeof__(expr), type))

START_TEST(test_pointer_types)
{
	struct object o = { 1, 2, { 0 } };
	struct object *p = &o;
	const struct object *cp = &o;
	struct object *const pc = &o;
	const struct object *const volatile cpcv = &o;

	assert_type(rcu_dereference(p), struct object *);
	assert_type(rcu_dereference(cp), const struct object *);
	assert_type(rcu_dereference(pc), struct object *);
	assert_type(rcu_dereference(cpcv), const struct object *);
	assert_type(rcu_xchg_pointer(&cp, &o), const struct object *);
	assert_type(rcu_cmpxchg_pointer(&p, &o, NULL), struct object *);
	ck_assert_int_eq(rcu_dereference(p)->a + rcu_dereference(cpcv)->b, 3);
}
END_TEST

START_TEST(test_pointer_operations)
{
	struct object o[2], *p = NULL;

	rcu_assign_pointer(p, &o[0]);
	ck_assert_ptr_eq(rcu_dereference(p), &o[0]);
	rcu_set_pointer(&p, &o[1]);
	ck_assert_ptr_eq(p, &o[1]);
	ck_assert_ptr_eq(rcu_xchg_pointer(&p, &o[0]), &o[1]);
	ck_assert_ptr_eq(rcu_cmpxchg_pointer(&p, &o[1], NULL), &o[0]);
	ck_assert_ptr_eq(p, &o[0]);
	ck_assert_ptr_eq(rcu_cmpxchg_pointer(&p, &o[0], NULL), &o[0]);
	ck_assert_ptr_null(p);
}
END_TEST

START_TEST(test_pointer_evaluate_once)
{
	struct object o[8], *cells[8] = { NULL }, **c = cells, *v = o;

	rcu_set_pointer(c++, v++);
	rcu_assign_pointer(*c++, v++);
	(void) rcu_dereference(*c++);
	(void) rcu_xchg_pointer(c++, v++);
	(void) rcu_cmpxchg_pointer(c++, v++, o);
	ck_assert_int_eq(c - cells, 5);
	ck_assert_int_eq(v - o, 4);
}
END_TEST

/* What binaries expect that were compiled without _LGPL_SOURCE: arguments and results. */
START_TEST(test_pointer_symbols)
{
	int x, y;
	void *cell = &x;

	ck_assert_ptr_eq(rcu_dereference_sym((void *) 0x1234), (void *) 0x1234);
	ck_assert_ptr_eq(rcu_dereference_sym2(&cell), &x);
	ck_assert_ptr_eq(rcu_set_pointer_sym(&cell, &y), &y);
	ck_assert_ptr_eq(cell, &y);
	ck_assert_ptr_eq(rcu_xchg_pointer_sym(&cell, &x), &y);
	ck_assert_ptr_eq(rcu_cmpxchg_pointer_sym(&cell, &y, NULL), &x);
	ck_assert_ptr_eq(cell, &x);
	ck_assert_ptr_eq(rcu_cmpxchg_pointer_sym(&cell, &x, NULL), &x);
	ck_assert_ptr_null(cell);
}
END_TEST

/* A reader that finds an object finds it filled, by each way to publish. ThreadSanitizer agrees. */
#define OBJECTS 30000
static struct object objects[OBJECTS], *published;
static int wrong;	/* threads assert nothing: Check's own locks would add order */

static void *publish(void *unused)
{
	int i;

	for (i = 0; i < OBJECTS; i++) {
		struct object *o = &objects[i];

		o->a = i;
		o->b = ~i;
		if (i % 3 == 0)
			rcu_assign_pointer(published, o);
		else if (i % 3 == 1)
			(void) rcu_xchg_pointer(&published, o);
		else
			(void) rcu_cmpxchg_pointer(&published, &objects[i - 1], o);
	}
	return unused;
}

static void *follow(void *unused)
{
	struct object *o = NULL;

	while (o != &objects[OBJECTS - 1]) {
		o = rcu_dereference(published);
		if (o)
			wrong += o->a != ~o->b;
		else
			sched_yield();
	}
	return unused;
}

START_TEST(test_pointer_threads)
{
	pthread_t t[2];

	ck_assert_int_eq(pthread_create(&t[0], NULL, follow, NULL), 0);
	ck_assert_int_eq(pthread_create(&t[1], NULL, publish, NULL), 0);
	ck_assert_int_eq(pthread_join(t[0], NULL), 0);
	ck_assert_int_eq(pthread_join(t[1], NULL), 0);
	ck_assert_int_eq(wrong, 0);
}
END_TEST

static int releases;

static void release(struct urcu_ref *ref)
{
	releases += caa_container_of(ref, struct object, ref)->a;
}

START_TEST(test_ref)
{
	struct object o = { .a = 1 };

	ck_assert_uint_eq(sizeof(struct urcu_ref), sizeof(long));
	urcu_ref_init(&o.ref);
	ck_assert_int_eq(o.ref.refcount, 1);
	urcu_ref_get(&o.ref);
	ck_assert(urcu_ref_get_safe(&o.ref));
	ck_assert(urcu_ref_get_unless_zero(&o.ref));
	ck_assert_int_eq(o.ref.refcount, 4);
	urcu_ref_put(&o.ref, release);
	urcu_ref_put(&o.ref, release);
	urcu_ref_put(&o.ref, release);
	ck_assert_int_eq(releases, 0);
	urcu_ref_put(&o.ref, release);
	ck_assert_int_eq(releases, 1);
	ck_assert(!urcu_ref_get_unless_zero(&o.ref));
	ck_assert_int_eq(o.ref.refcount, 0);
}
END_TEST

START_TEST(test_ref_limits)
{
	struct urcu_ref ref;

	urcu_ref_set(&ref, LONG_MAX);
	ck_assert(!urcu_ref_get_safe(&ref));
	ck_assert(!urcu_ref_get_unless_zero(&ref));
	ck_assert_int_eq(ref.refcount, LONG_MAX);
	urcu_ref_set(&ref, LONG_MAX - 1);
	ck_assert(urcu_ref_get_safe(&ref));
	urcu_ref_set(&ref, LONG_MAX - 1);
	ck_assert(urcu_ref_get_unless_zero(&ref));
	urcu_ref_set(&ref, LONG_MAX - 1);
	urcu_ref_get(&ref);
	ck_assert_int_eq(ref.refcount, LONG_MAX);
}
END_TEST

START_TEST(test_ref_overflow_aborts)
{
	struct object o = { .ref = { LONG_MAX } };

	urcu_ref_get(&o.ref);
}
END_TEST

START_TEST(test_ref_underflow_aborts)
{
	struct object o = { .ref = { 0 } };

	urcu_ref_put(&o.ref, release);
}
END_TEST

/* Two threads take and put references; the last to put sees what both did to the object. */
static struct object shared = { .a = 1 };

static void *use_object(void *arg)
{
	int *own = arg, i;

	for (i = 0; i < 50000; i++) {
		urcu_ref_get(&shared.ref);
		if (urcu_ref_get_unless_zero(&shared.ref))
			urcu_ref_put(&shared.ref, release);
		++*own;
		urcu_ref_put(&shared.ref, release);
	}
	urcu_ref_put(&shared.ref, release);
	return NULL;
}

static int used[2];

static void release_shared(struct urcu_ref *ref)
{
	if (used[0] + used[1] == 100000)
		release(ref);
}

static void *use_object_last(void *arg)
{
	urcu_ref_get(&shared.ref);
	use_object(arg);
	urcu_ref_put(&shared.ref, release_shared);
	return NULL;
}

START_TEST(test_ref_threads)
{
	pthread_t t[2];
	int i;

	urcu_ref_set(&shared.ref, 2);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, use_object_last, &used[i]), 0);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
	ck_assert_int_eq(releases, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pointer-ref");
	TCase *tcase = add_timed_case(suite, "pointer", 60);

	tcase_add_test(tcase, test_pointer_types);
	tcase_add_test(tcase, test_pointer_operations);
	tcase_add_test(tcase, test_pointer_evaluate_once);
	tcase_add_test(tcase, test_pointer_symbols);
	tcase_add_test(tcase, test_pointer_threads);
	tcase = add_timed_case(suite, "ref", 60);
	tcase_add_test(tcase, test_ref);
	tcase_add_test(tcase, test_ref_limits);
	tcase_add_test_raise_signal(tcase, test_ref_overflow_aborts, SIGABRT);
	tcase_add_test_raise_signal(tcase, test_ref_underflow_aborts, SIGABRT);
	tcase_add_test(tcase, test_ref_threads);
	return run_plain_suite(suite);
}
