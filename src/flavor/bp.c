/* SPDX-License-Identifier: MIT */
#define URCU_NO_INLINE
#include <limits.h>
#include <signal.h>
#include <stddef.h>

#include <urcu/urcu-bp.h>

#include "flavor/bp-arena.h"
#include "system/system.h"
#include "flavor/exports.h"
#include "flavor/observed.h"
#include "system/sanitize.h"

FLAVOR_READER_CHECK(struct urcu_bp_reader);

struct urcu_bp_gp urcu_bp_gp = { .ctr = GP_FIRST };
_Static_assert(offsetof(struct urcu_bp_gp, ctr) == offsetof(struct urcu_gp, ctr) &&
	       offsetof(struct urcu_bp_gp, futex) == offsetof(struct urcu_gp, futex) &&
	       sizeof(struct urcu_bp_gp) == sizeof(struct urcu_gp), "one layout, two names");

/*
 * The only thread-local word: in each dlmopen namespace glibc gives it 8 bytes of a reserve of which its
 * own C library takes 144, and with more fewer namespaces would fit in than without bp.
 */
QUIESCE_TLS struct urcu_bp_reader *urcu_bp_reader;
int urcu_bp_has_sys_membarrier;

static struct bp_arena arena = BP_ARENA_INIT;

/* Unregisters threads as they end. Made by init, deleted at exit. */
static pthread_key_t thread_end;
static bool has_thread_end;	/* set atomically */

static struct reader *self(void)
{
	return (struct reader *)urcu_bp_reader;
}

/* The slot of one whose end is not seen may outlive it. */
static bool thread(const struct reader *reader, pthread_t *thread)
{
	const struct urcu_bp_reader *slot = (const struct urcu_bp_reader *)reader;

	*thread = slot->tid;
	return slot->alloc == BP_WATCHED;
}

static struct own_calls *own_calls(void)
{
	/* Constant: only those who are registered write. */
	static const struct own_calls stranger;

	return urcu_bp_reader ? &quiesce_bp_slot(urcu_bp_reader)->own : (struct own_calls *)&stranger;
}

static bool watch_end(void)
{
	return urcu_bp_reader->alloc == BP_WATCHED;
}

static void open_window(struct urcu_free_window *window)
{
	urcu_bp_reader->window = window;
}

static void child(void)
{
	quiesce_bp_arena_reset(&arena, urcu_bp_reader);
}

static const struct reader_calls reader_calls = {
	FLAVOR_READER_CALLS(bp),
	.attend = urcu_bp_register,
};

FLAVOR_CALLS(bp);

struct flavor quiesce_bp = {
	FLAVOR_INIT(bp),
	.engine.domain.gp = (struct urcu_gp *)&urcu_bp_gp,
	.engine.domain.has_membarrier = &urcu_bp_has_sys_membarrier,
	.engine.child = child,
};

/*
 * Whether the thread's end can be seen. Acquire: the key is there. It must not allocate, for the
 * handler's sake, and because an allocator may have a section in it.
 */
static bool can_watch(void)
{
	return __atomic_load_n(&has_thread_end, __ATOMIC_ACQUIRE) && thread_end < KEYS_WITH_ROOM;
}

/*
 * A signal handler may enter a section of its own at any instruction. With signals blocked it
 * cannot meet this thread half registered, or holding the arena's or the registry's lock: whoever
 * takes those later in this thread (a grace period) is registered before (attend).
 */
static void register_blocked(void)
{
	bool watched = can_watch();
	struct urcu_bp_reader *reader;

	quiesce_fork_claim(&quiesce_bp.engine.workers);
	reader = quiesce_bp_arena_get(&arena, watched);
	/* Release: the sections of the dead thread whose slot it was are over, if it was in one. */
	__atomic_store_n(&reader->ctr, 0, __ATOMIC_RELEASE);
	if (!reader->slot)
		quiesce_flavor_register(&quiesce_bp, (struct reader *)reader);
	quiesce_delay();
	urcu_bp_reader = reader;
	/* At exit the key may be deleted meanwhile (EINVAL): then nobody needs it. */
	if (watched)
		pthread_setspecific(thread_end, reader);
}

void urcu_bp_register(void)
{
	sigset_t all, before;

	if (urcu_bp_reader)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!urcu_bp_reader)
		register_blocked();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void leave(struct urcu_bp_reader *reader)
{
	sigset_t all, before;

	quiesce_fork_claim(&quiesce_bp.engine.workers);
	if (quiesce_fork_is_between(&quiesce_bp.engine))
		quiesce_fork_forgotten(&quiesce_bp.engine, "ended");
	quiesce_free_end(&quiesce_bp.engine.workers);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	urcu_bp_reader = NULL;
	quiesce_delay();
	quiesce_flavor_unregister(&quiesce_bp, (struct reader *)reader);
	quiesce_delay();
	quiesce_bp_arena_put(&arena, reader);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/*
 * A later destructor of the thread may enter a section again, and then this one runs again. What the
 * thread set, a worker or a queue of deferred calls, is there for the program's destructors in the rounds
 * before, and so is the hook that it owes.
 */
static void end_thread(void *arg)
{
	struct bp_slot *slot = quiesce_bp_slot(arg);
	bool owes = slot->own.worker || slot->own.defer || quiesce_fork_is_between(&quiesce_bp.engine);

	if (owes && ++slot->destructors < THREAD_END_ROUND &&
	    pthread_setspecific(thread_end, arg) == 0)
		return;
	leave(arg);
}

void urcu_bp_read_lock(void)
{
	_urcu_bp_read_lock();
}

void urcu_bp_read_unlock(void)
{
	if (URCU_TLS(urcu_bp_reader))
		quiesce_tell_release(&URCU_TLS(urcu_bp_reader)->ctr);
	_urcu_bp_read_unlock();
}

int urcu_bp_read_ongoing(void)
{
	return _urcu_bp_read_ongoing();
}

/* Old binaries call these in place of the ones without a flavor, src/flavor/pointer.c. */
void *urcu_bp_dereference_sym(void *p)
{
	return rcu_dereference_sym(p);
}

void *urcu_bp_set_pointer_sym(void **p, void *v)
{
	return rcu_set_pointer_sym(p, v);
}

void *urcu_bp_xchg_pointer_sym(void **p, void *v)
{
	return rcu_xchg_pointer_sym(p, v);
}

void *urcu_bp_cmpxchg_pointer_sym(void **p, void *old, void *_new)
{
	return rcu_cmpxchg_pointer_sym(p, old, _new);
}

void urcu_bp_register_thread(void)
{
	urcu_bp_register();
}

void urcu_bp_before_fork(void)
{
	quiesce_fork_registry_before(&quiesce_bp.engine);
}

void urcu_bp_after_fork_parent(void)
{
	quiesce_fork_registry_parent(&quiesce_bp.engine);
}

void urcu_bp_after_fork_child(void)
{
	quiesce_fork_registry_child(&quiesce_bp.engine);
}

__attribute__((constructor))
static void begin(void)
{
	quiesce_flavor_init(&quiesce_bp);
	if (pthread_key_create(&thread_end, end_thread) == 0)
		__atomic_store_n(&has_thread_end, true, __ATOMIC_RELEASE);
}

/*
 * The exiting thread's own slot goes last: its end_thread would come too late. The key goes in a child
 * too that was forked without the hooks, whose thread may end when our code is not there any more.
 */
__attribute__((destructor))
static void end(void)
{
	bool usable = quiesce_exit_end(&quiesce_bp.engine);
	sigset_t all, before;

	if (__atomic_exchange_n(&has_thread_end, false, __ATOMIC_ACQUIRE))
		pthread_key_delete(thread_end);
	/* What is mapped is to be unmapped; all else is the library's own memory. */
	if (!usable || !__atomic_load_n(&arena.chunks, __ATOMIC_RELAXED))
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (urcu_bp_reader && !_urcu_bp_read_ongoing())
		leave(urcu_bp_reader);
	quiesce_bp_arena_trim(&arena);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

FLAVOR_EXPORTS(bp)

/* What bp has no use for is inline in urcu/urcu-bp.h, and here for old binaries' sake as well. */
FLAVOR_TABLE(bp);
FLAVOR_OBSERVED(bp, struct urcu_bp_reader, false);
