/* SPDX-License-Identifier: MIT */
/*
 * Who waits for whom. A lock that is taken while another is held, a lock that a section or a callback takes,
 * a wait for readers or callbacks with a lock held: each is an edge. A circle that goes through readers or
 * callbacks is a deadlock, whether it happens this time or not; one of locks alone is others' business
 * (ThreadSanitizer).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "check/check.h"

#define CHAINS 4096
#define DEEPEST 16

struct edge {
	struct node *to;
	struct place at;
	bool several;		/* threads made it */
	struct edge *next;
};

/* A lock, or what is waited for: then lock is NULL. Under the lock of check.h. */
struct node {
	const void *lock;
	struct edge *edges;
	bool visited;
	struct node *next, *next_visited;
};

static struct node *chains[CHAINS], waits[FLAVORS][WAITS];
static unsigned long node_count;

static struct node **chain_of(const void *lock)
{
	return &chains[((uintptr_t)lock >> 3) * 0x9e3779b97f4a7c15UL >> 52];
}

static struct node *node_of(const void *lock)
{
	struct node **chain = chain_of(lock), *node;

	for (node = *chain; node; node = node->next)
		if (node->lock == lock)
			return node;
	node = check_allocate(sizeof(*node));
	memset(node, 0, sizeof(*node));
	node->lock = lock;
	node->next = *chain;
	*chain = node;
	node_count++;
	return node;
}

/* ---- Circles ---- */

struct path {
	struct node *goal, *visited;
	const struct edge *edges[DEEPEST];
	unsigned int length;
	bool through_wait;
};

static bool search(struct path *path, struct node *node, unsigned int depth, bool through_wait)
{
	const struct edge *edge;

	through_wait |= !node->lock;
	if (node == path->goal) {
		path->length = depth;
		path->through_wait = through_wait;
		return through_wait;
	}
	if (node->visited || depth == DEEPEST)
		return false;
	node->visited = true;
	node->next_visited = path->visited;
	path->visited = node;
	for (edge = node->edges; edge; edge = edge->next) {
		path->edges[depth] = edge;
		if (search(path, edge->to, depth + 1, through_wait))
			return true;
	}
	return false;
}

/* The circle that the new edge closes: one that a thread makes alone is none, for it waits in one place. */
static const struct edge *find_circle(struct node *from, const struct edge *added)
{
	struct path path = { .goal = from };
	const struct edge *other = NULL;
	bool alone = !added->several;
	unsigned int i;
	bool found = search(&path, added->to, 0, !from->lock);

	for (; path.visited; path.visited = path.visited->next_visited)
		path.visited->visited = false;
	if (!found)
		return NULL;
	for (i = 0; i < path.length; i++) {
		const struct edge *edge = path.edges[i];

		/* Between callbacks and what they wait for it is always there. */
		if (!edge->at.tid)
			continue;
		alone &= !edge->several && edge->at.tid == added->at.tid;
		if (!other)
			other = edge;
	}
	return alone ? NULL : other;
}

/* True: a circle, and *other is where it was begun. */
static bool add_edge(struct node *from, struct node *to, void *pc, struct place *here, struct place *other)
{
	const struct edge *begun;
	struct edge *edge;
	pid_t tid = check_own->tid;

	for (edge = from->edges; edge && edge->to != to; edge = edge->next)
		continue;
	if (edge && (edge->several || edge->at.tid == tid))
		return false;
	if (!edge) {
		edge = check_allocate(sizeof(*edge));
		memset(edge, 0, sizeof(*edge));
		edge->to = to;
		check_place(&edge->at, pc);
		edge->next = from->edges;
		from->edges = edge;
	} else {
		edge->several = true;
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

void check_wait(struct thread *self, enum flavor flavor, enum wait wait, const char *function, void *pc)
{
	struct place here, other;
	const void *lock = NULL;
	unsigned int i;

	check_lock();
	init_waits();
	for (i = 0; i < self->held && i < HELD_LOCKS && !lock; i++)
		if (add_edge(node_of(self->lock[i].lock), &waits[flavor][wait], pc, &here, &other))
			lock = self->lock[i].lock;
	check_unlock();
	if (lock)
		check_report("deadlock", &here, "the lock is taken there, where this call waits for who takes it",
			     &other, "%s with the lock %p held", function, lock);
}

/* About to wait for a lock. */
static void before_lock(struct thread *self, const void *lock, void *pc)
{
	struct place here, other;
	enum flavor flavor;
	bool circle = false;
	struct node *node;
	unsigned int i;

	check_lock();
	init_waits();
	node = node_of(lock);
	for (flavor = 0; flavor < FLAVORS; flavor++) {
		const struct thread_flavor *of = &self->of[flavor];
		bool reads = of->nest || (flavor == FLAVOR_QSBR && check_is_online(self));

		if (reads && !circle)
			circle = add_edge(&waits[flavor][WAIT_READERS], node, pc, &here, &other);
		if (of->callbacks && !circle)
			circle = add_edge(&waits[flavor][WAIT_CALLBACK], node, pc, &here, &other);
	}
	for (i = 0; i < self->held && i < HELD_LOCKS && !circle; i++)
		if (self->lock[i].lock != lock)
			circle = add_edge(node_of(self->lock[i].lock), node, pc, &here, &other);
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

static void locked(struct thread *self, const void *lock, void *pc)
{
	if (self->held < HELD_LOCKS)
		self->lock[self->held] = (struct held_lock){ lock, pc };
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

/* A lock whose memory is freed, or that is destroyed: edges to it are left, and lead nowhere. */
static void forget(struct node *node)
{
	node->edges = NULL;
	node->lock = node;
}

void check_locks_gone(const void *start, size_t size)
{
	const char *from = start;
	struct node **at, *node;
	size_t i, offset;

	if (!node_count)
		return;
	if (size <= 4096) {
		for (offset = 0; offset < size; offset += 8)
			for (node = *chain_of(from + offset); node; node = node->next)
				if (node->lock == from + offset)
					forget(node);
		return;
	}
	for (i = 0; i < CHAINS; i++)
		for (at = &chains[i]; *at; at = &(*at)->next)
			if ((const char *)(*at)->lock >= from && (const char *)(*at)->lock < from + size)
				forget(*at);
}

/* ---- The functions ---- */

#define TAKE(CALL, LOCK, WAITS_FOR_IT)						\
	struct thread *self;							\
	int result;								\
										\
	if (check_from_library(CALLER) || !check_enter(&self))			\
		return CALL;							\
	if ((WAITS_FOR_IT) && is_of_interest(self))				\
		before_lock(self, LOCK, CALLER);				\
	check_leave(self);							\
	result = CALL;								\
	if (result == 0 || result == EOWNERDEAD)				\
		locked(self, LOCK, CALLER);					\
	return result

#define GIVE_BACK(CALL, LOCK)							\
	struct thread *self;							\
										\
	if (!check_from_library(CALLER) && check_enter(&self)) {		\
		unlocked(self, LOCK);						\
		check_leave(self);						\
	}									\
	return CALL

#define DESTROY(CALL, LOCK)							\
	struct thread *self;							\
										\
	if (!check_from_library(CALLER) && check_enter(&self)) {		\
		check_lock();							\
		check_locks_gone(LOCK, sizeof(*(LOCK)));			\
		check_unlock();							\
		check_leave(self);						\
	}									\
	return CALL

EXPORT int pthread_mutex_lock(pthread_mutex_t *mutex)
{
	TAKE(REAL(pthread_mutex_lock)(mutex), mutex, true);
}

EXPORT int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex, const struct timespec *restrict until)
{
	TAKE(REAL(pthread_mutex_timedlock)(mutex, until), mutex, true);
}

EXPORT int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	TAKE(REAL(pthread_mutex_trylock)(mutex), mutex, false);
}

EXPORT int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	GIVE_BACK(REAL(pthread_mutex_unlock)(mutex), mutex);
}

EXPORT int pthread_mutex_destroy(pthread_mutex_t *mutex)
{
	DESTROY(REAL(pthread_mutex_destroy)(mutex), mutex);
}

EXPORT int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
	TAKE(REAL(pthread_rwlock_rdlock)(lock), lock, true);
}

EXPORT int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
	TAKE(REAL(pthread_rwlock_wrlock)(lock), lock, true);
}

EXPORT int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
	TAKE(REAL(pthread_rwlock_tryrdlock)(lock), lock, false);
}

EXPORT int pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
	TAKE(REAL(pthread_rwlock_trywrlock)(lock), lock, false);
}

EXPORT int pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
	GIVE_BACK(REAL(pthread_rwlock_unlock)(lock), lock);
}

EXPORT int pthread_rwlock_destroy(pthread_rwlock_t *lock)
{
	DESTROY(REAL(pthread_rwlock_destroy)(lock), lock);
}
