/* SPDX-License-Identifier: MIT */
/*
 * What a thread was just making larger, or smaller, as another one forked without hooks: in the child it is large or
 * small, and whole. The array of readers, and bp's slots for them; neither is the library's own, which begins with room
 * for more readers than a scenario has threads.
 */

#include "flavor/bp-arena.h"
#include "grace/grace.h"

#include "checker/child.h"

#define READERS	(REGISTRY_INLINE + 2)

struct registry registry = REGISTRY_INIT(registry);
struct reader readers[READERS], heirs[READERS];
struct bp_arena arena = BP_ARENA_INIT;

static void *other(void *arg)
{
	quiesce_registry_add(&registry, &readers[0]);
	quiesce_bp_arena_get(&arena, true);
	quiesce_registry_remove(&registry, &readers[0]);
	quiesce_registry_trim(&registry);
	return arg;
}

static void use(void)
{
	assert(registry.readers != registry.room || registry.capacity == REGISTRY_INLINE);
	quiesce_registry_reset(&registry, NULL);
	for (unsigned int i = 0; i < READERS; i++)
		quiesce_registry_add(&registry, &heirs[i]);
	assert(quiesce_registry_scan(&registry, 1) == 0);
	quiesce_bp_arena_reset(&arena, NULL);
	for (int i = 0; i < BP_ARENA_STATIC + 2; i++)
		assert(quiesce_bp_arena_get(&arena, true)->alloc == BP_WATCHED);
}

int main(void)
{
	pthread_t thread;
	pid_t pid;

	for (unsigned int i = 1; i <= REGISTRY_INLINE; i++)
		quiesce_registry_add(&registry, &readers[i]);
	arena.used_static = BP_ARENA_STATIC - 1;
	quiesce_bp_arena_get(&arena, true);
	if (pthread_create(&thread, NULL, other, NULL) != 0)
		abort();
	pid = _Fork();
	if (pid == 0) {
		use();
		_exit(0);
	}
	await_child(pid);
	pthread_join(thread, NULL);
	return 0;
}
