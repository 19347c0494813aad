/* SPDX-License-Identifier: MIT */
/*
 * Programs that are compiled and linked against Debian's liburcu and run on this library
 * (test-binaries.sh). One process runs one load or several of them at once.
 */
#ifndef TESTS_ABI_BINARY_H
#define TESTS_ABI_BINARY_H

#include <stdio.h>
#include <stdlib.h>

#define get(x)		__atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define put(x, value)	__atomic_store_n(&(x), (value), __ATOMIC_RELEASE)
#define raise_by(x, n)	__atomic_add_fetch(&(x), (n), __ATOMIC_ACQ_REL)

#define want(cond)								\
	do {									\
		if (!(cond)) {							\
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
			abort();						\
		}								\
	} while (0)

/* The loads. They return when done and abort on the first thing that is wrong. */
void load_mb(void);
void load_memb(void);
void load_bp(void);
void load_qsbr(void);
void load_structures(void);

#endif
