/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A stack for many producers: push is wait-free, one atomic exchange and one store.
 *
 * The stack comes in two kinds, and wherever a function takes a cds_wfs_stack_ptr_t, either does:
 *   struct cds_wfs_stack    carries a mutex, for the functions that exclude consumers themselves
 *   struct __cds_wfs_stack  carries none; the program excludes them
 *
 * Which calls the program must keep apart (X) when they may meet on one stack:
 *
 *                  push, empty   pop   pop_all   first, next, for_each
 *   push, empty         -         -       -               -
 *   pop                 -         X       X               -
 *   pop_all             -         X       -               -
 *
 * Pop is exposed to ABA: between its look at the top and its exchange the same node may be popped
 * and pushed again. Any one of these answers an X:
 *   - the mutex: the cds_wfs_*_blocking forms take it, cds_wfs_pop_lock() holds it around the
 *     __cds_wfs_* forms;
 *   - only one thread ever pops;
 *   - pop runs in a read-side critical section, and a node that was popped, or that was in a list
 *     popped as a whole, is pushed again or freed only after a grace period.
 * first, next and for_each walk a list that pop_all returned, which nobody else can reach.
 *
 * Blocking and non-blocking: a producer takes its place by the exchange and links it a moment
 * later. Between the two the nodes below it cannot be reached. A consumer that meets such a gap
 * waits for the link (spins, then yields; see urcu/static/link-wait.h), or, in the non-blocking
 * forms, returns "would block".
 *
 * Where: all of it may be used inside a read-side critical section and in call_rcu callbacks.
 * Push, empty, __cds_wfs_pop_all and the non-blocking forms may be called in signal handlers; a
 * blocking form there may wait for ever for the producer it interrupted.
 * After a fork, a stack that other threads were using may hold a gap that nobody will close and a
 * mutex that nobody will release: the child must initialise it anew before it uses it.
 *
 * Ordering: all that a thread did before it pushed a node happens before what another does after
 * it got that node, by whichever function. The exchange in push is sequentially consistent; a
 * caller that afterwards reads a flag to decide whether to wake a consumer reads it with
 * CMM_SEQ_CST, or behind cmm_smp_mb().
 */

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <urcu/compiler.h>

_URCU_EXTERN_C_BEGIN

/* What non-blocking forms return in place of a node when they would have to wait for a link. */
#define CDS_WFS_WOULDBLOCK _urcu_cast(struct cds_wfs_node *, -1UL)

enum cds_wfs_state {
	CDS_WFS_STATE_LAST = (1U << 0),
};

/* To be embedded in the program's own structure. */
struct cds_wfs_node {
	struct cds_wfs_node *next;
};

/* A list of nodes that pop_all took, by its first node. */
struct cds_wfs_head {
	struct cds_wfs_node node;
};

struct __cds_wfs_stack {
	struct cds_wfs_head *head;
};

struct cds_wfs_stack {
	struct cds_wfs_head *head;
	pthread_mutex_t lock;
};

/* Either kind of stack. C passes a plain pointer; C++ has overloads below. */
typedef union {
	struct __cds_wfs_stack *_s;
	struct cds_wfs_stack *s;
} _URCU_TRANSPARENT_UNION cds_wfs_stack_ptr_t;

typedef union {
	const struct __cds_wfs_stack *_s;
	const struct cds_wfs_stack *s;
} _URCU_TRANSPARENT_UNION cds_wfs_stack_const_ptr_t;

/*
 * Prepare a node. Once before every push; not while the node is in a stack or in a list that
 * somebody walks.
 */
extern void cds_wfs_node_init(struct cds_wfs_node *node);

/*
 * Make an empty stack, before anybody else can see it.
 * cds_wfs_init() also makes the mutex, which cds_wfs_destroy() takes down again: nobody may use
 * the stack any more then; nodes that it still holds are left alone.
 */
extern void cds_wfs_init(struct cds_wfs_stack *s);
extern void cds_wfs_destroy(struct cds_wfs_stack *s);
extern void __cds_wfs_init(struct __cds_wfs_stack *s);

/*
 * True if the stack is empty. A node counts from its producer's exchange on, linked or not.
 * Wait-free; orders nothing.
 */
extern bool cds_wfs_empty(cds_wfs_stack_const_ptr_t u_stack);

/*
 * Hold the consumers' mutex of a stack. May block; not for signal handlers.
 */
extern void cds_wfs_pop_lock(struct cds_wfs_stack *s);
extern void cds_wfs_pop_unlock(struct cds_wfs_stack *s);

/*
 * Put a node on top. Returns 0 if the stack was empty, 1 otherwise. Wait-free.
 */
extern int cds_wfs_push(cds_wfs_stack_ptr_t u_stack, struct cds_wfs_node *node);

/*
 * Take the top node; NULL if the stack is empty.
 * with_state: *state, if state is not NULL, becomes CDS_WFS_STATE_LAST when the node taken was the
 * only one, else 0.
 * nonblocking: CDS_WFS_WOULDBLOCK instead of a wait, and also when another call changed the top
 * in between; the stack is then as it was. Wait-free. The blocking forms retry.
 * cds_ forms take the mutex; for __cds_ forms see the table.
 */
extern struct cds_wfs_node *cds_wfs_pop_blocking(struct cds_wfs_stack *s);
extern struct cds_wfs_node *cds_wfs_pop_with_state_blocking(struct cds_wfs_stack *s, int *state);
extern struct cds_wfs_node *__cds_wfs_pop_blocking(cds_wfs_stack_ptr_t u_stack);
extern struct cds_wfs_node *__cds_wfs_pop_with_state_blocking(
		cds_wfs_stack_ptr_t u_stack, int *state);
extern struct cds_wfs_node *__cds_wfs_pop_nonblocking(cds_wfs_stack_ptr_t u_stack);
extern struct cds_wfs_node *__cds_wfs_pop_with_state_nonblocking(
		cds_wfs_stack_ptr_t u_stack, int *state);

/*
 * Take all nodes at once, as a list to walk from the newest to the oldest; NULL if the stack is
 * empty. __cds_wfs_pop_all() is wait-free; the other waits for the mutex.
 */
extern struct cds_wfs_head *cds_wfs_pop_all_blocking(struct cds_wfs_stack *s);
extern struct cds_wfs_head *__cds_wfs_pop_all(cds_wfs_stack_ptr_t u_stack);

/*
 * The first node of what pop_all returned, NULL included; and the node behind a given one, NULL at
 * the end. nonblocking: CDS_WFS_WOULDBLOCK instead of a wait.
 */
extern struct cds_wfs_node *cds_wfs_first(struct cds_wfs_head *head);
extern struct cds_wfs_node *cds_wfs_next_blocking(struct cds_wfs_node *node);
extern struct cds_wfs_node *cds_wfs_next_nonblocking(struct cds_wfs_node *node);

/*
 * Walk over what pop_all returned. The _safe form has fetched the next node (n) already, so its
 * body may free the node or push it again.
 */
#define cds_wfs_for_each_blocking(head, node)					\
	for ((node) = cds_wfs_first(head);					\
		(node) != NULL;							\
		(node) = cds_wfs_next_blocking(node))

#define cds_wfs_for_each_blocking_safe(head, node, n)				\
	for ((node) = cds_wfs_first(head),					\
			(n) = (node) ? cds_wfs_next_blocking(node) : NULL;	\
		(node) != NULL;							\
		(node) = (n),							\
			(n) = (node) ? cds_wfs_next_blocking(node) : NULL)

_URCU_EXTERN_C_END

/* With _LGPL_SOURCE the calls above are inlined. */
#ifdef _LGPL_SOURCE
#include <urcu/static/wfstack.h>

#define cds_wfs_node_init			_cds_wfs_node_init
#define cds_wfs_init				_cds_wfs_init
#define cds_wfs_destroy				_cds_wfs_destroy
#define cds_wfs_empty				_cds_wfs_empty
#define cds_wfs_push				_cds_wfs_push
#define cds_wfs_pop_lock			_cds_wfs_pop_lock
#define cds_wfs_pop_unlock			_cds_wfs_pop_unlock
#define cds_wfs_pop_blocking			_cds_wfs_pop_blocking
#define cds_wfs_pop_with_state_blocking		_cds_wfs_pop_with_state_blocking
#define cds_wfs_pop_all_blocking		_cds_wfs_pop_all_blocking
#define cds_wfs_first				_cds_wfs_first
#define cds_wfs_next_blocking			_cds_wfs_next_blocking
#define cds_wfs_next_nonblocking		_cds_wfs_next_nonblocking
#define __cds_wfs_init				___cds_wfs_init
#define __cds_wfs_pop_blocking			___cds_wfs_pop_blocking
#define __cds_wfs_pop_with_state_blocking	___cds_wfs_pop_with_state_blocking
#define __cds_wfs_pop_nonblocking		___cds_wfs_pop_nonblocking
#define __cds_wfs_pop_with_state_nonblocking	___cds_wfs_pop_with_state_nonblocking
#define __cds_wfs_pop_all			___cds_wfs_pop_all
#endif

/* C++ has no transparent unions: overloads that take a pointer to either kind of stack. */
#ifdef __cplusplus
extern "C++" {	/* also where a program includes this inside extern "C" */
static inline cds_wfs_stack_ptr_t cds_wfs_stack_cast(struct __cds_wfs_stack *s)
{
	cds_wfs_stack_ptr_t ret;

	ret._s = s;
	return ret;
}

static inline cds_wfs_stack_ptr_t cds_wfs_stack_cast(struct cds_wfs_stack *s)
{
	cds_wfs_stack_ptr_t ret;

	ret.s = s;
	return ret;
}

static inline cds_wfs_stack_const_ptr_t cds_wfs_stack_const_cast(const struct __cds_wfs_stack *s)
{
	cds_wfs_stack_const_ptr_t ret;

	ret._s = s;
	return ret;
}

static inline cds_wfs_stack_const_ptr_t cds_wfs_stack_const_cast(const struct cds_wfs_stack *s)
{
	cds_wfs_stack_const_ptr_t ret;

	ret.s = s;
	return ret;
}

template<typename T>
static inline bool cds_wfs_empty(T s)
{
	return cds_wfs_empty(cds_wfs_stack_const_cast(s));
}

template<typename T>
static inline int cds_wfs_push(T s, struct cds_wfs_node *node)
{
	return cds_wfs_push(cds_wfs_stack_cast(s), node);
}

template<typename T>
static inline struct cds_wfs_node *__cds_wfs_pop_blocking(T s)
{
	return __cds_wfs_pop_blocking(cds_wfs_stack_cast(s));
}

template<typename T>
static inline struct cds_wfs_node *__cds_wfs_pop_with_state_blocking(T s, int *state)
{
	return __cds_wfs_pop_with_state_blocking(cds_wfs_stack_cast(s), state);
}

template<typename T>
static inline struct cds_wfs_node *__cds_wfs_pop_nonblocking(T s)
{
	return __cds_wfs_pop_nonblocking(cds_wfs_stack_cast(s));
}

template<typename T>
static inline struct cds_wfs_node *__cds_wfs_pop_with_state_nonblocking(T s, int *state)
{
	return __cds_wfs_pop_with_state_nonblocking(cds_wfs_stack_cast(s), state);
}

template<typename T>
static inline struct cds_wfs_head *__cds_wfs_pop_all(T s)
{
	return __cds_wfs_pop_all(cds_wfs_stack_cast(s));
}
}
#endif /* __cplusplus */
