/* SPDX-License-Identifier: MIT */
/* The calls that -fsanitize=thread compiles in. What the compiler tells with volatile is an access by itself. */
#include "checker.h"

void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller)
{
	(void)caller;
}

void __tsan_func_exit(void)
{
}

/* A pointer that was stored in a block by who published it, read by who came there through a pointer. */
static void read_plainly(uintptr_t address, size_t size, uintptr_t code)
{
	const struct view *dependency;

	ck_moment(false);
	ck_access(address, size, false, false, code);
	if (ck_self && size == sizeof(void *) && (dependency = ck_dependency(ck_self, address)))
		ck_depend(address, *(volatile uint64_t *)address, dependency);
}

#define PLAIN(name, size)							\
void __tsan_read##name(void *address)						\
{										\
	read_plainly((uintptr_t)address, size, CODE);				\
}										\
void __tsan_write##name(void *address)						\
{										\
	ck_moment(!ck_is_stack((uintptr_t)address));				\
	ck_access((uintptr_t)address, size, true, false, CODE);			\
}

PLAIN(1, 1)
PLAIN(2, 2)
PLAIN(4, 4)
PLAIN(8, 8)
PLAIN(16, 16)

#define UNALIGNED(size)								\
void __tsan_unaligned_read##size(void *address)					\
{										\
	read_plainly((uintptr_t)address, size, CODE);				\
}										\
void __tsan_unaligned_write##size(void *address)				\
{										\
	ck_moment(!ck_is_stack((uintptr_t)address));				\
	ck_access((uintptr_t)address, size, true, false, CODE);			\
}

UNALIGNED(2)
UNALIGNED(4)
UNALIGNED(8)
UNALIGNED(16)

/*
 * Volatile, by the library's habits, is a relaxed atomic access. The compiler's own load comes after this
 * call, of what is in memory, which is the newest; so that is what it returns here.
 */
#define VOLATILE(size)								\
void __tsan_volatile_read##size(void *address)					\
{										\
	if (ck_self)								\
		ck_look((uintptr_t)address, size, CODE);			\
}										\
void __tsan_volatile_write##size(void *address)					\
{										\
	if (ck_self)								\
		ck_touch((uintptr_t)address, size, CODE);			\
}

VOLATILE(1)
VOLATILE(2)
VOLATILE(4)
VOLATILE(8)

static uint64_t set(uint64_t old, uint64_t value) { (void)old; return value; }
static uint64_t add(uint64_t old, uint64_t value) { return old + value; }
static uint64_t subtract(uint64_t old, uint64_t value) { return old - value; }
static uint64_t and(uint64_t old, uint64_t value) { return old & value; }
static uint64_t or(uint64_t old, uint64_t value) { return old | value; }
static uint64_t xor(uint64_t old, uint64_t value) { return old ^ value; }
static uint64_t nand(uint64_t old, uint64_t value) { return ~(old & value); }

#define CHANGE(bits, type, name, change)					\
type __tsan_atomic##bits##_##name(volatile type *address, type value, int order) \
{										\
	type old = *address;							\
										\
	if (ck_self)								\
		return (type)ck_change((uintptr_t)address, sizeof(type), change, value, \
				       ck_met(CODE, PART_CHANGE, order), CODE); \
	*address = (type)change(old, value);					\
	return old;								\
}

#define ATOMIC(bits, type)							\
type __tsan_atomic##bits##_load(const volatile type *address, int order)	\
{										\
	if (!ck_self)								\
		return *address;						\
	return (type)ck_load((uintptr_t)address, sizeof(type), ck_met(CODE, PART_LOAD, order), CODE); \
}										\
void __tsan_atomic##bits##_store(volatile type *address, type value, int order)	\
{										\
	if (ck_self)								\
		ck_store((uintptr_t)address, sizeof(type), value, ck_met(CODE, PART_STORE, order), CODE); \
	else									\
		*address = value;						\
}										\
CHANGE(bits, type, exchange, set)						\
CHANGE(bits, type, fetch_add, add)						\
CHANGE(bits, type, fetch_sub, subtract)						\
CHANGE(bits, type, fetch_and, and)						\
CHANGE(bits, type, fetch_or, or)						\
CHANGE(bits, type, fetch_xor, xor)						\
CHANGE(bits, type, fetch_nand, nand)						\
type __tsan_atomic##bits##_compare_exchange_val(volatile type *address, type expected, type value, \
		int order, int otherwise)					\
{										\
	type old = *address;							\
										\
	if (ck_self)								\
		return (type)ck_compare((uintptr_t)address, sizeof(type), expected, value, \
				ck_met(CODE, PART_CHANGE, order), ck_met(CODE, PART_FAILURE, otherwise), CODE); \
	if (old == expected)							\
		*address = value;						\
	return old;								\
}

ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

void __tsan_atomic_thread_fence(int order)
{
	if (!ck_self)
		return;
	order = ck_met(CODE, PART_FENCE, order);
	ck_step(order == __ATOMIC_SEQ_CST);
	ck_tick();
	ck_fence(ck_self, order);
	ck_tick();
	if (ck_tracing)
		ck_trace(CODE, "fence %s", ck_order(order));
}

/* For the compiler alone. What it would reorder without is not seen here. */
void __tsan_atomic_signal_fence(int order)
{
	(void)order;
}

void *__emutls_get_address(void *control)
{
	return ck_tls(control);
}
