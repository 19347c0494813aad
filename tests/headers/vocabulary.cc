/* SPDX-License-Identifier: MIT */

/*
 * Every name of the small vocabulary headers, used as a program would. C++ by its suffix, but C as
 * well: check-headers.sh compiles it as every supported version of both. Exits 0 if all hold.
 */

#include <stdio.h>

#include <urcu/annotate.h>
#include <urcu/arch.h>
#include <urcu/assert.h>
#include <urcu/compiler.h>
#include <urcu/config.h>
#include <urcu/debug.h>
#include <urcu/futex.h>
#include <urcu/hlist.h>
#include <urcu/list.h>
#include <urcu/pointer.h>
#include <urcu/rcuhlist.h>
#include <urcu/rculist.h>
#include <urcu/ref.h>
#include <urcu/system.h>
#include <urcu/tls-compat.h>
#include <urcu/uatomic.h>

static int failures;

#define CHECK(cond) do {						\
	if (!(cond)) {							\
		printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond);	\
		failures++;						\
	}								\
} while (0)

struct node {
	int key;
	struct cds_list_head list;
	struct cds_hlist_node hlist;
	struct urcu_ref ref;
};

urcu_static_assert(CAA_CACHE_LINE_SIZE >= 64, "lines are 64 bytes or more", lines_are_long);
urcu_static_assert(CAA_BITS_PER_LONG == 8 * sizeof(long), "bits per long", bits_per_long);
urcu_static_assert(CMM_SEQ_CST_FENCE == 6, "value of the enumerator", value_of_the_enumerator);

#if !defined(CONFIG_RCU_SMP) || !defined(CONFIG_RCU_TLS) || !defined(CONFIG_RCU_HAVE_FUTEX) || \
	!defined(CONFIG_RCU_HAVE_CLOCK_GETTIME) || !defined(CONFIG_HAVE_MEM_COHERENCY) || \
	!defined(_CMM_TOOLCHAIN_SUPPORT_C11_MM) || CAA_BITS_PER_LONG < 32 || FUTEX_WAIT || \
	FUTEX_WAKE != 1 || !defined(UATOMIC_HAS_ATOMIC_BYTE) || \
	!defined(UATOMIC_HAS_ATOMIC_SHORT) || !defined(UATOMIC_HAS_ATOMIC_INT) || \
	!defined(UATOMIC_HAS_ATOMIC_LLONG) || !defined(HAS_CAA_GET_CYCLES) || \
	CONFIG_RCU_TLS != 1 || !defined(CONFIG_RCU_HAVE_MULTIFLAVOR) || \
	!defined(CONFIG_RCU_HAVE_FENCE) || !defined(CONFIG_RCU_EMIT_LEGACY_MB)
#error "a constant is missing"
#endif

extern DECLARE_URCU_TLS(int, tls_shared);
DEFINE_URCU_TLS(int, tls_shared);
static DEFINE_URCU_TLS_INIT(int, tls_own, 3);

static CDS_LIST_HEAD(static_list);
static CDS_HLIST_HEAD(static_hlist);
static struct node static_node;
static struct node *from_static = caa_container_of(&static_node.hlist, struct node, hlist);

CDS_DEPRECATED("for the test") void deprecated_function(void);

static void check_compiler(void)
{
	int array[7] = { 0 }, a = 3, b = -4, CAA_COMBINE_TOKENS(to, ken) = 1;
	struct cds_list_head *none = NULL;
	struct node n;
	const struct node *cn = &n;
	unsigned int u = (unsigned int) -1;
	cmm_annotate_define(group);

	CHECK(caa_likely(a) && !caa_unlikely(!a));
	CHECK(caa_max(a, b) == 3 && caa_min(a, b) == -4);
	CHECK(CAA_ARRAY_SIZE(array) == 7);
	CHECK(caa_container_of(&n.list, struct node, list) == &n);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"	/* const is lost, the price of one macro for both */
	CHECK(caa_container_of(&cn->list, struct node, list) == cn);
#pragma GCC diagnostic pop
	CHECK(caa_container_of_check_null(&n.list, struct node, list) == &n);
	CHECK(!caa_container_of_check_null(none, struct node, list));
	CHECK(from_static == &static_node);
	CAA_BUILD_BUG_ON(sizeof(char) != 1);
	CHECK(CAA_BUILD_BUG_ON_ZERO(0) == 0);
	{ _cmm_static_assert__atomic_lf(sizeof(long)); }
	CHECK(caa_is_signed_type(long) && !caa_is_signed_type(unsigned char));
	CHECK(caa_cast_long_keep_sign((signed char) b) == -4);
	CHECK(caa_cast_long_keep_sign(u) == 0xffffffffL);
	CHECK(URCU_FORCE_CAST(unsigned char, 257) == 1);
	CMM_ACCESS_ONCE(a) = CMM_ACCESS_ONCE(b);
	CHECK(*cmm_cast_volatile(&a) == -4);
	_CMM_OPTIMIZER_HIDE_VAR(a);
	cmm_barrier();
	CHECK(a == -4 && token == 1);
	urcu_assert(a == -4);
	urcu_assert_debug(a == -4);
	urcu_posix_assert(a == -4);
	_urcu_use_expression(failures++);
	CHECK(URCU_TLS(tls_own) == 3 && URCU_TLS(tls_shared) == 0);
	urcu_annotate_release(&a);
	urcu_annotate_acquire(&a);
	cmm_annotate_mem_release(&a);
	cmm_annotate_mem_acquire(&a);
	cmm_annotate_group_mem_release(&group, &a);
	cmm_annotate_group_mb_release(&group);
	cmm_annotate_group_mb_acquire(&group);
	cmm_annotate_group_mem_acquire(&group, &a);
}

static void check_arch(void)
{
	caa_cycles_t before = caa_get_cycles();

	cmm_mb(); cmm_rmb(); cmm_wmb();
	cmm_smp_mb(); cmm_smp_rmb(); cmm_smp_wmb();
	cmm_mc(); cmm_rmc(); cmm_wmc();
	cmm_smp_mc(); cmm_smp_rmc(); cmm_smp_wmc();
	cmm_read_barrier_depends();
	cmm_smp_read_barrier_depends();
	cmm_emit_legacy_smp_mb();
	caa_cpu_relax();
	CHECK(caa_get_cycles() > before);
#if defined(URCU_ARCH_X86)
	rdtscll(before);
	CHECK(caa_get_cycles() > before);
#endif
}

static void check_futex(void)
{
	int32_t word = 1;

	CHECK(futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0) == -1 && errno == EAGAIN);
	CHECK(futex_noasync(&word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0);
	CHECK(futex_async(&word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0);
}

/* All operations on an object of the given type, which holds 0 to 5. */
#define CHECK_UATOMIC(type) do {					\
	type x = (type) 0;						\
	volatile type *vp = &x;						\
	const type *cp = &x;						\
									\
	uatomic_set(&x, 1);						\
	uatomic_store(vp, 2, CMM_RELEASE);				\
	CHECK(uatomic_read(cp) == (type) 2);				\
	CHECK(uatomic_load(vp, CMM_ACQUIRE) == (type) 2);		\
	uatomic_add(&x, 1); uatomic_add(vp, 1, CMM_RELEASE);		\
	uatomic_sub(&x, 1); uatomic_sub(vp, 1, CMM_ACQ_REL);		\
	uatomic_inc(&x); uatomic_inc(vp, CMM_SEQ_CST);			\
	uatomic_dec(&x); uatomic_dec(vp, CMM_SEQ_CST_FENCE);		\
	uatomic_or(&x, 1); uatomic_or(vp, 4, CMM_CONSUME);		\
	uatomic_and(&x, 3); uatomic_and(vp, 1, CMM_RELAXED);		\
	CHECK(uatomic_read(&x) == (type) 1);				\
	CHECK(uatomic_add_return(&x, 2) == (type) 3);			\
	CHECK(uatomic_add_return(vp, 2, CMM_RELAXED) == (type) 5);	\
	CHECK(uatomic_sub_return(&x, 2) == (type) 3);			\
	CHECK(uatomic_sub_return(vp, 2, CMM_RELAXED) == (type) 1);	\
	CHECK(uatomic_xchg(&x, 2) == (type) 1);				\
	CHECK(uatomic_xchg(vp, 3, CMM_ACQUIRE) == (type) 2);		\
	CHECK(uatomic_cmpxchg(&x, 3, 4) == (type) 3);			\
	CHECK(uatomic_cmpxchg(vp, 3, 5, CMM_ACQ_REL) == (type) 4);	\
	CHECK(uatomic_cmpxchg(vp, 4, 5, CMM_RELEASE, CMM_RELAXED) == (type) 4); \
	uatomic_store_mo(&x, 0, CMM_RELAXED);				\
	uatomic_inc_mo(&x, CMM_RELAXED); uatomic_dec_mo(&x, CMM_RELAXED); \
	uatomic_add_mo(&x, 2, CMM_RELAXED); uatomic_sub_mo(&x, 1, CMM_RELAXED); \
	uatomic_or_mo(&x, 2, CMM_RELAXED); uatomic_and_mo(&x, 2, CMM_RELAXED); \
	CHECK(uatomic_load_mo(&x, CMM_RELAXED) == (type) 2);		\
	CHECK(uatomic_add_return_mo(&x, 1, CMM_RELAXED) == (type) 3);	\
	CHECK(uatomic_sub_return_mo(&x, 1, CMM_RELAXED) == (type) 2);	\
	CHECK(uatomic_xchg_mo(&x, 3, CMM_RELAXED) == (type) 2);		\
	CHECK(uatomic_cmpxchg_mo(&x, 3, 4, CMM_SEQ_CST, CMM_RELAXED) == (type) 3); \
	CHECK(CMM_LOAD_SHARED(x) == (type) 4 && _CMM_LOAD_SHARED(*cp) == (type) 4); \
	CHECK(CMM_STORE_SHARED(x, (type) 5) == (type) 5);		\
	CHECK(_CMM_STORE_SHARED(x, (type) 4) == *vp);			\
} while (0)

enum color { RED, GREEN, BLUE, PINK, GREY, TEAL };
typedef int *int_ptr;

static void check_uatomic(void)
{
	CHECK_UATOMIC(char);
	CHECK_UATOMIC(signed char);
	CHECK_UATOMIC(unsigned char);
	CHECK_UATOMIC(short);
	CHECK_UATOMIC(unsigned short);
	CHECK_UATOMIC(int);
	CHECK_UATOMIC(unsigned int);
	CHECK_UATOMIC(long);
	CHECK_UATOMIC(unsigned long);
	CHECK_UATOMIC(long long);
	CHECK_UATOMIC(uint64_t);
	CHECK_UATOMIC(enum color);
	CHECK_UATOMIC(int_ptr);
	cmm_smp_mb__before_uatomic_add(); cmm_smp_mb__after_uatomic_add();
	cmm_smp_mb__before_uatomic_sub(); cmm_smp_mb__after_uatomic_sub();
	cmm_smp_mb__before_uatomic_inc(); cmm_smp_mb__after_uatomic_inc();
	cmm_smp_mb__before_uatomic_dec(); cmm_smp_mb__after_uatomic_dec();
	cmm_smp_mb__before_uatomic_and(); cmm_smp_mb__after_uatomic_and();
	cmm_smp_mb__before_uatomic_or(); cmm_smp_mb__after_uatomic_or();
	cmm_seq_cst_fence_after_atomic(CMM_SEQ_CST_FENCE);
	CHECK(cmm_to_c11(CMM_RELEASE) == __ATOMIC_RELEASE);
	CHECK(cmm_to_c11(CMM_SEQ_CST_FENCE) == __ATOMIC_SEQ_CST);
}

static int twice(int x)
{
	return 2 * x;
}

static void check_pointer(void)
{
	struct node a, b;
	struct node __rcu *p = NULL;
	struct node *volatile vp = &a;
	const struct node *cp = NULL;
	const struct node **cpp = &cp;
	struct node *const constant = &a;
	int (*fp)(int) = NULL;
	void *old;

	rcu_set_pointer(&p, &a);
	CHECK(rcu_dereference(p) == &a);
	rcu_dereference(p)->key = 1;
	CHECK(cmm_ptr_eq(p, &a) && !cmm_ptr_eq(p, &b));
	rcu_assign_pointer(p, NULL);
	CHECK(rcu_xchg_pointer(&p, &b) == NULL);
	CHECK(rcu_cmpxchg_pointer(&p, &a, NULL) == &b);
	CHECK(rcu_cmpxchg_pointer(&p, &b, NULL) == &b);
	rcu_assign_pointer(cp, &a);
	CHECK(rcu_dereference(*cpp)->key == 1);
	rcu_assign_pointer(vp, &b);
	CHECK(rcu_dereference(vp) == &b && rcu_xchg_pointer(&vp, &a) == &b);
	CHECK(rcu_dereference(constant) == &a);
	rcu_assign_pointer(fp, twice);
	CHECK(rcu_dereference(fp)(2) == 4 && rcu_xchg_pointer(&fp, NULL) == twice);
	old = &a;
	CHECK(rcu_dereference_sym(old) == &a && rcu_dereference_sym2(&old) == &a);
	CHECK(rcu_set_pointer_sym(&old, &b) == &b && old == &b);
	CHECK(rcu_xchg_pointer_sym(&old, &a) == &b);
	CHECK(rcu_cmpxchg_pointer_sym(&old, &a, NULL) == &a && !old);
}

static void check_list(void)
{
	struct cds_list_head head = CDS_LIST_HEAD_INIT(head), other, *pos, *p;
	struct node n[4], *e, *f;
	int i, sum = 0;

	CDS_INIT_LIST_HEAD(&other);
	CHECK(cds_list_empty(&head) && cds_list_empty(&static_list));
	for (i = 0; i < 4; i++)
		n[i].key = i + 1;
	cds_list_add(&n[0].list, &head);
	cds_list_add_tail(&n[1].list, &head);
	cds_list_add_rcu(&n[2].list, &head);
	cds_list_add_tail_rcu(&n[3].list, &head);
	cds_list_for_each(pos, &head) sum += cds_list_entry(pos, struct node, list)->key;
	cds_list_for_each_prev(pos, &head) sum += 1;
	cds_list_for_each_safe(pos, p, &head) sum += 1;
	cds_list_for_each_prev_safe(pos, p, &head) sum += 1;
	cds_list_for_each_rcu(pos, &head) sum += 1;
	cds_list_for_each_entry(e, &head, list) sum += e->key;
	cds_list_for_each_entry_reverse(e, &head, list) sum += e->key;
	cds_list_for_each_entry_safe(e, f, &head, list) sum += e->key;
	cds_list_for_each_entry_rcu(e, &head, list) sum += e->key;
	e = cds_list_first_entry(&head, struct node, list);
	cds_list_for_each_entry_safe_from(e, f, &head, list) sum += e->key;
	CHECK(sum == 76);
	cds_list_del(&n[0].list);
	cds_list_del_rcu(&n[1].list);
	cds_list_replace(&n[2].list, &n[0].list);
	cds_list_replace_rcu(&n[3].list, &n[1].list);
	cds_list_replace_init(&n[1].list, &n[3].list);
	cds_list_move(&n[3].list, &other);
	cds_list_splice(&other, &head);
	cds_list_del_init(&n[3].list);
	__cds_list_del(n[0].list.prev, n[0].list.next);
	CHECK(cds_list_empty(&head) && cds_list_empty(&n[3].list) && cds_list_empty(&n[1].list));
}

static void check_hlist(void)
{
	struct cds_hlist_head head = CDS_HLIST_HEAD_INIT(head);
	struct cds_hlist_node *pos, *p;
	struct node a, b, *e, *f;
	int sum = 0;

	CDS_INIT_HLIST_HEAD(&head);
	CHECK(!static_hlist.next);
	CHECK(!cds_hlist_entry_safe(head.next, struct node, hlist));
	a.key = 1;
	b.key = 2;
	cds_hlist_add_head(&a.hlist, &head);
	cds_hlist_add_head_rcu(&b.hlist, &head);
	cds_hlist_for_each(pos, &head) sum += cds_hlist_entry(pos, struct node, hlist)->key;
	cds_hlist_for_each_safe(pos, p, &head) sum += 1;
	cds_hlist_for_each_rcu(pos, &head) sum += 1;
	cds_hlist_for_each_entry(e, pos, &head, hlist) sum += e->key;
	cds_hlist_for_each_entry_2(e, &head, hlist) sum += e->key;
	cds_hlist_for_each_entry_safe(e, pos, p, &head, hlist) sum += e->key;
	cds_hlist_for_each_entry_safe_2(e, f, &head, hlist) sum += e->key;
	cds_hlist_for_each_entry_rcu(e, pos, &head, hlist) sum += e->key;
	cds_hlist_for_each_entry_rcu_2(e, &head, hlist) sum += e->key;
	CHECK(sum == 25);
	cds_hlist_del(&b.hlist);
	cds_hlist_del_rcu(&a.hlist);
	CHECK(!head.next);
}

static void released(struct urcu_ref *ref)
{
	caa_container_of(ref, struct node, ref)->key = -1;
}

static void check_ref(void)
{
	struct node n;

	n.key = 1;
	urcu_ref_set(&n.ref, 0);
	CHECK(!urcu_ref_get_unless_zero(&n.ref));
	urcu_ref_init(&n.ref);
	urcu_ref_get(&n.ref);
	CHECK(urcu_ref_get_unless_zero(&n.ref) && urcu_ref_get_safe(&n.ref));
	urcu_ref_put(&n.ref, released);
	urcu_ref_put(&n.ref, released);
	urcu_ref_put(&n.ref, released);
	CHECK(n.key == 1);
	urcu_ref_put(&n.ref, released);
	CHECK(n.key == -1);
}

#ifdef __cplusplus
/* What only C++ can ask: references, templates, and no conversion from void *. */
template <typename T> static T take(T &object)
{
	T old = uatomic_xchg(&object, 0);

	uatomic_add(&object, 0, CMM_RELAXED);
	return CMM_LOAD_SHARED(object) == 0 ? old : 0;
}

template <typename T> struct same { enum { yes = 0 }; };
template <typename T> struct same<void (T, T)> { enum { yes = 1 }; };
/* Whether the value of an operation on a const volatile type is that type without qualifiers. */
#define CHECK_TYPE(type) do {						\
	const volatile type object = type();				\
	volatile type x = type();					\
	typedef __typeof__(uatomic_read(&object)) *read;			\
	typedef __typeof__(uatomic_xchg(&x, type())) *swapped;			\
	typedef __typeof__(uatomic_cmpxchg(&x, x, x)) *compared;		\
									\
	CHECK((same<void (read, type *)>::yes));			\
	CHECK((same<void (swapped, type *)>::yes));			\
	CHECK((same<void (compared, type *)>::yes));			\
} while (0)

enum class Color : unsigned char { red, green, blue };

struct base { int number; };
struct derived : base { struct cds_list_head list; };

static void check_types(void)
{
	Color color = Color::red;
	float number = 0.5f;

	CHECK_TYPE(char);
	CHECK_TYPE(short);
	CHECK_TYPE(int_ptr);
	CHECK_TYPE(Color);
	CHECK_TYPE(double);
	CHECK_TYPE(bool);
	uatomic_set(&color, Color::green);
	CHECK(uatomic_read(&color) == Color::green && CMM_LOAD_SHARED(color) == Color::green);
	CHECK(uatomic_xchg(&color, Color::blue) == Color::green);
	CHECK(uatomic_cmpxchg(&color, Color::blue, Color::red) == Color::blue);
	CHECK(uatomic_add_return(&color, 1) == Color::green);
	uatomic_or(&color, 2);
	CHECK(CMM_STORE_SHARED(color, Color::blue) == Color::blue);
	uatomic_set(&number, 2.5f);
	CHECK(uatomic_xchg(&number, 4) == 2.5f && uatomic_read(&number) == 4.0f);
}

static void check_cplusplus(void)
{
	check_types();
	long value = 7;
	long &reference = value;
	struct node n, *p = nullptr;
	struct node *&pr = p;
	struct derived d, *back = caa_container_of(&d.list, struct derived, list);

	CHECK(back == &d);
	CHECK(take(reference) == 7);
	CHECK(CMM_STORE_SHARED(reference, 5) == 5 && caa_max(reference, 1L) == 5);
	rcu_assign_pointer(pr, &n);
	CHECK(rcu_dereference(pr) == &n && rcu_xchg_pointer(&pr, nullptr) == &n);
	CHECK(rcu_cmpxchg_pointer(&pr, nullptr, nullptr) == nullptr);
	CHECK(uatomic_cmpxchg(&p, NULL, &n) == NULL);
	[&] { rcu_assign_pointer(p, NULL); }();
}
#else
static void check_cplusplus(void)
{
}
#endif

int main(void)
{
	check_compiler();
	check_arch();
	check_futex();
	check_uatomic();
	check_pointer();
	check_list();
	check_hlist();
	check_ref();
	check_cplusplus();
	printf("1..1\n%s 1 - the small vocabulary as C%s %ld\n", failures ? "not ok" : "ok",
#ifdef __cplusplus
		"++", (long) __cplusplus
#elif defined(__STDC_VERSION__)
		"", (long) __STDC_VERSION__
#else
		"", 198912L
#endif
	);
	return failures != 0;
}
