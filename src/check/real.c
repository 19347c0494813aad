/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <link.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "check/check.h"

/* Where libraries are that were opened by dlopen for their user alone: not behind us in the search. */
static const char *const libraries[] = {
	"liburcu-mb.so.8", "liburcu-memb.so.8", "liburcu.so.8", "liburcu-bp.so.8", "liburcu-qsbr.so.8",
	"liburcu-cds.so.8", "liburcu-common.so.8",
};

#define OBJECTS 16

/* Text of the libraries; added to under the loader's lock, read without any. */
static struct object {
	uintptr_t start, end;
} objects[OBJECTS];
static unsigned int object_count;

static int add_object(struct dl_phdr_info *info, size_t size, void *address)
{
	uintptr_t at = (uintptr_t)address;
	unsigned int count = __atomic_load_n(&object_count, __ATOMIC_RELAXED);
	int i;

	(void)size;
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + part->p_vaddr;

		if (part->p_type != PT_LOAD || !(part->p_flags & PF_X) || at < start ||
		    at >= start + part->p_memsz)
			continue;
		if (count < OBJECTS && strstr(info->dlpi_name, "liburcu")) {
			objects[count] = (struct object){ start, start + part->p_memsz };
			__atomic_store_n(&object_count, count + 1, __ATOMIC_RELEASE);
		}
		return 1;
	}
	return 0;
}

bool check_from_library(void *pc)
{
	uintptr_t at = (uintptr_t)pc;
	unsigned int i, count = __atomic_load_n(&object_count, __ATOMIC_ACQUIRE);

	for (i = 0; i < count; i++)
		if (at >= objects[i].start && at < objects[i].end)
			return true;
	return false;
}

static void *find(const char *name)
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

void *check_find(void **cache, const char *name)
{
	void *address = __atomic_load_n(cache, __ATOMIC_ACQUIRE);

	if (address)
		return address;
	address = find(name);
	if (!address)
		return NULL;
	if (!check_from_library(address))
		dl_iterate_phdr(add_object, address);
	__atomic_store_n(cache, address, __ATOMIC_RELEASE);
	return address;
}

void *check_real(void **cache, const char *name)
{
	void *address = check_find(cache, name);

	if (!address) {
		dprintf(STDERR_FILENO, "urcu-check: there is no %s to go on to\n", name);
		_exit(127);
	}
	return address;
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

void check_lock(void)
{
	const struct timespec nap = { 0, 50000 };
	unsigned int tries;

	for (tries = 0; __atomic_exchange_n(&locked, true, __ATOMIC_ACQUIRE); tries++)
		if (tries < 64)
			sched_yield();
		else
			nanosleep(&nap, NULL);
}

void check_unlock(void)
{
	__atomic_store_n(&locked, false, __ATOMIC_RELEASE);
}
