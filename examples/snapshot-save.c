/* SPDX-License-Identifier: MIT */
/* The saver: forks again and again, and checks what the children leave behind. */
#include "snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "snapshot-watch.h"

#define BARE_FORKS 50		/* for the comparison */

static void hooks_before_fork(enum bp_hooks bp_hooks)
{
	(void)bp_hooks;
#ifdef SNAPSHOT_BP
	if (bp_hooks == BP_HOOKS_OUTSIDE)
		urcu_bp_before_fork();
#endif
	call_rcu_before_fork();
#ifdef SNAPSHOT_BP
	if (bp_hooks == BP_HOOKS_INSIDE)
		urcu_bp_before_fork();
#endif
}

static void hooks_after_fork_parent(enum bp_hooks bp_hooks)
{
	(void)bp_hooks;
#ifdef SNAPSHOT_BP
	if (bp_hooks == BP_HOOKS_INSIDE)
		urcu_bp_after_fork_parent();
#endif
	call_rcu_after_fork_parent();
#ifdef SNAPSHOT_BP
	if (bp_hooks == BP_HOOKS_OUTSIDE)
		urcu_bp_after_fork_parent();
#endif
}

static void hooks_after_fork_child(enum bp_hooks bp_hooks)
{
	(void)bp_hooks;
#ifdef SNAPSHOT_BP
	if (bp_hooks == BP_HOOKS_INSIDE)
		urcu_bp_after_fork_child();
#endif
	call_rcu_after_fork_child();
#ifdef SNAPSHOT_BP
	if (bp_hooks == BP_HOOKS_OUTSIDE)
		urcu_bp_after_fork_child();
#endif
}

/* A fork that fails is the parent's affair: after_fork_parent puts everything back. */
pid_t fork_through_hooks(const struct app *app)
{
	pid_t pid;
	int error;

	watch_step(STAGE_BEFORE_FORK);
	hooks_before_fork(app->options.bp_hooks);
	watch_step(STAGE_FORK);
	pid = fork();
	error = errno;
	if (pid == 0) {
		watch_child();
		hooks_after_fork_child(app->options.bp_hooks);
		return 0;
	}
	watch_step(STAGE_AFTER_FORK_PARENT);
	hooks_after_fork_parent(app->options.bp_hooks);
	errno = error;
	return pid;
}

static const char *status_name(int status)
{
	switch (status) {
	case CHILD_NOT_SAVED:
		return "could not write the snapshot";
	case CHILD_INCONSISTENT:
		return "found something wrong";
	case CHILD_HUNG:
		return "hung";
	default:
		return "left with an unknown status";
	}
}

int child_wait(const char *who, pid_t pid, int level)
{
	int status;
	pid_t got;

	watch_stage(STAGE_WAIT_CHILD);
	rcu_thread_offline();
	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	rcu_thread_online();
	if (got < 0)
		fail("waitpid for the %s: %s", who, strerror(errno));
	else if (WIFSIGNALED(status))
		fail("the %s died of %s in %s", who, strsignal(WTERMSIG(status)),
		     watch_where(level));
	else if (WEXITSTATUS(status))
		fail("the %s %s (status %d, in %s)", who, status_name(WEXITSTATUS(status)),
		     WEXITSTATUS(status), watch_where(level));
	else
		return 0;
	return -1;
}

static void sample_add(struct samples *samples, double us)
{
	if (samples->count == samples->room) {
		samples->room = samples->room ? 2 * samples->room : 64;
		samples->us = realloc(samples->us, samples->room * sizeof(*samples->us));
		if (!samples->us)
			die("realloc");
	}
	samples->us[samples->count++] = us;
}

/* What the hooks cost is seen against a fork without them, in the same situation. */
static void bare_fork(struct app *app)
{
	double start;
	pid_t pid;

	store_lock(&app->store);
	start = now_us();
	pid = fork();
	if (pid == 0)
		_exit(0);
	if (pid > 0)
		sample_add(&app->bare_forks, now_us() - start);
	store_unlock(&app->store);
	if (pid > 0)
		child_wait("bare child", pid, watch_level());
}

static struct snapshot_header header_take(const struct store *store, uint64_t sequence)
{
	return (struct snapshot_header) {
		.sequence = sequence,
		.txn = store->txn,
		.count = store->count,
		.version_sum = store->version_sum,
	};
}

/*
 * Fork between two transactions, as the writer lock sees to. The child keeps the lock, and needs it
 * no more: nobody else is there to write.
 */
static pid_t fork_child(struct app *app, struct snapshot_header *header, uint64_t sequence)
{
	double start, pause;
	int error;
	pid_t pid;

	watch_stage(STAGE_LOCK);
	store_lock(&app->store);
	*header = header_take(&app->store, sequence);
	start = now_us();
	pid = fork_through_hooks(app);
	error = errno;
	if (pid == 0)
		exit(child_main(app, header));
	if (pid > 0) {
		pause = now_us() - start;
		sample_add(&app->pauses, pause);
		atomic_store_explicit(&app->last_pause, (unsigned long)pause,
				      memory_order_relaxed);
	}
	store_unlock(&app->store);
	errno = error;
	return pid;
}

static void fork_failed(struct app *app, int error)
{
	static const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };

	if (atomic_fetch_add_explicit(&app->failed_forks, 1, memory_order_relaxed) == 0)
		fprintf(stderr, "snapshot: fork: %s; trying again\n", strerror(error));
	/* The machine is short of something: asking again at once makes it no better. */
	rcu_thread_offline();
	nanosleep(&pause, NULL);
	rcu_thread_online();
}

static int check_snapshot(struct app *app, const struct snapshot_header *header)
{
	int result;

	watch_stage(STAGE_CHECK);
	rcu_thread_offline();
	if (header->sequence == app->options.corrupt &&
	    snapshot_spoil(app->path, header->sequence) != 0)
		fail("spoiling %s: %s", app->path, strerror(errno));
	result = snapshot_check(&app->corpus, header, app->path);
	rcu_thread_online();
	return result;
}

/* 0, 1 if there was nothing to save with, or -1 after a failure. */
static int save(struct app *app, uint64_t sequence)
{
	struct snapshot_header header;
	pid_t pid = fork_child(app, &header, sequence);

	if (pid < 0) {
		fork_failed(app, errno);
		return 1;
	}
	if (child_wait("child", pid, watch_level() + 1) != 0 || check_snapshot(app, &header) != 0)
		return -1;
	atomic_fetch_add_explicit(&app->snapshots, 1, memory_order_relaxed);
	return 0;
}

/* Runs until told to stop, and once at least. A failure ends the run: it would only repeat. */
void *saver_main(void *arg)
{
	struct app *app = arg;
	uint64_t sequence = 1;
	int result;

	rcu_register_thread();
	do {
		result = save(app, sequence);
		if (result == 0)
			sequence++;
		if (result == 0 && app->bare_forks.count < BARE_FORKS)
			bare_fork(app);
	} while (result >= 0 && !atomic_load_explicit(&app->stop, memory_order_relaxed));
	if (result < 0)
		atomic_store_explicit(&app->stop, true, memory_order_relaxed);
	if (result >= 0 && app->options.corrupt >= sequence)
		fail("snapshot %lu was to be spoilt, but was never taken", app->options.corrupt);
	watch_stage(STAGE_RUN);
	rcu_unregister_thread();
	return NULL;
}
