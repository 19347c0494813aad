/* SPDX-License-Identifier: MIT */
/*
 * Before every file of the code under test: all the headers of the system that it includes, for this machine;
 * and then no machine, so that it is compiled as for one of which it knows nothing, with C11's fences. And not
 * for a sanitizer: with one, loads by rcu_dereference are stronger.
 */
#pragma once

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#undef __has_feature
#define __has_feature(x) 0
#undef __x86_64__
#undef __i386__
