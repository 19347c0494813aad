/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Bodies that compilers inline for functions of the library: _URCU_INLINE_VOID(f),
 * _URCU_INLINE_INT(f) and _URCU_INLINE_POINTER(f) give the function f(void), or f(void *ptr), which the library
 * exports and a header has declared, the body of the static inline function _f. f stays a function of the library, with its address there;
 * what is not inlined calls it; a program may define it itself, as a stub. With URCU_NO_INLINE defined
 * all are called.
 *
 * Such bodies are GNU's "extern inline": nothing but inlined code is compiled from them. clang has them
 * under another name for the same symbol: in C++ it allows no second definition of an inline function,
 * and bindgen, which reads headers with it, leaves out what is inline.
 */

/*
 * Bodies that are not static name what is, which is meant: this is against GCC's warning, __extension__
 * against clang's.
 */
#pragma GCC system_header

#include <urcu/compiler.h>

/* In debug builds unoptimized code is inlined as well, for the sake of the assertions inside. */
#ifdef DEBUG_RCU
#define _URCU_GNU_INLINE						\
	__extension__ extern __inline__ __attribute__((__gnu_inline__, __always_inline__))
#else
#define _URCU_GNU_INLINE						\
	__extension__ extern __inline__ __attribute__((__gnu_inline__))
#endif

#ifdef URCU_NO_INLINE
#define _URCU_INLINE(type, f, parameters, body)
#elif defined(__clang__)
#define _URCU_INLINE(type, f, parameters, body)				\
	extern type _urcu_inline_ ## f parameters __asm__(#f);		\
	_URCU_GNU_INLINE type _urcu_inline_ ## f parameters body
#else
#define _URCU_INLINE(type, f, parameters, body)				\
	_URCU_GNU_INLINE type f parameters body
#endif

#define _URCU_INLINE_VOID(f)	_URCU_INLINE(void, f, (void), { _ ## f(); })
#define _URCU_INLINE_INT(f)	_URCU_INLINE(int, f, (void), { return _ ## f(); })
#define _URCU_INLINE_POINTER(f)	_URCU_INLINE(void, f, (void *ptr), { _ ## f(ptr); })
