/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check/check.h"

/* The program's own destructors come in the rounds before. The library's own look is in the same. */
#define END_ROUND (PTHREAD_DESTRUCTOR_ITERATIONS - 1)

const char *const check_names[FLAVORS] = { "mb", "memb", "bp", "qsbr" };
struct thread *check_threads;
__thread struct thread *check_own;

/* Has ended: its last destructors are not checked. Begins: a signal handler is not, either. */
static __thread bool ended, begins;
static __thread bool library;
static pthread_key_t key;
static bool has_key;

int64_t check_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void check_end(struct thread *self)
{
	struct place here = { .tid = 0 };
	enum flavor flavor;

	check_place_short(&here, NULL);
	here.depth = 0;
	for (flavor = 0; flavor < FLAVORS; flavor++) {
		struct thread_flavor *of = &self->of[flavor];

		if (of->nest && flavor != FLAVOR_QSBR) {
			here.frames[0] = of->entered_at.frames[0];
			check_report("thread-ends-in-section", &here, "entered", &of->entered_at,
				     "thread %d (%s) ends in a read-side critical section of urcu-%s", self->tid,
				     here.name, check_names[flavor]);
		} else if (of->registered == BY_PROGRAM && flavor != FLAVOR_BP) {
			here.frames[0] = of->registered_at.frames[0];
			check_report("thread-ends-registered", &here, "registered", &of->registered_at,
				     "thread %d (%s) ends without urcu_%s_unregister_thread", self->tid, here.name,
				     check_names[flavor]);
		}
		if (of->between && of->forked) {
			here.frames[0] = of->before_at.frames[0];
			check_report("after-fork-parent-forgotten", &here, "called before_fork", &of->before_at,
				     "thread %d (%s) ends after fork without urcu_%s_call_rcu_after_fork_parent",
				     self->tid, here.name, check_names[flavor]);
		}
	}
}

static void end_thread(void *arg)
{
	struct thread *self = arg;

	if (++self->rounds < END_ROUND && pthread_setspecific(key, self) == 0)
		return;
	self->busy = true;
	check_end(self);
	ended = true;
	check_own = NULL;
	check_lock();
	self->used = false;
	check_unlock();
}

void check_thread_init(void)
{
	has_key = pthread_key_create(&key, end_thread) == 0;
}

/* One that has ended, or a new one. */
static struct thread *find_unused(void)
{
	struct thread *thread;

	for (thread = check_threads; thread; thread = thread->next)
		if (!thread->used) {
			struct thread *next = thread->next;

			memset(thread, 0, sizeof(*thread));
			thread->next = next;
			return thread;
		}
	thread = check_allocate(sizeof(*thread));
	memset(thread, 0, sizeof(*thread));
	thread->next = check_threads;
	__atomic_store_n(&check_threads, thread, __ATOMIC_RELEASE);
	return thread;
}

struct thread *check_self(void)
{
	struct thread *self = check_own;

	if (self)
		return self;
	begins = true;
	check_lock();
	self = find_unused();
	self->tid = gettid();
	self->busy = true;
	self->library = library;
	self->used = true;
	check_unlock();
	check_own = self;
	if (has_key)
		pthread_setspecific(key, self);
	self->busy = false;
	begins = false;
	return self;
}

/* The program's first thread never is, though the library may do something in it before all else. */
void check_is_of_library(void)
{
	if (gettid() == getpid())
		return;
	library = true;
	if (check_own)
		check_own->library = true;
}

bool check_enter(struct thread **self)
{
	if (!has_key || ended || begins)
		return false;
	*self = check_self();
	if ((*self)->busy)
		return false;
	(*self)->busy = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return true;
}

void check_leave(struct thread *self)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	self->busy = false;
}

/*
 * Inlined code is not seen, but the reader's word is, if the library is there: a section may be entered by a call
 * and left by inlined code of another object, or the other way round.
 */
bool check_in_section(struct thread *self, enum flavor flavor)
{
	static struct real ongoing[] REAL_SECTION = {
		[FLAVOR_MB] = { .name = "urcu_mb_read_ongoing" },
		[FLAVOR_MEMB] = { .name = "urcu_memb_read_ongoing" },
		[FLAVOR_BP] = { .name = "urcu_bp_read_ongoing" },
	};
	struct thread_flavor *of = &self->of[flavor];
	int (*is_ongoing)(void);

	if (flavor == FLAVOR_QSBR)
		return of->nest;
	is_ongoing = (int (*)(void))check_find(&ongoing[flavor]);
	if (!is_ongoing)
		return of->nest;
	if (is_ongoing())
		return true;
	if (of->nest) {
		__atomic_store_n(&of->nest, 0, __ATOMIC_RELAXED);
		check_hold_nothing(self);
	}
	return false;
}

bool check_is_online(const struct thread *thread)
{
	const struct thread_flavor *of = &thread->of[FLAVOR_QSBR];

	return __atomic_load_n(&of->registered, __ATOMIC_ACQUIRE) == BY_PROGRAM &&
	       (!of->word || __atomic_load_n(of->word, __ATOMIC_RELAXED) != 0);
}

bool check_in_any_section(struct thread *self)
{
	enum flavor flavor;

	/* What is quickly seen first. */
	for (flavor = 0; flavor < FLAVORS; flavor++)
		if (self->of[flavor].nest && check_in_section(self, flavor))
			return true;
	if (check_is_online(self))
		return true;
	for (flavor = 0; flavor < FLAVORS; flavor++)
		if (check_in_section(self, flavor))
			return true;
	return false;
}

bool check_has_others(struct thread *self)
{
	struct thread *thread;
	bool has = false;

	check_lock();
	for (thread = check_threads; thread && !has; thread = thread->next)
		has = thread != self && thread->used && !thread->library;
	check_unlock();
	return has;
}

/* The child has this thread alone. */
void check_thread_child(void)
{
	struct thread *thread;

	for (thread = check_threads; thread; thread = thread->next)
		if (thread != check_own)
			thread->used = false;
	if (check_own)
		check_own->tid = gettid();
}
