/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Thread-local variables. May be preceded by extern (a declaration) or static:
 *
 *	extern DECLARE_URCU_TLS(int, counter);
 *	DEFINE_URCU_TLS(int, counter);
 *	DEFINE_URCU_TLS_INIT(int, counter, 3);
 *	URCU_TLS(counter)++;
 *
 * __thread and not C++'s thread_local, which reaches an extern variable through a function. Usable from
 * anywhere; but a thread's first access to one of a library that dlopen opened may allocate.
 */

#include <stdlib.h>

#include <urcu/config.h>
#include <urcu/compiler.h>
#include <urcu/arch.h>

#define URCU_TLS_STORAGE_CLASS			__thread

#define DECLARE_URCU_TLS(type, name)		URCU_TLS_STORAGE_CLASS type name
#define DEFINE_URCU_TLS(type, name)		URCU_TLS_STORAGE_CLASS type name
#define DEFINE_URCU_TLS_INIT(type, name, init)	URCU_TLS_STORAGE_CLASS type name = (init)

/* Lvalue: the calling thread's own. */
#define URCU_TLS(name)				(name)
