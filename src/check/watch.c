/* SPDX-License-Identifier: MIT */
/*
 * A thread that looks for readers that hold up grace periods: sections that do not end, and qsbr's threads that
 * announce no quiescent state.
 */
#include <signal.h>
#include <time.h>

#include "check/check.h"

/* Per flavor: how many wait, and since when none of them has come to an end. Atomically. */
static unsigned long waiting[FLAVORS];
static int64_t since[FLAVORS];
static bool started;

/* Under the lock: the thread, whose word it is, does not end meanwhile. */
static bool is_late(struct thread *thread, enum flavor flavor, int64_t before)
{
	struct thread_flavor *of = &thread->of[flavor];

	if (flavor == FLAVOR_QSBR && of->word && of->word_seen != __atomic_load_n(of->word, __ATOMIC_RELAXED)) {
		of->word_seen = __atomic_load_n(of->word, __ATOMIC_RELAXED);
		__atomic_store_n(&of->since, check_now(), __ATOMIC_RELAXED);
	}
	if (of->stalled || __atomic_load_n(&of->since, __ATOMIC_RELAXED) > before)
		return false;
	if (flavor == FLAVOR_QSBR ? !check_is_online(thread) : !__atomic_load_n(&of->nest, __ATOMIC_RELAXED))
		return false;
	of->stalled = true;
	return true;
}

static void report(struct thread *thread, enum flavor flavor)
{
	struct thread_flavor *of = &thread->of[flavor];

	if (flavor == FLAVOR_QSBR)
		check_report("no-quiescent-state", &of->registered_at, "", NULL,
			     "thread %d, registered here, has announced no quiescent state for %ld ms, and a "
			     "grace period waits for it", thread->tid, check_options.stall);
	else
		check_report("endless-section", &of->entered_at, "registered", &of->registered_at,
			     "thread %d entered a section here, which a grace period has waited for for %ld ms",
			     thread->tid, check_options.stall);
}

static void *watch(void *arg)
{
	const long ms = check_options.stall / 4 + 1;
	const struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };
	int64_t now, last = check_now(), resumed = last - check_options.stall;
	struct thread *thread;
	enum flavor flavor;
	int64_t before;
	bool late;

	pthread_setname_np(pthread_self(), "urcu-check");
	/* Readers tell nobody how long they take: so it looks four times in that time. */
	for (;;) {
		nanosleep(&pause, NULL);
		now = check_now();
		/* It has overslept: the process was stopped, by a debugger or with the machine, and readers with it. */
		if (now - last > 2 * ms + 1000)
			resumed = now;
		last = now;
		before = now - check_options.stall;
		if (resumed > before)
			continue;
		for (flavor = 0; flavor < FLAVORS; flavor++) {
			if (!__atomic_load_n(&waiting[flavor], __ATOMIC_RELAXED) ||
			    __atomic_load_n(&since[flavor], __ATOMIC_RELAXED) > before)
				continue;
			for (thread = __atomic_load_n(&check_threads, __ATOMIC_ACQUIRE); thread;
			     thread = thread->next) {
				check_lock();
				late = thread->used && is_late(thread, flavor, before);
				check_unlock();
				if (late)
					report(thread, flavor);
			}
		}
	}
	return arg;
}

static void start(void)
{
	sigset_t all, last;
	pthread_t thread;

	if (!check_options.stall || __atomic_exchange_n(&started, true, __ATOMIC_RELAXED))
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &last);
	if (pthread_create(&thread, NULL, watch, NULL) == 0)
		pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &last, NULL);
}

void check_watch(enum flavor flavor)
{
	if (__atomic_fetch_add(&waiting[flavor], 1, __ATOMIC_RELAXED) == 0)
		__atomic_store_n(&since[flavor], check_now(), __ATOMIC_RELAXED);
	start();
}

void check_watch_over(enum flavor flavor)
{
	__atomic_store_n(&since[flavor], check_now(), __ATOMIC_RELAXED);
	__atomic_fetch_sub(&waiting[flavor], 1, __ATOMIC_RELAXED);
}

/* The thread is not in the child. What waited is there still, in part. */
void check_watch_child(void)
{
	enum flavor flavor;

	started = false;
	for (flavor = 0; flavor < FLAVORS; flavor++)
		since[flavor] = check_now();
}
