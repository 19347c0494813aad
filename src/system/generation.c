/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include "system/system.h"

/* Raised in a child, by whoever finds out first; atomically. */
static int32_t number;

/*
 * Room for a page that nothing else is in, whatever the size of pages. Static: a library that is closed
 * leaves nothing behind, and makes no call for it.
 */
#define PAGE_ROOM 65536
static char room[2 * PAGE_ROOM];

/* First word of that page, zero in a child; written atomically. NULL: nobody watches. */
static int32_t *inhabited;

/* Written by constructors, which come one after the other; read in a child that has one thread. */
static struct heir *heirs;

/* Among the child's handlers it is the first, as long as the program registers its own later. */
static void in_child(void)
{
	__atomic_fetch_add(&number, 1, __ATOMIC_RELAXED);
	if (inhabited)
		*inhabited = 1;
	for (struct heir *heir = heirs; heir; heir = heir->next)
		heir->inherit(heir->arg);
}

__attribute__((constructor))
static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, in_child);
}

void quiesce_add_heir(struct heir *heir)
{
	heir->next = heirs;
	heirs = heir;
}

int32_t quiesce_generation(void)
{
	int32_t *word = __atomic_load_n(&inhabited, __ATOMIC_ACQUIRE);

	if (word && !__atomic_load_n(word, __ATOMIC_RELAXED) &&
	    !__atomic_exchange_n(word, 1, __ATOMIC_RELAXED))
		__atomic_fetch_add(&number, 1, __ATOMIC_RELAXED);
	return __atomic_load_n(&number, __ATOMIC_RELAXED);
}

void quiesce_generation_watch(void)
{
	int32_t *page = (int32_t *)(((uintptr_t)room + PAGE_ROOM - 1) & -(uintptr_t)PAGE_ROOM);
	int saved_errno = errno;

	if (__atomic_load_n(&inhabited, __ATOMIC_RELAXED))
		return;
	__atomic_store_n(page, 1, __ATOMIC_RELAXED);
	if (madvise(page, PAGE_ROOM, MADV_WIPEONFORK) == 0)
		__atomic_store_n(&inhabited, page, __ATOMIC_RELEASE);
	errno = saved_errno;
}
