/* SPDX-License-Identifier: MIT */
#include "snapshot-watch.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "snapshot.h"

#define LEVELS 3

static const char *const stage_names[] = {
	[STAGE_NONE] = "nothing yet",
	[STAGE_RUN] = "its run",
	[STAGE_BEFORE_FORK] = "call_rcu_before_fork",
	[STAGE_FORK] = "fork",
	[STAGE_AFTER_FORK_PARENT] = "call_rcu_after_fork_parent",
	[STAGE_AFTER_FORK_CHILD] = "call_rcu_after_fork_child",
	[STAGE_WAIT_CHILD] = "waitpid",
	[STAGE_WRITE] = "writing the snapshot",
	[STAGE_CHECK] = "checking the snapshot",
	[STAGE_CALL_RCU] = "call_rcu",
	[STAGE_BARRIER] = "rcu_barrier",
	[STAGE_THREAD] = "its reader thread",
	[STAGE_LOCK] = "waiting for the writer lock",
	[STAGE_JOIN_READERS] = "joining the readers",
	[STAGE_JOIN_UPDATER] = "joining the updater",
	[STAGE_EXIT] = "exit",
};

static const char *const roles[LEVELS] = { "parent", "child", "grandchild" };

static struct {
	atomic_int stage[LEVELS];
} *shared;

static int own_level;
static unsigned int limit;

static void put(const char *text)
{
	/* Nothing can be done about a failure here. */
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		return;
}

/* Names the levels below too: what the parent waits for is known by its child. */
static void on_alarm(int signal)
{
	(void)signal;
	put("\nsnapshot: watchdog: ");
	put(roles[own_level]);
	put(" hangs in ");
	put(watch_where(own_level));
	for (int level = own_level + 1; level < LEVELS && shared->stage[level]; level++) {
		put(", ");
		put(roles[level]);
		put(" was last in ");
		put(watch_where(level));
	}
	put("\n");
	_exit(CHILD_HUNG);
}

int watch_init(unsigned int seconds)
{
	struct sigaction action = { .sa_handler = on_alarm };
	void *page = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return -1;
	shared = page;
	limit = seconds;
	return sigaction(SIGALRM, &action, NULL);
}

void watch_again(void)
{
	alarm(limit * (LEVELS - own_level));
}

void watch_child(void)
{
	if (own_level < LEVELS - 1)
		own_level++;
	if (own_level < LEVELS - 1)
		shared->stage[own_level + 1] = STAGE_NONE;
	watch_stage(STAGE_AFTER_FORK_CHILD);
}

void watch_step(enum stage stage)
{
	atomic_store_explicit(&shared->stage[own_level], stage, memory_order_relaxed);
}

void watch_stage(enum stage stage)
{
	watch_step(stage);
	watch_again();
}

void watch_stop(void)
{
	alarm(0);
	munmap(shared, sizeof(*shared));
}

int watch_level(void)
{
	return own_level;
}

const char *watch_role(int level)
{
	return roles[level];
}

const char *watch_where(int level)
{
	int stage = atomic_load_explicit(&shared->stage[level], memory_order_relaxed);

	return stage_names[stage];
}
