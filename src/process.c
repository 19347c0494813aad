/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>

#include "process.h"

/* Raised in a child, by whoever finds out first; atomically. */
static int32_t number;

/* First word of a page that is zero in a child; written atomically. NULL: there is none. */
static int32_t *inhabited;

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

void quiesce_process_add_heir(struct heir *heir)
{
	heir->next = heirs;
	heirs = heir;
}

int32_t quiesce_process(void)
{
	int32_t *word = __atomic_load_n(&inhabited, __ATOMIC_ACQUIRE);

	if (word && !__atomic_load_n(word, __ATOMIC_RELAXED) &&
	    !__atomic_exchange_n(word, 1, __ATOMIC_RELAXED))
		__atomic_fetch_add(&number, 1, __ATOMIC_RELAXED);
	return __atomic_load_n(&number, __ATOMIC_RELAXED);
}

/* The word alone is needed, but the kernel empties whole pages. */
#define PAGE_ROOM 65536

void quiesce_process_watch(void)
{
	int32_t *page, *none = NULL;
	int saved_errno = errno;

	if (__atomic_load_n(&inhabited, __ATOMIC_RELAXED))
		return;
	page = mmap(NULL, PAGE_ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return;
	*page = 1;
	if (madvise(page, PAGE_ROOM, MADV_WIPEONFORK) != 0 ||
	    !__atomic_compare_exchange_n(&inhabited, &none, page, false, __ATOMIC_RELEASE,
					 __ATOMIC_RELAXED))
		munmap(page, PAGE_ROOM);
	errno = saved_errno;
}

/* A library that is closed leaves nothing behind. */
__attribute__((destructor))
static void forget(void)
{
	int32_t *page = __atomic_exchange_n(&inhabited, NULL, __ATOMIC_RELAXED);

	if (page)
		munmap(page, PAGE_ROOM);
}
