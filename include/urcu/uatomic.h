/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Atomic operations on objects of 1, 2, 4 or 8 bytes, but of no more than a long: integers,
 * booleans, enumerations and pointers; floating-point numbers and, in C, structures can be read,
 * set, exchanged and compared (bit by bit), a structure atomically if it is aligned to its size.
 * Objects of other sizes fail the compilation; CMM_LOAD_SHARED and CMM_STORE_SHARED
 * (urcu/system.h) read and set them, a byte at a time.
 * addr points to the object, which may be volatile, and const to be read. Results have the type of
 * *addr; values are converted to it as by a cast; arithmetic wraps, and on pointers counts bytes; to add to a
 * boolean, or count one, fails the compilation.
 * Arguments are evaluated once. Usable from anywhere, in signal handlers too.
 *
 * mo..., where a macro takes it, is an optional order, one of enum cmm_memorder. It should be a
 * constant. With none:
 *	load, read, store, set, add, sub, inc, dec, or		CMM_RELAXED
 *	and							CMM_SEQ_CST
 *	add_return, sub_return, xchg, cmpxchg			CMM_SEQ_CST_FENCE
 * Under ThreadSanitizer, which knows no fences, the first line is acquire, release or both.
 *
 * The uatomic_*_mo() forms take all orders and have no defaults.
 */

#include <stdint.h>
#include <stdlib.h>

#include <urcu/arch.h>
#include <urcu/compiler.h>
#include <urcu/system.h>

/* The orders of C11, and a full barrier before and after the operation. */
enum cmm_memorder {
	CMM_RELAXED = __ATOMIC_RELAXED,
	CMM_CONSUME = __ATOMIC_CONSUME,
	CMM_ACQUIRE = __ATOMIC_ACQUIRE,
	CMM_RELEASE = __ATOMIC_RELEASE,
	CMM_ACQ_REL = __ATOMIC_ACQ_REL,
	CMM_SEQ_CST = __ATOMIC_SEQ_CST,
	CMM_SEQ_CST_FENCE = 6
};

#define UATOMIC_HAS_ATOMIC_BYTE		1
#define UATOMIC_HAS_ATOMIC_SHORT	1
#define UATOMIC_HAS_ATOMIC_INT		1
#if __SIZEOF_LONG__ == 8
#define UATOMIC_HAS_ATOMIC_LLONG	1
#endif

/* The C11 order to use at the operation itself for the order mo. */
static inline __attribute__((__always_inline__)) int cmm_to_c11(int mo)
{
	return mo == CMM_SEQ_CST_FENCE ? __ATOMIC_SEQ_CST : mo;
}

/* After an atomic operation of order mo: the barrier that CMM_SEQ_CST_FENCE asks for. */
static inline __attribute__((__always_inline__))
void cmm_seq_cst_fence_after_atomic(enum cmm_memorder mo)
{
	if (mo == CMM_SEQ_CST_FENCE)
		cmm_smp_mb();
}

/* The same before and after a read-modify-write, which some machines order by itself. */
static inline __attribute__((__always_inline__)) void _uatomic_fence_at_rmw(int mo)
{
	if (mo == CMM_SEQ_CST_FENCE)
		_cmm_smp_mb_at_rmw();
}

/* A full barrier together with the relaxed operation that follows or precedes. */
#define cmm_smp_mb__before_uatomic_add()	_cmm_smp_mb_at_rmw()
#define cmm_smp_mb__after_uatomic_add()		_cmm_smp_mb_at_rmw()
#define cmm_smp_mb__before_uatomic_sub()	_cmm_smp_mb_at_rmw()
#define cmm_smp_mb__after_uatomic_sub()		_cmm_smp_mb_at_rmw()
#define cmm_smp_mb__before_uatomic_inc()	_cmm_smp_mb_at_rmw()
#define cmm_smp_mb__after_uatomic_inc()		_cmm_smp_mb_at_rmw()
#define cmm_smp_mb__before_uatomic_dec()	_cmm_smp_mb_at_rmw()
#define cmm_smp_mb__after_uatomic_dec()		_cmm_smp_mb_at_rmw()
#define cmm_smp_mb__before_uatomic_and()	_cmm_smp_mb_at_rmw()
#define cmm_smp_mb__after_uatomic_and()		_cmm_smp_mb_at_rmw()
#define cmm_smp_mb__before_uatomic_or()		_cmm_smp_mb_at_rmw()
#define cmm_smp_mb__after_uatomic_or()		_cmm_smp_mb_at_rmw()

/*
 * The operations, on an unsigned integer of the object's size. The size is a constant of the
 * caller, who inlines these, so that one case remains; may_alias makes it legal to look at an
 * object of any type as an integer.
 */
typedef uint8_t  _uatomic_u8  __attribute__((__may_alias__));
typedef uint16_t _uatomic_u16 __attribute__((__may_alias__));
typedef uint32_t _uatomic_u32 __attribute__((__may_alias__));
typedef unsigned long _uatomic_ulong __attribute__((__may_alias__));

/*
 * addr itself. Not always_inline: in unoptimized code, where the cases for other sizes stay, it
 * hides the object from compilers that would warn of an access past its end.
 */
static inline void *_uatomic_hide(const volatile void *addr)
{
	return _urcu_cast(void *, _urcu_cast(uintptr_t, addr));
}

#define _uatomic_sized(op, size, addr, ...)				\
	((size) == 1 ? op(_uatomic_u8, _uatomic_hide(addr), __VA_ARGS__) : \
	 (size) == 2 ? op(_uatomic_u16, _uatomic_hide(addr), __VA_ARGS__) : \
	 (size) == 4 ? op(_uatomic_u32, _uatomic_hide(addr), __VA_ARGS__) : \
		       op(_uatomic_ulong, _uatomic_hide(addr), __VA_ARGS__))

/* The caller's own value at p: read, and written. */
#define _uatomic_get(type, p, unused)	(*_urcu_cast(type *, p))
#define _uatomic_put(type, p, v)	((void) (*_urcu_cast(type *, p) = _urcu_cast(type, v)))

#define _uatomic_op_load(type, p, mo)	__atomic_load_n(_urcu_cast(volatile type *, p), mo)
#define _uatomic_op_store(type, p, v, mo)				\
	__atomic_store_n(_urcu_cast(volatile type *, p), _urcu_cast(type, v), mo)
#define _uatomic_op_add(type, p, v, mo)					\
	__atomic_add_fetch(_urcu_cast(volatile type *, p), _urcu_cast(type, v), mo)
#define _uatomic_op_and(type, p, v, mo)					\
	__atomic_fetch_and(_urcu_cast(volatile type *, p), _urcu_cast(type, v), mo)
#define _uatomic_op_or(type, p, v, mo)					\
	__atomic_fetch_or(_urcu_cast(volatile type *, p), _urcu_cast(type, v), mo)
#define _uatomic_op_xchg(type, p, v, mo)				\
	__atomic_exchange_n(_urcu_cast(volatile type *, p), _urcu_cast(type, v), mo)
/* The comparison leaves in *old what stood there. */
#define _uatomic_op_cmpxchg(type, p, old, _new, mos, mof)		\
	((void) __atomic_compare_exchange_n(_urcu_cast(volatile type *, p), \
		_urcu_cast(type *, old), _urcu_cast(type, _new), 0, mos, mof))

/*
 * Whether the processor has no atomic of that size: CMM_LOAD_SHARED and CMM_STORE_SHARED then load and
 * store in pieces.
 */
#define _uatomic_in_pieces(size)	((size) > sizeof(long) || ((size) & ((size) - 1)))

static inline void _uatomic_copy(volatile void *to, const volatile void *from, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		_urcu_cast(volatile char *, to)[i] = _urcu_cast(const volatile char *, from)[i];
}

/* *ret becomes *addr. */
static inline __attribute__((__always_inline__))
void _uatomic_load(const volatile void *addr, void *ret, size_t size, int mo)
{
	unsigned long v;

	if (_uatomic_in_pieces(size)) {
		_uatomic_copy(ret, addr, size);
		__atomic_thread_fence(cmm_to_c11(mo));
		return;
	}
	cmm_seq_cst_fence_after_atomic(_urcu_cast(enum cmm_memorder, mo));	/* and before */
	v = _uatomic_sized(_uatomic_op_load, size, addr, cmm_to_c11(mo));
	_uatomic_sized(_uatomic_put, size, ret, v);
	cmm_seq_cst_fence_after_atomic(_urcu_cast(enum cmm_memorder, mo));
}

/* *addr becomes *value. */
static inline __attribute__((__always_inline__))
void _uatomic_store(volatile void *addr, const void *value, size_t size, int mo)
{
	unsigned long v;

	if (_uatomic_in_pieces(size)) {
		__atomic_thread_fence(cmm_to_c11(mo));
		_uatomic_copy(addr, value, size);
		return;
	}
	v = _uatomic_sized(_uatomic_get, size, value, );
	_uatomic_sized(_uatomic_op_store, size, addr, v, cmm_to_c11(mo));
	if (mo == CMM_SEQ_CST_FENCE)	/* x86 makes such a store by an exchange */
		_cmm_smp_mb_at_rmw();
}

/* *addr becomes *value, *value what *addr was. */
static inline __attribute__((__always_inline__))
void _uatomic_xchg(volatile void *addr, void *value, size_t size, int mo)
{
	unsigned long v = _uatomic_sized(_uatomic_get, size, value, );

	_uatomic_fence_at_rmw(mo);
	v = _uatomic_sized(_uatomic_op_xchg, size, addr, v, cmm_to_c11(mo));
	_uatomic_sized(_uatomic_put, size, value, v);
	_uatomic_fence_at_rmw(mo);
}

/* If *addr is *old it becomes *_new; *old becomes what *addr was. */
static inline __attribute__((__always_inline__))
void _uatomic_cmpxchg(volatile void *addr, void *old, const void *_new, size_t size,
		int mos, int mof)
{
	unsigned long v = _uatomic_sized(_uatomic_get, size, _new, );
	/* Which of the two orders it is shows when it is done. */
	int fence = mof == CMM_SEQ_CST_FENCE ? mof : mos;

	_uatomic_fence_at_rmw(fence);
	_uatomic_sized(_uatomic_op_cmpxchg, size, addr, _uatomic_hide(old), v,
			cmm_to_c11(mos), cmm_to_c11(mof));
	_uatomic_fence_at_rmw(fence);
}

static inline __attribute__((__always_inline__))
unsigned long _uatomic_add_return(volatile void *addr, unsigned long v, size_t size, int mo)
{
	unsigned long ret;

	_uatomic_fence_at_rmw(mo);
	ret = _uatomic_sized(_uatomic_op_add, size, addr, v, cmm_to_c11(mo));
	_uatomic_fence_at_rmw(mo);
	return ret;
}

static inline __attribute__((__always_inline__))
void _uatomic_and(volatile void *addr, unsigned long mask, size_t size, int mo)
{
	_uatomic_fence_at_rmw(mo);
	(void) _uatomic_sized(_uatomic_op_and, size, addr, mask, cmm_to_c11(mo));
	_uatomic_fence_at_rmw(mo);
}

static inline __attribute__((__always_inline__))
void _uatomic_or(volatile void *addr, unsigned long mask, size_t size, int mo)
{
	_uatomic_fence_at_rmw(mo);
	(void) _uatomic_sized(_uatomic_op_or, size, addr, mask, cmm_to_c11(mo));
	_uatomic_fence_at_rmw(mo);
}

/* What C11 gives a comparison that fails if it is told one order: mos without its store half. */
static inline __attribute__((__always_inline__)) int _uatomic_failure_order(int mos)
{
	return mos == CMM_RELEASE ? CMM_RELAXED : mos == CMM_ACQ_REL ? CMM_ACQUIRE : mos;
}

/* The unqualified type of *addr: that of its value. */
#define _uatomic_type(addr)	__typeof__(__extension__ ({ *(addr); }))

/* Size of *addr; fails to compile unless it is one of the four that have atomics. */
#define _uatomic_size(addr)						\
	(sizeof(*(addr)) + CAA_BUILD_BUG_ON_ZERO(sizeof(*(addr)) > sizeof(long) || \
		(sizeof(*(addr)) & (sizeof(*(addr)) - 1))))

/* What kind of type it is, as GCC numbers them. sparse does not. */
#ifndef __CHECKER__
#define _uatomic_class(addr)	__builtin_classify_type(_urcu_zero(_uatomic_type(addr)))
#else
#define _uatomic_class(addr)	1
#endif

/* The same; fails to compile for what has no bits to an integer: floating point, structures. */
#define _uatomic_bits(addr)						\
	(_uatomic_size(addr) +						\
	 CAA_BUILD_BUG_ON_ZERO(_uatomic_class(addr) > 5))

/* The same; fails to compile for what cannot be added to: booleans too. */
#define _uatomic_number(addr)						\
	(_uatomic_bits(addr) + CAA_BUILD_BUG_ON_ZERO(_uatomic_is_bool(addr)))

#ifdef __cplusplus
#define _uatomic_is_bool(addr)						\
	(_uatomic_class(addr) == 4)
#else
#define _uatomic_is_bool(addr)	__builtin_types_compatible_p(_uatomic_type(addr), _Bool)
#endif

/* v as an operand of and and or: for a boolean true or false. */
#define _uatomic_operand(addr, v)					\
	(_uatomic_is_bool(addr) ? _urcu_cast(unsigned long, _urcu_cast(unsigned long, v) != 0) : \
				  _urcu_cast(unsigned long, v))

/* The value of *addr; and *addr becomes v. */
#define uatomic_load_mo(addr, mo) __extension__ ({			\
	_uatomic_type(addr) _uatomic_loaded;				\
	_uatomic_load((addr), &_uatomic_loaded, _uatomic_size(addr), (mo)); \
	_uatomic_loaded;						\
})

#define uatomic_store_mo(addr, v, mo) __extension__ ({			\
	_uatomic_type(addr) _uatomic_stored = _urcu_cast(_uatomic_type(addr), v); \
	_uatomic_store((addr), &_uatomic_stored, _uatomic_size(addr), (mo)); \
})

/* The value that *addr had before. */
#define uatomic_xchg_mo(addr, v, mo) __extension__ ({			\
	_uatomic_type(addr) _uatomic_swapped = _urcu_cast(_uatomic_type(addr), v); \
	_uatomic_xchg((addr), &_uatomic_swapped, _uatomic_size(addr), (mo)); \
	_uatomic_swapped;						\
})

/* The value that *addr had: equal to old if _new was stored (order mos), else not (order mof). */
#define uatomic_cmpxchg_mo(addr, old, _new, mos, mof) __extension__ ({	\
	_uatomic_type(addr) _uatomic_old = _urcu_cast(_uatomic_type(addr), old); \
	_uatomic_type(addr) _uatomic_new = _urcu_cast(_uatomic_type(addr), _new); \
	_uatomic_cmpxchg((addr), &_uatomic_old, &_uatomic_new, _uatomic_size(addr), \
		(mos), (mof));						\
	_uatomic_old;							\
})

/*
 * The sum and the difference, as they are stored; the forms below give no value. (A variable and not a bare cast:
 * compilers warn when the program leaves that unused.)
 */
#define uatomic_add_return_mo(addr, v, mo) __extension__ ({		\
	_uatomic_type(addr) _uatomic_sum = _urcu_cast(_uatomic_type(addr),	\
		_uatomic_add_return((addr), _urcu_cast(unsigned long, v), _uatomic_number(addr), (mo))); \
	_uatomic_sum;							\
})

#define uatomic_sub_return_mo(addr, v, mo) __extension__ ({		\
	_uatomic_type(addr) _uatomic_difference = _urcu_cast(_uatomic_type(addr), \
		_uatomic_add_return((addr), -_urcu_cast(unsigned long, v), _uatomic_number(addr), (mo))); \
	_uatomic_difference;						\
})

#define uatomic_add_mo(addr, v, mo)					\
	((void) _uatomic_add_return((addr), _urcu_cast(unsigned long, v), _uatomic_number(addr), (mo)))
#define uatomic_sub_mo(addr, v, mo)					\
	((void) _uatomic_add_return((addr), -_urcu_cast(unsigned long, v), _uatomic_number(addr), (mo)))
#define uatomic_inc_mo(addr, mo)	uatomic_add_mo(addr, 1, mo)
#define uatomic_dec_mo(addr, mo)	uatomic_sub_mo(addr, 1, mo)

/* *addr becomes *addr & v, and *addr | v. No value. */
#define uatomic_and_mo(addr, v, mo)					\
	_uatomic_and((addr), _uatomic_operand(addr, v), _uatomic_bits(addr), (mo))

#define uatomic_or_mo(addr, v, mo)					\
	_uatomic_or((addr), _uatomic_operand(addr, v), _uatomic_bits(addr), (mo))

/*
 * The forms with an optional order: the default stands behind what the program gave, and the first
 * to stand in the order's place is used.
 */
#define uatomic_load(...)	_uatomic_pick_2(uatomic_load_mo, __VA_ARGS__, _CMM_ORDER_LOAD, )
#define uatomic_read(...)	uatomic_load(__VA_ARGS__)
#define uatomic_store(...)	_uatomic_pick_3(uatomic_store_mo, __VA_ARGS__, _CMM_ORDER_STORE, )
#define uatomic_set(...)	uatomic_store(__VA_ARGS__)
#define uatomic_add(...)	_uatomic_pick_3(uatomic_add_mo, __VA_ARGS__, _CMM_ORDER_RMW, )
#define uatomic_sub(...)	_uatomic_pick_3(uatomic_sub_mo, __VA_ARGS__, _CMM_ORDER_RMW, )
#define uatomic_inc(...)	_uatomic_pick_2(uatomic_inc_mo, __VA_ARGS__, _CMM_ORDER_RMW, )
#define uatomic_dec(...)	_uatomic_pick_2(uatomic_dec_mo, __VA_ARGS__, _CMM_ORDER_RMW, )
#define uatomic_or(...)		_uatomic_pick_3(uatomic_or_mo, __VA_ARGS__, _CMM_ORDER_RMW, )
#define uatomic_and(...)	_uatomic_pick_3(uatomic_and_mo, __VA_ARGS__, CMM_SEQ_CST, )
#define uatomic_add_return(...)						\
	_uatomic_pick_3(uatomic_add_return_mo, __VA_ARGS__, CMM_SEQ_CST_FENCE, )
#define uatomic_sub_return(...)						\
	_uatomic_pick_3(uatomic_sub_return_mo, __VA_ARGS__, CMM_SEQ_CST_FENCE, )
#define uatomic_xchg(...)						\
	_uatomic_pick_3(uatomic_xchg_mo, __VA_ARGS__, CMM_SEQ_CST_FENCE, )

/* uatomic_cmpxchg(addr, value, _new, mos, mof): both orders, the first alone, or none. */
#define uatomic_cmpxchg(...)						\
	_uatomic_pick_6th(__VA_ARGS__, uatomic_cmpxchg_mo,		\
		_uatomic_cmpxchg_4, _uatomic_cmpxchg_3, )(__VA_ARGS__)
#define _uatomic_cmpxchg_4(addr, old, _new, mos)			\
	uatomic_cmpxchg_mo(addr, old, _new, mos, _uatomic_failure_order(mos))
#define _uatomic_cmpxchg_3(addr, old, _new)				\
	uatomic_cmpxchg_mo(addr, old, _new, CMM_SEQ_CST_FENCE, CMM_SEQ_CST_FENCE)

#define _uatomic_pick_2(op, addr, mo, ...)	op(addr, mo)
#define _uatomic_pick_3(op, addr, v, mo, ...)	op(addr, v, mo)
#define _uatomic_pick_6th(a, b, c, d, e, f, ...)	f
