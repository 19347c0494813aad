/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the scenarios share. Each is an ordinary program: cc -pthread -iquote tests FILE -lurcu-..., and would
 * tell little there. It must not use what the checker has not (tests/checker/names).
 */

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#define GET(x, order)		__atomic_load_n(&(x), order)
#define SET(x, value, order)	__atomic_store_n(&(x), value, order)

#define relaxed	__ATOMIC_RELAXED
#define acquire	__ATOMIC_ACQUIRE
#define release	__ATOMIC_RELEASE
#define seq_cst	__ATOMIC_SEQ_CST

/* Litmus tests are compiled with other orders by -D. */
#ifndef LOAD
#define LOAD relaxed
#endif
#ifndef STORE
#define STORE relaxed
#endif
#ifdef FENCED
#define FENCE()	__atomic_thread_fence(FENCED)
#else
#define FENCE()	((void)0)
#endif

/* Threads for these, and wait for their end; the last is NULL. */
static inline void run(void *(*a)(void *), void *(*b)(void *), void *(*c)(void *))
{
	void *(*bodies[3])(void *) = { a, b, c };
	pthread_t threads[3];

	for (int i = 0; i < 3 && bodies[i]; i++)
		if (pthread_create(&threads[i], NULL, bodies[i], NULL) != 0)
			abort();
	for (int i = 0; i < 3 && bodies[i]; i++)
		pthread_join(threads[i], NULL);
}
