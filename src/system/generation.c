/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include "system/system.h"

/* Raised in a child, by each who finds out at the same time; atomically. No process has a larger one than this. */
static int32_t last;

/*
 * Room for a page that nothing else is in, whatever the size of pages. Static: a library that is closed
 * leaves nothing behind, and makes no call for it.
 */
#define PAGE_ROOM 65536
static char room[2 * PAGE_ROOM];

/* First word of that page: this process's number plus one, and zero in a child; written atomically. NULL: nobody watches. */
static int32_t *inhabited;

/* Written by constructors, which come one after the other; read in a child that has one thread. */
static struct heir *heirs;

/* Among the child's handlers it is the first, as long as the program registers its own later. */
static void in_child(void)
{
	last++;
	if (inhabited)
		*inhabited = last + 1;
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
	/* Release: a child of a thread that forks in between has the others. */
	__atomic_store_n(&heirs, heir, __ATOMIC_RELEASE);
}

/* A child's number is that of the first of its threads who writes one there. */
static int32_t name_child(int32_t *word)
{
	int32_t named = 0, own = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);

	return __atomic_compare_exchange_n(word, &named, own + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED) ? own : named - 1;
}

int32_t quiesce_generation(void)
{
	int32_t *word = __atomic_load_n(&inhabited, __ATOMIC_ACQUIRE), named;

	if (!word)
		return __atomic_load_n(&last, __ATOMIC_RELAXED);
	named = __atomic_load_n(word, __ATOMIC_RELAXED);
	return named ? named - 1 : name_child(word);
}

void quiesce_generation_watch(void)
{
	int32_t *page = (int32_t *)(((uintptr_t)room + PAGE_ROOM - 1) & -(uintptr_t)PAGE_ROOM);
	int saved_errno = errno;

	if (__atomic_load_n(&inhabited, __ATOMIC_RELAXED))
		return;
	__atomic_store_n(page, __atomic_load_n(&last, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
	if (madvise(page, PAGE_ROOM, MADV_WIPEONFORK) == 0)
		__atomic_store_n(&inhabited, page, __ATOMIC_RELEASE);
	errno = saved_errno;
}
