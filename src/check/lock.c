/* SPDX-License-Identifier: MIT */
/*
 * Who waits for whom. A lock that is taken while another is held, a lock that a section or a callback takes,
 * a wait for readers or callbacks with a lock held: each is an edge. A circle that goes through readers or
 * callbacks is a deadlock, whether it happens this time or not; one of locks alone is others' business
 * (ThreadSanitizer). It is none if one thread alone goes round, or if all who go round hold the same other lock.
 *
 * A lock for reading and writing is two: L, held by a writer, and L + 1, held by readers. A reader waits for the
 * first, a writer for both.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <threads.h>
#include <time.h>

#include "check/check.h"

#define SHIFT 6
#define CHAINS 4096
#define DEEPEST 16
#define GATES 4

/* TAKE_TRY waits for nobody. TAKE_WRITE: of a lock for reading and writing. */
enum take { TAKE, TAKE_TRY, TAKE_WRITE };

struct edge {
	struct node *to;
	unsigned long serial;		/* of to: another is a lock that is gone */
	struct place at;
	bool several;			/* threads made it */
	const void *gates[GATES];	/* locks that were held each time besides; NULL behind the last */
	struct edge *next;
};

/* A lock, or what is waited for: then lock is NULL. Under the lock of check.h; heads of chains atomically. */
struct node {
	const void *lock;
	unsigned long serial;
	struct edge *edges;
	unsigned int visited;		/* 1: without a wait on the way, 2: with one */
	struct node *next, *next_visited;
};

static struct node *chains[CHAINS], waits[FLAVORS][WAITS], *unused_nodes;
static struct edge *unused_edges;
static unsigned long node_count;

static struct node **chain_of(uintptr_t granule)
{
	return &chains[(uint64_t)granule * 0x9e3779b97f4a7c15ULL >> 52];
}

static struct node *node_of(const void *lock)
{
	struct node **chain = chain_of((uintptr_t)lock >> SHIFT), *node;

	for (node = *chain; node; node = node->next)
		if (node->lock == lock)
			return node;
	node = unused_nodes;
	if (node) {
		unused_nodes = node->next;
	} else {
		node = check_allocate(sizeof(*node));
		memset(node, 0, sizeof(*node));
	}
	node->lock = lock;
	node->next = *chain;
	__atomic_store_n(chain, node, __ATOMIC_RELAXED);
	__atomic_store_n(&node_count, node_count + 1, __ATOMIC_RELAXED);
	return node;
}

/* ---- Circles ---- */

struct path {
	struct node *goal, *visited;
	const struct edge *added, *edges[DEEPEST];
	unsigned int length;
};

/* Those of both, into the first. True if that had others. */
static bool intersect(const void *gates[GATES], const void *const others[GATES])
{
	unsigned int i, j, left = 0;
	bool less = false;

	for (i = 0; i < GATES && gates[i]; i++) {
		for (j = 0; j < GATES && others[j] && others[j] != gates[i]; j++)
			continue;
		if (j < GATES && others[j])
			gates[left++] = gates[i];
		else
			less = true;
	}
	for (; left < GATES; left++)
		gates[left] = NULL;
	return less;
}

static bool is_deadlock(struct path *path, unsigned int length)
{
	bool alone = !path->added->several;
	const void *gates[GATES];
	unsigned int i;

	memcpy(gates, path->added->gates, sizeof(gates));
	for (i = 0; i < length; i++) {
		const struct edge *edge = path->edges[i];

		/* Between callbacks and what they wait for it is always there. */
		if (!edge->at.tid)
			continue;
		alone &= !edge->several && edge->at.tid == path->added->at.tid;
		intersect(gates, edge->gates);
	}
	path->length = length;
	return !alone && !gates[0];
}

static bool search(struct path *path, struct node *node, unsigned int depth, bool through_wait)
{
	const struct edge *edge;
	unsigned int visit;

	through_wait |= !node->lock;
	visit = through_wait ? 2 : 1;
	if (node == path->goal)
		return through_wait && is_deadlock(path, depth);
	if ((node->visited & visit) || depth == DEEPEST)
		return false;
	if (!node->visited) {
		node->next_visited = path->visited;
		path->visited = node;
	}
	node->visited |= visit;
	for (edge = node->edges; edge; edge = edge->next) {
		if (edge->serial != edge->to->serial)
			continue;
		path->edges[depth] = edge;
		if (search(path, edge->to, depth + 1, through_wait))
			return true;
	}
	return false;
}

/* The circle that the new edge closes: where it was begun. */
static const struct edge *find_circle(struct node *from, const struct edge *added)
{
	struct path path = { .goal = from, .added = added };
	bool found = search(&path, added->to, 0, !from->lock);
	unsigned int i;

	for (; path.visited; path.visited = path.visited->next_visited)
		path.visited->visited = 0;
	for (i = 0; found && i < path.length; i++)
		if (path.edges[i]->at.tid)
			return path.edges[i];
	return NULL;
}

/* The edge, if there is one. Those to locks that are gone go. */
static struct edge *find_edge(struct node *from, const struct node *to)
{
	struct edge **at = &from->edges, *edge;

	while ((edge = *at)) {
		if (edge->serial != edge->to->serial) {
			*at = edge->next;
			edge->next = unused_edges;
			unused_edges = edge;
			continue;
		}
		if (edge->to == to)
			return edge;
		at = &edge->next;
	}
	return NULL;
}

static struct edge *new_edge(struct node *from, struct node *to, void *pc)
{
	struct edge *edge = unused_edges;

	if (edge)
		unused_edges = edge->next;
	else
		edge = check_allocate(sizeof(*edge));
	memset(edge, 0, sizeof(*edge));
	edge->to = to;
	edge->serial = to->serial;
	check_place(&edge->at, pc);
	edge->next = from->edges;
	from->edges = edge;
	return edge;
}

/* Both are held or waited for by the thread, and all the other locks that it holds against all others are gates. */
static void find_gates(const struct thread *self, const void *from, const void *to, const void *gates[GATES])
{
	unsigned int i, count = 0;

	memset(gates, 0, GATES * sizeof(*gates));
	for (i = 0; i < self->held && i < HELD_LOCKS && count < GATES; i++)
		if (!self->lock[i].shared && self->lock[i].lock != from && self->lock[i].lock != to)
			gates[count++] = self->lock[i].lock;
}

/* True: a circle, and *other is where it was begun. */
static bool add_edge(const struct thread *self, struct node *from, struct node *to, void *pc, struct place *here,
		     struct place *other)
{
	struct edge *edge = find_edge(from, to);
	const struct edge *begun;
	const void *gates[GATES];

	find_gates(self, from->lock, to->lock, gates);
	if (!edge) {
		edge = new_edge(from, to, pc);
		memcpy(edge->gates, gates, sizeof(gates));
	} else {
		bool more = !edge->several && edge->at.tid != self->tid;

		edge->several |= more;
		if (!intersect(edge->gates, gates) && !more)
			return false;
	}
	begun = find_circle(from, edge);
	if (!begun)
		return false;
	check_place(here, pc);
	*other = begun->at;
	return true;
}

static void init_waits(void)
{
	static struct edge fixed[FLAVORS][2];
	enum flavor flavor;

	if (fixed[0][0].to)
		return;
	for (flavor = 0; flavor < FLAVORS; flavor++) {
		fixed[flavor][0].to = &waits[flavor][WAIT_READERS];
		fixed[flavor][0].next = &fixed[flavor][1];
		fixed[flavor][1].to = &waits[flavor][WAIT_CALLBACK];
		waits[flavor][WAIT_CALLBACKS].edges = &fixed[flavor][0];
	}
}

static struct node *node_of_held(const struct held_lock *held)
{
	return node_of((const char *)held->lock + held->shared);
}

void check_wait(struct thread *self, enum flavor flavor, enum wait wait, const char *function, void *pc)
{
	struct place here, other;
	const void *lock = NULL;
	unsigned int i;

	check_lock();
	init_waits();
	for (i = 0; i < self->held && i < HELD_LOCKS && !lock; i++)
		if (add_edge(self, node_of_held(&self->lock[i]), &waits[flavor][wait], pc, &here, &other))
			lock = self->lock[i].lock;
	check_unlock();
	if (lock)
		check_report("deadlock", &here, "the lock is taken there, where this call waits for who takes it",
			     &other, "%s with the lock %p held", function, lock);
}

static bool holds(const struct thread *self, const void *lock)
{
	unsigned int i;

	for (i = 0; i < self->held && i < HELD_LOCKS; i++)
		if (self->lock[i].lock == lock)
			return true;
	return false;
}

/* Edges to a lock that is about to be waited for. Under the lock. */
static bool add_edges(struct thread *self, struct node *node, void *pc, struct place *here, struct place *other)
{
	enum flavor flavor;
	bool circle = false;
	unsigned int i;

	for (flavor = 0; flavor < FLAVORS; flavor++) {
		const struct thread_flavor *of = &self->of[flavor];
		bool reads = of->nest || (flavor == FLAVOR_QSBR && check_is_online(self));

		if (reads && !circle)
			circle = add_edge(self, &waits[flavor][WAIT_READERS], node, pc, here, other);
		if (of->callbacks && !circle)
			circle = add_edge(self, &waits[flavor][WAIT_CALLBACK], node, pc, here, other);
	}
	for (i = 0; i < self->held && i < HELD_LOCKS && !circle; i++)
		circle = add_edge(self, node_of_held(&self->lock[i]), node, pc, here, other);
	return circle;
}

static void before_lock(struct thread *self, const void *lock, enum take take, void *pc)
{
	struct place here, other;
	bool circle;

	/* Taken once more it is not waited for. */
	if (take == TAKE_TRY || holds(self, lock))
		return;
	check_lock();
	init_waits();
	circle = add_edges(self, node_of(lock), pc, &here, &other);
	if (take == TAKE_WRITE && !circle)
		circle = add_edges(self, node_of((const char *)lock + 1), pc, &here, &other);
	check_unlock();
	if (circle)
		check_report("deadlock", &here, "there it is held, or one is that it waits for", &other,
			     "the lock %p is taken where a grace period or a barrier waits for who takes it, "
			     "and held where that is waited for", lock);
}

static bool is_of_interest(const struct thread *self)
{
	enum flavor flavor;

	if (self->held || self->callback)
		return true;
	for (flavor = 0; flavor < FLAVORS; flavor++)
		if (self->of[flavor].nest || (flavor == FLAVOR_QSBR && self->of[flavor].registered == BY_PROGRAM))
			return true;
	return false;
}

static void locked(struct thread *self, const void *lock, bool shared)
{
	if (self->held < HELD_LOCKS)
		self->lock[self->held] = (struct held_lock){ lock, shared };
	self->held++;
}

/* Beyond HELD_LOCKS they are counted alone. */
static void unlocked(struct thread *self, const void *lock)
{
	unsigned int i = self->held < HELD_LOCKS ? self->held : HELD_LOCKS;

	while (i && self->lock[i - 1].lock != lock)
		i--;
	if (i == 0 && self->held <= HELD_LOCKS)
		return;
	self->held--;
	if (i)
		memmove(&self->lock[i - 1], &self->lock[i], (HELD_LOCKS - i) * sizeof(*self->lock));
}

/* A lock whose memory is freed, or that is made or destroyed. Edges to it are found to be stale by its serial. */
static void forget(struct node **at)
{
	struct node *node = *at;
	struct edge *edge;

	while ((edge = node->edges)) {
		node->edges = edge->next;
		edge->next = unused_edges;
		unused_edges = edge;
	}
	__atomic_store_n(at, node->next, __ATOMIC_RELAXED);
	__atomic_store_n(&node_count, node_count - 1, __ATOMIC_RELAXED);
	node->serial++;
	node->next = unused_nodes;
	unused_nodes = node;
}

static void forget_in(struct node **at, const char *start, const char *end)
{
	while (*at)
		if ((const char *)(*at)->lock >= start && (const char *)(*at)->lock < end)
			forget(at);
		else
			at = &(*at)->next;
}

bool check_may_have_locks(const void *start, size_t size)
{
	uintptr_t granule = (uintptr_t)start >> SHIFT, last = ((uintptr_t)start + size - 1) >> SHIFT;

	if (size == 0 || !__atomic_load_n(&node_count, __ATOMIC_RELAXED))
		return false;
	if (last - granule >= CHAINS)
		return true;
	for (; granule <= last; granule++)
		if (__atomic_load_n(chain_of(granule), __ATOMIC_RELAXED))
			return true;
	return false;
}

void check_locks_gone(const void *start, size_t size)
{
	uintptr_t granule = (uintptr_t)start >> SHIFT, last = ((uintptr_t)start + size - 1) >> SHIFT;
	const char *end = (const char *)start + size;
	size_t i;

	if (!check_may_have_locks(start, size))
		return;
	if (last - granule < CHAINS) {
		for (; granule <= last; granule++)
			forget_in(chain_of(granule), start, end);
		return;
	}
	for (i = 0; i < CHAINS; i++)
		forget_in(&chains[i], start, end);
}

/* ---- The functions ---- */

static struct thread *before(const void *lock, enum take take, void *pc)
{
	struct thread *self;

	if (check_from_library(pc) || !check_enter(&self))
		return NULL;
	if (is_of_interest(self))
		before_lock(self, lock, take, pc);
	check_leave(self);
	return self;
}

/* error: what the function that takes it has returned. */
static int taken(struct thread *self, const void *lock, bool shared, int error)
{
	if (self && (error == 0 || error == EOWNERDEAD)) {
		self->busy = true;
		locked(self, lock, shared);
		check_leave(self);
	}
	return error;
}

static void given_back(const void *lock, void *pc)
{
	struct thread *self;

	if (check_from_library(pc) || !check_enter(&self))
		return;
	unlocked(self, lock);
	check_leave(self);
}

static void anew(const void *lock, size_t size, void *pc)
{
	struct thread *self;

	if (check_from_library(pc) || !check_may_have_locks(lock, size) || !check_enter(&self))
		return;
	check_lock();
	check_locks_gone(lock, size);
	check_unlock();
	check_leave(self);
}

#define ADDRESS(lock) ((const void *)(uintptr_t)(lock))

#define TAKES(name, TYPE, take, shared)							\
EXPORT int name(TYPE *lock)								\
{											\
	struct thread *self = before(ADDRESS(lock), take, CALLER);			\
											\
	return taken(self, ADDRESS(lock), shared, REAL(name)(lock));			\
}

/* With a time: who waits is not held up for ever, but longer than was meant. */
#define TAKES_UNTIL(name, TYPE, take, shared)						\
EXPORT int name(TYPE *restrict lock, const struct timespec *restrict until)		\
{											\
	struct thread *self = before(ADDRESS(lock), take, CALLER);			\
											\
	return taken(self, ADDRESS(lock), shared, REAL(name)(lock, until));		\
}

#define TAKES_BY_CLOCK(name, TYPE, take, shared)					\
EXPORT int name(TYPE *restrict lock, clockid_t id, const struct timespec *restrict until) \
{											\
	struct thread *self = before(ADDRESS(lock), take, CALLER);			\
											\
	return taken(self, ADDRESS(lock), shared, REAL(name)(lock, id, until));		\
}

#define GIVES_BACK(name, TYPE)								\
EXPORT int name(TYPE *lock)								\
{											\
	given_back(ADDRESS(lock), CALLER);						\
	return REAL(name)(lock);							\
}

#define MAKES(name, TYPE, ATTRIBUTE)							\
EXPORT int name(TYPE *lock, ATTRIBUTE attribute)					\
{											\
	anew(ADDRESS(lock), sizeof(*lock), CALLER);					\
	return REAL(name)(lock, attribute);						\
}

#define DESTROYS(name, TYPE)								\
EXPORT int name(TYPE *lock)								\
{											\
	anew(ADDRESS(lock), sizeof(*lock), CALLER);					\
	return REAL(name)(lock);							\
}

TAKES(pthread_mutex_lock, pthread_mutex_t, TAKE, false)
TAKES(pthread_mutex_trylock, pthread_mutex_t, TAKE_TRY, false)
TAKES_UNTIL(pthread_mutex_timedlock, pthread_mutex_t, TAKE, false)
TAKES_BY_CLOCK(pthread_mutex_clocklock, pthread_mutex_t, TAKE, false)
GIVES_BACK(pthread_mutex_unlock, pthread_mutex_t)
MAKES(pthread_mutex_init, pthread_mutex_t, const pthread_mutexattr_t *)
DESTROYS(pthread_mutex_destroy, pthread_mutex_t)

TAKES(pthread_rwlock_rdlock, pthread_rwlock_t, TAKE, true)
TAKES(pthread_rwlock_tryrdlock, pthread_rwlock_t, TAKE_TRY, true)
TAKES_UNTIL(pthread_rwlock_timedrdlock, pthread_rwlock_t, TAKE, true)
TAKES_BY_CLOCK(pthread_rwlock_clockrdlock, pthread_rwlock_t, TAKE, true)
TAKES(pthread_rwlock_wrlock, pthread_rwlock_t, TAKE_WRITE, false)
TAKES(pthread_rwlock_trywrlock, pthread_rwlock_t, TAKE_TRY, false)
TAKES_UNTIL(pthread_rwlock_timedwrlock, pthread_rwlock_t, TAKE_WRITE, false)
TAKES_BY_CLOCK(pthread_rwlock_clockwrlock, pthread_rwlock_t, TAKE_WRITE, false)
GIVES_BACK(pthread_rwlock_unlock, pthread_rwlock_t)
MAKES(pthread_rwlock_init, pthread_rwlock_t, const pthread_rwlockattr_t *)
DESTROYS(pthread_rwlock_destroy, pthread_rwlock_t)

TAKES(pthread_spin_lock, pthread_spinlock_t, TAKE, false)
TAKES(pthread_spin_trylock, pthread_spinlock_t, TAKE_TRY, false)
GIVES_BACK(pthread_spin_unlock, pthread_spinlock_t)
MAKES(pthread_spin_init, pthread_spinlock_t, int)
DESTROYS(pthread_spin_destroy, pthread_spinlock_t)

/* thrd_success is 0. The C library does not call the above for these. */
TAKES(mtx_lock, mtx_t, TAKE, false)
TAKES(mtx_trylock, mtx_t, TAKE_TRY, false)
TAKES_UNTIL(mtx_timedlock, mtx_t, TAKE, false)
GIVES_BACK(mtx_unlock, mtx_t)
MAKES(mtx_init, mtx_t, int)

EXPORT void mtx_destroy(mtx_t *lock)
{
	anew(lock, sizeof(*lock), CALLER);
	REAL(mtx_destroy)(lock);
}
