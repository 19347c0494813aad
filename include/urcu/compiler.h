/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the compiler offers, under one set of names. Everything here works in C99 and later and in
 * C++11 and later, with gcc and clang. Macros evaluate their value arguments once unless said. Usable from
 * anywhere, in signal handlers too.
 */

#include <quiesce/version.h>
#include <stddef.h>

/* A program that urcu-check looks into (quiesce/check.h): what is inlined otherwise are calls. */
#if defined(URCU_CHECK) && !defined(URCU_NO_INLINE)
#define URCU_NO_INLINE
#endif

/* The truth of x, 1 or 0, and what the compiler is to expect of it. */
#define caa_likely(x)		__builtin_expect(!!(x), 1)
#define caa_unlikely(x)		__builtin_expect(!!(x), 0)

/* The compiler moves no memory access across this. It emits no instruction. */
#define cmm_barrier()		__asm__ __volatile__ ("" : : : "memory")

/*
 * (type) (v), zero of a type, and a null pointer. C++ has other names for them, which no flag of a compiler
 * warns of (-Wold-style-cast, -Wzero-as-null-pointer-constant); before C++11, only the compilers have one
 * for the last.
 */
#ifdef __cplusplus
#define _urcu_as(type)		__typeof__(type)
#define _urcu_zero(type)	(__typeof__(type)())
#if __cplusplus >= 201103L
#define _URCU_NULL		nullptr
#else
#define _URCU_NULL		__null
#endif
#else
#define _urcu_as(type)		(type)
#define _urcu_zero(type)	((type) 0)
#define _URCU_NULL		((void *) 0)
#endif
#define _urcu_cast(type, v)	(_urcu_as(type) (v))

/* Lvalue of x that the compiler reads or writes exactly as often as the program says. No order. */
#define CMM_ACCESS_ONCE(x)	(*cmm_cast_volatile(&(x)))

/* The pointer ptr, to a volatile version of what it points to. */
#define cmm_cast_volatile(ptr)						\
	(1 ? (ptr) : _urcu_cast(__volatile__ __typeof__(*(ptr)) *, _URCU_NULL))

/* The optimizer forgets what it knows of the value of var, an lvalue that fits a register. */
#define _CMM_OPTIMIZER_HIDE_VAR(var)	__asm__ ("" : "+r" (var))

/* The larger, and the smaller of two values of one type. */
#define caa_max(a, b) __extension__ ({					\
	__typeof__(a) _caa_a = (a);					\
	__typeof__(b) _caa_b = (b);					\
	_caa_a > _caa_b ? _caa_a : _caa_b;				\
})

#define caa_min(a, b) __extension__ ({					\
	__typeof__(a) _caa_a = (a);					\
	__typeof__(b) _caa_b = (b);					\
	_caa_a < _caa_b ? _caa_a : _caa_b;				\
})

/* The number of elements of an array; not of a pointer. */
#define CAA_ARRAY_SIZE(x)	(sizeof(x) / sizeof((x)[0]))

/* Usable in #if. */
#define CAA_BITS_PER_LONG	(__SIZEOF_LONG__ * __CHAR_BIT__)

/*
 * The structure of the given type that holds *ptr as its member. The compiler complains when ptr
 * does not point to what the member is. An address constant if ptr is one.
 */
#define caa_container_of(ptr, type, member)				\
	(_urcu_as(type *) (						\
		_urcu_cast(char *, 1 ? (ptr) : _caa_no_member(type, member)) - \
		_caa_offset_of(type, member)))

/* A null pointer to such a member. */
#define _caa_no_member(type, member)					\
	_urcu_cast(__typeof__(&_urcu_cast(type *, _URCU_NULL)->member), _URCU_NULL)

/*
 * offsetof(), but no warning for a C++ class with a base. clang takes pragmas anywhere; g++ does not, and
 * computes the same. (Not clang, whose sanitizer then looks for an object there.)
 */
#if !defined(__cplusplus)
#define _caa_offset_of(type, member)	offsetof(type, member)
#elif defined(__clang__)
#define _caa_offset_of(type, member)					\
	(_Pragma("clang diagnostic push")				\
	 _Pragma("clang diagnostic ignored \"-Winvalid-offsetof\"")	\
	 offsetof(type, member) _Pragma("clang diagnostic pop"))
#else
#define _caa_offset_of(type, member)					\
	_urcu_cast(size_t,						\
		_urcu_cast(char *, &_urcu_cast(type *, __alignof__(type))->member) - \
		_urcu_cast(char *, __alignof__(type)))
#endif

/* As caa_container_of(), but a null ptr, NULL itself too, gives a null result. */
#define caa_container_of_check_null(ptr, type, member) __extension__ ({	\
	__typeof__(1 ? (ptr) : _caa_no_member(type, member)) _caa_ptr = (ptr); \
	_caa_ptr ? caa_container_of(_caa_ptr, type, member) :		\
		   _urcu_cast(type *, _URCU_NULL);			\
})

/* Fail the compilation if the constant cond holds: as a statement, and as an expression of 0. */
#define CAA_BUILD_BUG_ON(cond)		((void) CAA_BUILD_BUG_ON_ZERO(cond))
#define CAA_BUILD_BUG_ON_ZERO(cond)	(sizeof(char[1 - 2 * !!(cond)]) - 1)

/*
 * What C and C++ spell differently.
 *
 * urcu_static_assert: declaration that fails the compilation unless the constant predicate holds.
 * msg is a string literal; c_identifier_msg says the same as an identifier, for compilers that want
 * one.
 *
 * _URCU_TRANSPARENT_UNION: a parameter of such a union takes any of its members. C++ has overloads.
 */
#ifdef __cplusplus
#define urcu_static_assert(predicate, msg, c_identifier_msg)	static_assert(predicate, msg)
#define _URCU_EXTERN_C_BEGIN	extern "C" {
#define _URCU_EXTERN_C_END	}
#define _URCU_TRANSPARENT_UNION
#else
#define urcu_static_assert(predicate, msg, c_identifier_msg)	\
	__extension__ _Static_assert(predicate, msg)
#define _URCU_EXTERN_C_BEGIN
#define _URCU_EXTERN_C_END
#define _URCU_TRANSPARENT_UNION	__attribute__((__transparent_union__))
#endif

/* Declaration that fails the compilation unless objects of size bytes have lock-free atomics. */
#define _cmm_static_assert__atomic_lf(size)				\
	urcu_static_assert(__extension__ __atomic_always_lock_free(size, 0), \
		"no lock-free atomics of this size", no_lock_free_atomics_of_this_size)

/* One token of two, which are expanded first. */
#define __CAA_COMBINE_TOKENS(prefix, counter)	prefix ## counter
#define CAA_COMBINE_TOKENS(prefix, counter)	__CAA_COMBINE_TOKENS(prefix, counter)

/* Whether an arithmetic type has a sign. */
#define caa_is_signed_type(type)	(_urcu_cast(type, -1) < _urcu_cast(type, 1))

/* Integer or pointer v as a long, extended according to its own signedness. */
#define caa_cast_long_keep_sign(v)	_urcu_cast(long, v)

/* arg as a value of the type. */
#define URCU_FORCE_CAST(type, arg)	_urcu_cast(type, arg)

/* Attribute: a use is warned of, with the string msg. */
#define CDS_DEPRECATED(msg)		__attribute__((__deprecated__(msg)))

/* Debug builds of a program (urcu/assert.h). RCU_DEBUG is the older name. */
#if defined(RCU_DEBUG) && !defined(DEBUG_RCU)
#define DEBUG_RCU
#endif

/*
 * Marks a pointer that is read under RCU, for people and for sparse: who declares one so reads it by
 * rcu_dereference and publishes it by rcu_assign_pointer, or is warned.
 *
 *	struct item __rcu *shared;
 */
#ifdef __CHECKER__
#define __rcu			__attribute__((noderef, address_space(__rcu)))
#define _urcu_force		__attribute__((force))
#else
#define __rcu
#define _urcu_force
#endif

#define _CMM_TOOLCHAIN_SUPPORT_C11_MM	1

/* 120201 is gcc 12.2.1. With other compilers it is not defined. */
#if defined(__GNUC__) && !defined(__clang__)
#define URCU_GCC_VERSION (__GNUC__ * 10000 + __GNUC_MINOR__ * 100 + __GNUC_PATCHLEVEL__)
#endif

/* Defined when the program is built for ThreadSanitizer. */
#ifdef __SANITIZE_THREAD__
#define CMM_SANITIZE_THREAD	1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CMM_SANITIZE_THREAD	1
#endif
#endif

/*
 * Orders of the accesses that take no order from the program. ThreadSanitizer knows neither fences
 * nor address dependencies, and Alpha keeps no dependency: they get order at the access itself.
 */
#if defined(CMM_SANITIZE_THREAD) || defined(__alpha__)
#define _CMM_ORDER_LOAD		__ATOMIC_ACQUIRE
#define _CMM_ORDER_STORE	__ATOMIC_RELEASE
#define _CMM_ORDER_RMW		__ATOMIC_ACQ_REL
#else
#define _CMM_ORDER_LOAD		__ATOMIC_RELAXED
#define _CMM_ORDER_STORE	__ATOMIC_RELAXED
#define _CMM_ORDER_RMW		__ATOMIC_RELAXED
#endif
