/* SPDX-License-Identifier: MIT */
#pragma once

/* System calls and their numbers. */

#include <quiesce/version.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Hidden from strict C. C++ compilers ask for everything. */
#if !defined(_DEFAULT_SOURCE) && !defined(_BSD_SOURCE)
extern long syscall(long number, ...);
#endif

/* 32-bit architectures that are younger than 64-bit time have only the new call. */
#if !defined(__NR_futex) && defined(__NR_futex_time64)
#define __NR_futex	__NR_futex_time64
#endif
