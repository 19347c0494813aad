/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check/check.h"

/* Where libraries are that were opened by dlopen for their user alone: not behind us in the search. */
static const char *const libraries[] = {
	"liburcu-mb.so.8", "liburcu-memb.so.8", "liburcu.so.8", "liburcu-bp.so.8", "liburcu-qsbr.so.8",
	"liburcu-cds.so.8", "liburcu-common.so.8",
};

#define OBJECTS 32

/* Text of the libraries. Added to under the loader's lock, read without any. */
static struct object {
	uintptr_t start, end;
} objects[OBJECTS];
static unsigned int object_count;

/* Those added by one look at all that is loaded. */
struct look {
	const char *name[OBJECTS];
	unsigned int count;
};

static bool is_known(uintptr_t at)
{
	unsigned int i, count = __atomic_load_n(&object_count, __ATOMIC_ACQUIRE);

	for (i = 0; i < count; i++)
		if (at >= objects[i].start && at < objects[i].end)
			return true;
	return false;
}

bool check_from_library(void *pc)
{
	return is_known((uintptr_t)pc);
}

bool check_has_library(void)
{
	return __atomic_load_n(&object_count, __ATOMIC_ACQUIRE) != 0;
}

static bool is_library(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	return strncmp(name, "liburcu", 7) == 0 && strncmp(name, "liburcu-check", 13) != 0;
}

static int add_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	unsigned int count = __atomic_load_n(&object_count, __ATOMIC_RELAXED);
	struct look *look = arg;
	int i;

	(void)size;
	if (!is_library(info->dlpi_name))
		return 0;
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + part->p_vaddr;

		if (part->p_type != PT_LOAD || !(part->p_flags & PF_X) || is_known(start) || count == OBJECTS)
			continue;
		objects[count] = (struct object){ start, start + part->p_memsz };
		__atomic_store_n(&object_count, ++count, __ATOMIC_RELEASE);
		look->name[look->count++] = info->dlpi_name;
	}
	return 0;
}

/* A library that came with dlopen stays: its functions are known by their addresses from now on. */
static void add_libraries(void)
{
	struct look look = { .count = 0 };
	unsigned int i;

	dl_iterate_phdr(add_object, &look);
	for (i = 0; i < look.count; i++)
		(void)dlopen(look.name[i], RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

static int count_objects(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	*(unsigned long long *)arg = info->dlpi_adds;
	return 1;
}

void *check_address(const char *name)
{
	void *address = dlsym(RTLD_NEXT, name), *library;
	size_t i;

	for (i = 0; !address && i < sizeof(libraries) / sizeof(*libraries); i++) {
		library = dlopen(libraries[i], RTLD_LAZY | RTLD_NOLOAD);
		if (!library)
			continue;
		address = dlsym(library, name);
		dlclose(library);
	}
	return address;
}

static void found(struct real *real, void *address)
{
	if (address && !check_from_library(address))
		add_libraries();
	__atomic_store_n(&real->address, address, __ATOMIC_RELEASE);
}

/* What was not found is looked for again when more has been loaded. */
void *check_find(struct real *real)
{
	void *address = __atomic_load_n(&real->address, __ATOMIC_ACQUIRE);
	unsigned long long loaded = 0;
	int saved_errno = errno;

	if (address)
		return address;
	dl_iterate_phdr(count_objects, &loaded);
	if (__atomic_load_n(&real->missed, __ATOMIC_RELAXED) == loaded)
		return NULL;
	address = check_address(real->name);
	found(real, address);
	if (!address)
		__atomic_store_n(&real->missed, loaded, __ATOMIC_RELAXED);
	errno = saved_errno;
	return address;
}

void *check_real(struct real *real)
{
	void *address = check_find(real);

	if (!address) {
		dprintf(STDERR_FILENO, "urcu-check: there is no %s to go on to\n", real->name);
		_exit(127);
	}
	return address;
}

void check_real_init(void)
{
	extern struct real __start_quiesce_reals[], __stop_quiesce_reals[];
	struct real *real;

	for (real = __start_quiesce_reals; real < __stop_quiesce_reals; real++)
		if (!real->address)
			__atomic_store_n(&real->address, dlsym(RTLD_NEXT, real->name), __ATOMIC_RELEASE);
	add_libraries();
}

/* For the process that urcu-check has become: it may have been one whose calls do not come here. */
__attribute__((destructor))
static void say_if_in_vain(void)
{
	const char *process = secure_getenv("URCU_CHECK_PROCESS");

	if (!process || strtol(process, NULL, 10) != getpid())
		return;
	add_libraries();
	if (!check_has_library())
		dprintf(STDERR_FILENO, "urcu-check: nothing was checked in %s: it has loaded no liburcu library, and "
			"one that is linked into it cannot be checked\n", program_invocation_short_name);
}

#define CHUNK (1UL << 20)

static char *chunk;
static size_t chunk_left;

/* Under the lock, or before there are threads. */
void *check_allocate(size_t size)
{
	void *memory;

	size = (size + 15) & ~(size_t)15;
	if (size > chunk_left) {
		chunk_left = size > CHUNK ? size : CHUNK;
		chunk = mmap(NULL, chunk_left, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (chunk == MAP_FAILED) {
			dprintf(STDERR_FILENO, "urcu-check: no memory\n");
			_exit(127);
		}
	}
	memory = chunk;
	chunk += size;
	chunk_left -= size;
	return memory;
}

/* Not a mutex: those are watched. Who has it may be of a lower priority, so others come to sleep. */
static bool locked;
static __thread unsigned int depth;

void check_lock(void)
{
	const struct { long seconds, nanoseconds; } nap = { 0, 50000 };	/* as the kernel has it */
	int saved_errno = errno;
	unsigned int tries;

	if (depth++)
		return;
	for (tries = 0; __atomic_exchange_n(&locked, true, __ATOMIC_ACQUIRE); tries++)
		if (tries < 64)
			sched_yield();
		else
			syscall(SYS_nanosleep, &nap, NULL);
	errno = saved_errno;
}

void check_unlock(void)
{
	if (--depth == 0)
		__atomic_store_n(&locked, false, __ATOMIC_RELEASE);
}
