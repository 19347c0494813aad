/* SPDX-License-Identifier: MIT */
/* The kernel and the C library's memory, as the code under test sees them. */
#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "checker.h"
#include "sim.h"

#define NS_PER_S	UINT64_C(1000000000)
/* What a look at the clock takes: a leader that spins for 60 us looks three times. */
#define LOOK_NS		20000
#define CPUS		2
/* Larger mappings are refused. */
#define MAPPING_MAX	((size_t)1 << 20)
#define PAGE		4096

/* ---- Waiting ---- */

static long futex_wait(int32_t *word, int32_t value, const struct timespec *limit, uintptr_t code)
{
	struct thread *self = ck_self;
	uint64_t deadline = UINT64_MAX;

	ck_step(true);
	ck_access((uintptr_t)word, sizeof(*word), false, true, code);
	if ((int32_t)ck_newest((uintptr_t)word, sizeof(*word)) != value) {
		ck_trace(code, "does not sleep on %s, which is %d", ck_tracing ? ck_name((uintptr_t)word) : "", *word);
		errno = EAGAIN;
		return -1;
	}
	if (limit)
		deadline = ck_now() + (uint64_t)limit->tv_sec * NS_PER_S + (uint64_t)limit->tv_nsec;
	ck_trace(code, "sleeps on %s%s", ck_tracing ? ck_name((uintptr_t)word) : "", limit ? ", with a limit" : "");
	ck_block(WAIT_FUTEX, (uintptr_t)word, deadline);
	ck_trace(code, self->woken ? "is woken" : self->interrupted ? "is interrupted" : "has slept to its limit");
	if (self->woken)
		return 0;
	errno = self->interrupted ? EINTR : ETIMEDOUT;
	return -1;
}

static long futex(int32_t *word, int operation, int32_t value, const struct timespec *limit, uintptr_t code)
{
	long woken;

	if (!ck_self)
		return 0;
	if ((operation & ~FUTEX_PRIVATE_FLAG) == FUTEX_WAIT)
		return futex_wait(word, value, limit, code);
	ck_step(true);
	woken = ck_wake_all(WAIT_FUTEX, (uintptr_t)word, value);
	ck_trace(code, "wakes %ld who sleep on %s", woken, ck_tracing ? ck_name((uintptr_t)word) : "");
	return woken;
}

static long membarrier(int command, uintptr_t code)
{
	if (getenv("CHECKER_NO_MEMBARRIER")) {
		errno = ENOSYS;
		return -1;
	}
	if (command == MEMBARRIER_CMD_QUERY)
		return MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
	if (command == MEMBARRIER_CMD_PRIVATE_EXPEDITED && ck_self) {
		ck_step(true);
		if (ck_met(code, PART_MEMBARRIER, __ATOMIC_SEQ_CST) == __ATOMIC_SEQ_CST)
			ck_membarrier();
		ck_trace(code, "membarrier");
	}
	return 0;
}

/* As variadic functions are called, on machines where they are called as others are. */
long sim_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	(void)e;
	(void)f;
	switch (number) {
	case SYS_futex:
		return futex((int32_t *)a, (int)b, (int32_t)c, (const struct timespec *)d, CODE);
	case SYS_membarrier:
		return membarrier((int)a, CODE);
	default:
		errno = ENOSYS;
		return -1;
	}
}

int sim_clock_gettime(clockid_t clock, struct timespec *time)
{
	(void)clock;
	ck_pass(LOOK_NS);
	time->tv_sec = (time_t)(ck_now() / NS_PER_S);
	time->tv_nsec = (long)(ck_now() % NS_PER_S);
	return 0;
}

int sim_nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)left;
	if (ck_self)
		ck_block(WAIT_FUTEX, 0, ck_now() + (uint64_t)time->tv_sec * NS_PER_S + (uint64_t)time->tv_nsec);
	return 0;
}

int sim_sched_yield(void)
{
	if (ck_self)
		ck_yield();
	return 0;
}

/* ---- CPUs ---- */

int sim_sched_getcpu(void)
{
	return ck_self ? ck_self->number % CPUS : 0;
}

/* A switch to another CPU is a full barrier there, for whoever runs on it. */
int sim_sched_setaffinity(pid_t pid, size_t size, const void *mask)
{
	(void)pid;
	(void)size;
	(void)mask;
	if (ck_self)
		ck_membarrier();
	return 0;
}

int sim_sched_getaffinity(pid_t pid, size_t size, void *mask)
{
	(void)pid;
	memset(mask, 0, size);
	*(unsigned char *)mask = (1 << CPUS) - 1;
	return 0;
}

int sim_pthread_setaffinity_np(pthread_t thread, size_t size, const void *mask)
{
	(void)thread;
	(void)size;
	(void)mask;
	return 0;
}

long sim_sysconf(int name)
{
	return name == _SC_PAGESIZE ? PAGE : name == _SC_NPROCESSORS_CONF || name == _SC_NPROCESSORS_ONLN ? CPUS :
	       sysconf(name);
}

/* ---- Files ---- */

int sim_open(const char *path, int flags, ...)
{
	(void)path;
	(void)flags;
	errno = ENOENT;
	return -1;
}

/* The library's reports: no scenario is meant to cause one. */
ssize_t sim_write(int file, const void *text, size_t length)
{
	(void)file;
	if (ck_malloc_fails)
		return (ssize_t)length;
	ck_fail("the library reports: %.*s", (int)length, (const char *)text);
}

/* ---- Memory ---- */

#define MALLOC_ALIGN 16

static bool fails(const char *call, uintptr_t code)
{
	if (!ck_self || !ck_malloc_fails || !ck_choose(CHOOSE_FAIL, 2))
		return false;
	ck_trace(code, "%s fails", call);
	errno = ENOMEM;
	return true;
}

void *sim_malloc(size_t size)
{
	void *block = fails("malloc", CODE) ? NULL : ck_allocate(size, MALLOC_ALIGN);

	if (block)
		memset(block, 0xa5, size);
	return block;
}

/* Of a scenario, which has no answer to a failure. */
void *sim_program_malloc(size_t size)
{
	void *block = ck_allocate(size, MALLOC_ALIGN);

	memset(block, 0xa5, size);
	return block;
}

void *sim_calloc(size_t count, size_t size)
{
	void *block = fails("calloc", CODE) ? NULL : ck_allocate(count * size, MALLOC_ALIGN);

	if (block) {
		ck_access((uintptr_t)block, count * size, true, false, CODE);
		memset(block, 0, count * size);
	}
	return block;
}

void *sim_realloc(void *block, size_t size)
{
	void *larger = sim_malloc(size);

	if (block && larger) {
		sim_memcpy(larger, block, ck_size(block) < size ? ck_size(block) : size);
		ck_free(block, CODE);
	}
	return larger;
}

void *sim_aligned_alloc(size_t align, size_t size)
{
	return fails("aligned_alloc", CODE) ? NULL : ck_allocate(size, align);
}

int sim_posix_memalign(void **block, size_t align, size_t size)
{
	void *made = fails("posix_memalign", CODE) ? NULL : ck_allocate(size, align);

	if (!made)
		return ENOMEM;
	ck_access((uintptr_t)block, sizeof(*block), true, false, CODE);
	*block = made;
	return 0;
}

size_t sim_malloc_usable_size(void *block)
{
	return ck_size(block);
}

void sim_free(void *block)
{
	int saved_errno = errno;

	ck_free(block, CODE);
	errno = saved_errno;
}

void *sim_mmap(void *address, size_t length, int protection, int flags, int file, off_t offset)
{
	void *block;

	(void)address;
	(void)protection;
	(void)flags;
	(void)file;
	(void)offset;
	if (length > MAPPING_MAX) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	if (fails("mmap", CODE))
		return MAP_FAILED;
	block = ck_allocate(length, PAGE);
	if (!block)
		return MAP_FAILED;
	memset(block, 0, length);
	return block;
}

int sim_munmap(void *address, size_t length)
{
	(void)length;
	ck_moment(true);
	ck_free(address, CODE);
	return 0;
}

int sim_mprotect(void *address, size_t length, int protection)
{
	(void)address;
	(void)length;
	(void)protection;
	return 0;
}

void *sim_memcpy(void *to, const void *from, size_t size)
{
	ck_access((uintptr_t)from, size, false, false, CODE);
	ck_access((uintptr_t)to, size, true, false, CODE);
	return memcpy(to, from, size);
}

void *sim_memmove(void *to, const void *from, size_t size)
{
	ck_access((uintptr_t)from, size, false, false, CODE);
	ck_access((uintptr_t)to, size, true, false, CODE);
	return memmove(to, from, size);
}

void *sim_memset(void *to, int byte, size_t size)
{
	ck_access((uintptr_t)to, size, true, false, CODE);
	return memset(to, byte, size);
}

/* ---- Faults ---- */

void sim_abort(void)
{
	ck_fail("thread %d aborts", ck_self ? ck_self->number : 0);
}

void sim___assert_fail(const char *what, const char *file, unsigned int line, const char *function)
{
	(void)function;
	ck_fail("assertion failed: %s, %s:%u", what, file, line);
}
