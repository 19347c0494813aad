/* SPDX-License-Identifier: MIT */
/*
 * The executable's own malloc, mmap and so on, found before the C library's by every library of the
 * process. Included once. They fail as fault->first and fault->last say, if liburcu-*.so called.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fault.h"

struct fault *fault;
static pid_t fault_pid;

#define RANGES 4
static struct {
	uintptr_t first, last;
} library[RANGES];

/* ---- The calls themselves ---- */

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);
extern int __register_atfork(void (*)(void), void (*)(void), void (*)(void), void *);

#define REAL_CALLS(x)								\
	x(mmap) x(munmap) x(mprotect) x(madvise) x(syscall) x(opendir) x(open) x(read) x(sysconf) \
	x(__register_atfork)								\
	x(pthread_create) x(pthread_key_create) x(pthread_setspecific) x(pthread_setname_np)	\
	x(pthread_setaffinity_np) x(sched_setaffinity) x(sched_getaffinity) x(sched_getcpu)

#define DECLARE_REAL(name)	static __typeof__(&name) real_##name;
REAL_CALLS(DECLARE_REAL)
#define FIND_REAL(name)		*(void **)&real_##name = dlsym(RTLD_NEXT, #name);

static int note_range(struct dl_phdr_info *object, size_t size, void *arg)
{
	unsigned int *count = arg;

	(void)size;
	if (!strstr(object->dlpi_name, "/liburcu-"))
		return 0;
	for (int i = 0; i < object->dlpi_phnum && *count < RANGES; i++)
		if (object->dlpi_phdr[i].p_type == PT_LOAD &&
		    object->dlpi_phdr[i].p_flags & PF_X) {
			library[*count].first = object->dlpi_addr + object->dlpi_phdr[i].p_vaddr;
			library[*count].last = library[*count].first +
					       object->dlpi_phdr[i].p_memsz;
			++*count;
		}
	return 0;
}

/* Before any library's constructor: what those call counts as well. */
static void prepare(int argc, char **argv, char **environment)
{
	unsigned int count = 0;

	(void)environment;
	REAL_CALLS(FIND_REAL)
	if (argc < 4 || strcmp(argv[1], SCENARIO_OPTION))
		return;
	dl_iterate_phdr(note_range, &count);
	fault_pid = getpid();
	fault = real_mmap(NULL, sizeof(*fault), PROT_READ | PROT_WRITE, MAP_SHARED, atoi(argv[3]),
			  0);
	if (fault == MAP_FAILED)
		_exit(2);
}

__attribute__((section(".preinit_array"), used))
static void (*const first_of_all)(int, char **, char **) = prepare;

/* By code of gcov in a library that ./dev coverage built. */
#ifndef COVERAGE_IS_WRITTEN
#define COVERAGE_IS_WRITTEN false
#endif

static bool by_library(const void *caller)
{
	for (int i = 0; fault && !COVERAGE_IS_WRITTEN && i < RANGES; i++)
		if ((uintptr_t)caller >= library[i].first && (uintptr_t)caller < library[i].last)
			return true;
	return false;
}

/* Whether the plan is for calls of this kind. */
static bool is_planned(enum fault_kind kind)
{
	if (fault->kind == FAULT_FUTEX)
		return kind == FAULT_WAIT || kind == FAULT_WAKE;
	return kind == fault->kind ||
	       (fault->kind == FAULT_BARRIERS && kind == FAULT_MEMBARRIER);
}

/* Whether this call has to fail. */
static bool fails(enum fault_kind kind, const void *caller)
{
	unsigned long number;

	if (!by_library(caller))
		return false;
	number = __atomic_add_fetch(&fault->calls[kind], 1, __ATOMIC_RELAXED);
	if (fault->kind == FAULT_BARRIERS && kind == FAULT_AFFINITY)
		return true;
	if (!is_planned(kind) || number < fault->first || number > fault->last)
		return false;
	__atomic_fetch_add(&fault->failed, 1, __ATOMIC_RELAXED);
	return true;
}

#define FAILS(kind) fails(kind, __builtin_return_address(0))

static int refused(void)
{
	errno = fault->error;
	return -1;
}

/* ---- Memory, and what of it is given back ---- */

#define OWNED 4096
static void *owned[OWNED];	/* by the library; atomically */

static void balance(long *sum, long by)
{
	if (fault && getpid() == fault_pid)
		__atomic_fetch_add(sum, by, __ATOMIC_RELAXED);
}

static bool swap_owned(void *from, void *to)
{
	for (int i = 0; i < OWNED; i++) {
		void *expected = from;

		if (__atomic_load_n(&owned[i], __ATOMIC_RELAXED) == from &&
		    __atomic_compare_exchange_n(&owned[i], &expected, to, false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return true;
	}
	return false;
}

static void *own(void *memory, const void *caller)
{
	if (memory && by_library(caller) && swap_owned(NULL, memory))
		balance(&fault->allocated, 1);
	return memory;
}

void *malloc(size_t size)
{
	if (FAILS(FAULT_MEMORY))
		return refused(), NULL;
	return own(__libc_malloc(size), __builtin_return_address(0));
}

void *calloc(size_t count, size_t size)
{
	if (FAILS(FAULT_MEMORY))
		return refused(), NULL;
	return own(__libc_calloc(count, size), __builtin_return_address(0));
}

/* The library calls it for nobody but the program, through a table's allocator. */
void *realloc(void *memory, size_t size)
{
	if (FAILS(FAULT_MEMORY))
		return refused(), NULL;
	return __libc_realloc(memory, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
	if (FAILS(FAULT_MEMORY))
		return fault->error;
	*memory = own(__libc_memalign(alignment, size), __builtin_return_address(0));
	return *memory ? 0 : ENOMEM;
}

void *aligned_alloc(size_t alignment, size_t size)
{
	if (FAILS(FAULT_MEMORY))
		return refused(), NULL;
	return own(__libc_memalign(alignment, size), __builtin_return_address(0));
}

void free(void *memory)
{
	if (fault && memory && swap_owned(memory, NULL))
		balance(&fault->allocated, -1);
	__libc_free(memory);
}

void *mmap(void *where, size_t size, int protection, int flags, int file, off_t offset)
{
	void *memory;

	if (FAILS(FAULT_MAP))
		return refused(), MAP_FAILED;
	memory = real_mmap(where, size, protection, flags, file, offset);
	if (memory != MAP_FAILED && !(flags & MAP_FIXED) && by_library(__builtin_return_address(0)))
		balance(&fault->mapped, (long)size);
	return memory;
}

int munmap(void *memory, size_t size)
{
	if (FAILS(FAULT_UNMAP))
		return refused();
	if (by_library(__builtin_return_address(0)))
		balance(&fault->mapped, -(long)size);
	return real_munmap(memory, size);
}

int mprotect(void *memory, size_t size, int protection)
{
	return FAILS(FAULT_PROTECT) ? refused() : real_mprotect(memory, size, protection);
}

int madvise(void *memory, size_t size, int advice)
{
	return FAILS(FAULT_HELP) ? refused() : real_madvise(memory, size, advice);
}

/* ---- Threads ---- */

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	return FAILS(FAULT_THREAD) ? fault->error : real_pthread_create(thread, attr, run, arg);
}

int pthread_key_create(pthread_key_t *key, void (*destroy)(void *))
{
	return FAILS(FAULT_KEY) ? fault->error : real_pthread_key_create(key, destroy);
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
	return FAILS(FAULT_KEY) ? fault->error : real_pthread_setspecific(key, value);
}

int __register_atfork(void (*before)(void), void (*parent)(void), void (*child)(void), void *object)
{
	return FAILS(FAULT_ATFORK) ? fault->error :
	       real___register_atfork(before, parent, child, object);
}

int pthread_setname_np(pthread_t thread, const char *name)
{
	return FAILS(FAULT_HELP) ? fault->error : real_pthread_setname_np(thread, name);
}

int pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *set)
{
	return FAILS(FAULT_AFFINITY) ? fault->error :
	       real_pthread_setaffinity_np(thread, size, set);
}

int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set)
{
	return FAILS(FAULT_AFFINITY) ? refused() : real_sched_setaffinity(pid, size, set);
}

int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	return FAILS(FAULT_HELP) ? refused() : real_sched_getaffinity(pid, size, set);
}

int sched_getcpu(void)
{
	return FAILS(FAULT_HELP) ? refused() : real_sched_getcpu();
}

DIR *opendir(const char *path)
{
	if (!FAILS(FAULT_HELP))
		return real_opendir(path);
	refused();
	return NULL;
}

/* The library makes no files. */
int open(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	if (FAILS(FAULT_HELP))
		return refused();
	va_start(arguments, flags);
	mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	return real_open(path, flags, mode);
}

ssize_t read(int file, void *bytes, size_t size)
{
	return FAILS(FAULT_HELP) ? refused() : real_read(file, bytes, size);
}

long sysconf(int name)
{
	if (!real_sysconf)	/* a sanitizer asks before we are prepared */
		FIND_REAL(sysconf)
	if (name != _SC_NPROCESSORS_CONF)
		return real_sysconf(name);
	if (FAILS(FAULT_CPUS))
		return refused();
	return fault && fault->cpus && by_library(__builtin_return_address(0)) ?
	       fault->cpus : real_sysconf(name);
}

/* ---- Futexes and membarrier ---- */

static bool is_futex(long number)
{
#ifdef SYS_futex_time64
	if (number == SYS_futex_time64)
		return true;
#endif
	return number == SYS_futex;
}

/* Not a reader's wake-up, the shared one: it is inlined into programs. */
static enum fault_kind kind_of(long number, long operation)
{
	if (number == SYS_membarrier)
		return FAULT_MEMBARRIER;
	if (!is_futex(number) || operation == FUTEX_WAKE)
		return FAULT_KINDS;
	return (operation & FUTEX_CMD_MASK) == FUTEX_WAKE ? FAULT_WAKE : FAULT_WAIT;
}

/* As of Linux 4.3: one command, the slow one. */
static long older_membarrier(long command, long flags)
{
	if (command == MEMBARRIER_CMD_QUERY)
		return MEMBARRIER_CMD_GLOBAL;
	if (command == MEMBARRIER_CMD_GLOBAL)
		return real_syscall(SYS_membarrier, command, flags, 0, 0, 0, 0);
	errno = EINVAL;
	return -1;
}

long syscall(long number, ...)
{
	enum fault_kind kind;
	va_list list;
	long arg[6];

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		arg[i] = va_arg(list, long);
	va_end(list);
	kind = kind_of(number, arg[1]);
	if (kind == FAULT_MEMBARRIER && fault && fault->kind == FAULT_OLDER_MEMBARRIER)
		return older_membarrier(arg[0], arg[1]);
	if (kind != FAULT_KINDS && FAILS(kind))
		return refused();
	return real_syscall(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}
