/* SPDX-License-Identifier: MIT */
/*
 * For programs that scripts build and run, without Check: assertions that end the program, and words
 * that threads share. Plain C and C++, with any compiler's flags.
 */
#ifndef TESTS_WANT_H
#define TESTS_WANT_H

#include <stdio.h>
#include <stdlib.h>

#define want(cond)								\
	do {									\
		if (!(cond)) {							\
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
			abort();						\
		}								\
	} while (0)

#define get(x)		__atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define put(x, value)	__atomic_store_n(&(x), (value), __ATOMIC_RELEASE)
#define raise_by(x, n)	__atomic_add_fetch(&(x), (n), __ATOMIC_ACQ_REL)

#endif /* TESTS_WANT_H */
