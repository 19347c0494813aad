/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A lock-free stack. Unlike wfstack, a producer leaves no gap: a node is linked before it can be
 * seen, so consumers never wait and the list that pop_all takes can be walked plainly.
 *
 * The stack comes in two kinds, and wherever a function takes a cds_lfs_stack_ptr_t, either does:
 *   struct cds_lfs_stack    carries a mutex, for the functions that exclude consumers themselves
 *   struct __cds_lfs_stack  carries none; the program excludes them
 *
 * Which calls the program must keep apart (X) when they may meet on one stack:
 *
 *                  push, empty   pop   pop_all
 *   push, empty         -         -       -
 *   pop                 -         X       X
 *   pop_all             -         X       -
 *
 * Pop is exposed to ABA: between its look at the top and its exchange the same node may be popped
 * and pushed again. Any one of these answers an X:
 *   - pop runs in a read-side critical section, and a node that was popped, or that was in a list
 *     popped as a whole, is pushed again or freed only after a grace period; pop is lock-free then;
 *   - the mutex: the cds_lfs_*_blocking forms take it, cds_lfs_pop_lock() holds it around the
 *     __cds_lfs_* forms;
 *   - only one thread ever pops.
 *
 * Where: all of it may be used inside a read-side critical section and in call_rcu callbacks, and
 * all but the functions that take the mutex in signal handlers. A stack is usable after a fork
 * whatever other threads were doing to it, except for its mutex, which may be held for ever.
 *
 * Ordering: all that a thread did before it pushed a node happens before what another does after
 * it got that node. The exchange in push is sequentially consistent; a caller that afterwards reads
 * a flag to decide whether to wake a consumer reads it with CMM_SEQ_CST, or behind cmm_smp_mb().
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <urcu/compiler.h>

_URCU_EXTERN_C_BEGIN

/* To be embedded in the program's own structure. */
struct cds_lfs_node {
	struct cds_lfs_node *next;
};

/* A list of nodes that pop_all took, by its first node. */
struct cds_lfs_head {
	struct cds_lfs_node node;
};

struct __cds_lfs_stack {
	struct cds_lfs_head *head;
};

struct cds_lfs_stack {
	struct cds_lfs_head *head;
	pthread_mutex_t lock;
};

/* Either kind of stack. C passes a plain pointer; C++ has overloads below. */
typedef union {
	struct __cds_lfs_stack *_s;
	struct cds_lfs_stack *s;
} _URCU_TRANSPARENT_UNION cds_lfs_stack_ptr_t;

typedef union {
	const struct __cds_lfs_stack *_s;
	const struct cds_lfs_stack *s;
} _URCU_TRANSPARENT_UNION cds_lfs_stack_const_ptr_t;

/*
 * Prepare a node, before it is pushed. Push needs nothing of it here; it is for symmetry.
 */
extern void cds_lfs_node_init(struct cds_lfs_node *node);

/*
 * Make an empty stack, before anybody else can see it.
 * cds_lfs_init() also makes the mutex, which cds_lfs_destroy() takes down again: nobody may use
 * the stack any more then; nodes that it still holds are left alone.
 */
extern void cds_lfs_init(struct cds_lfs_stack *s);
extern void cds_lfs_destroy(struct cds_lfs_stack *s);
extern void __cds_lfs_init(struct __cds_lfs_stack *s);

/*
 * True if the stack is empty. Wait-free; orders nothing.
 */
extern bool cds_lfs_empty(cds_lfs_stack_const_ptr_t s);

/*
 * Put a node on top. Returns false if the stack was empty, true otherwise. Lock-free.
 */
extern bool cds_lfs_push(cds_lfs_stack_ptr_t s, struct cds_lfs_node *node);

/*
 * Take the top node; NULL if the stack is empty. Lock-free, but see the table; the second form
 * waits for the mutex.
 */
extern struct cds_lfs_node *__cds_lfs_pop(cds_lfs_stack_ptr_t s);
extern struct cds_lfs_node *cds_lfs_pop_blocking(struct cds_lfs_stack *s);

/*
 * Take all nodes at once, as a list to walk from the newest to the oldest; NULL if the stack is
 * empty. Wait-free; the second form waits for the mutex.
 */
extern struct cds_lfs_head *__cds_lfs_pop_all(cds_lfs_stack_ptr_t s);
extern struct cds_lfs_head *cds_lfs_pop_all_blocking(struct cds_lfs_stack *s);

/*
 * Hold the consumers' mutex of a stack. May block; not for signal handlers.
 */
extern void cds_lfs_pop_lock(struct cds_lfs_stack *s);
extern void cds_lfs_pop_unlock(struct cds_lfs_stack *s);

/* The first node of what pop_all returned, NULL included. */
static inline struct cds_lfs_node *_cds_lfs_first(struct cds_lfs_head *head)
{
	return head ? &head->node : NULL;
}

/*
 * Walk over what pop_all returned. The _safe form has fetched the next node (__n) already, so its
 * body may free the node or push it again.
 */
#define cds_lfs_for_each(__head, __node)					\
	for ((__node) = _cds_lfs_first(__head);					\
		(__node) != NULL;						\
		(__node) = (__node)->next)

#define cds_lfs_for_each_safe(__head, __node, __n)				\
	for ((__node) = _cds_lfs_first(__head),					\
			(__n) = (__node) ? (__node)->next : NULL;		\
		(__node) != NULL;						\
		(__node) = (__n), (__n) = (__node) ? (__node)->next : NULL)

_URCU_EXTERN_C_END

/* With _LGPL_SOURCE the calls above are inlined. */
#ifdef _LGPL_SOURCE
#include <urcu/static/lfstack.h>

#define cds_lfs_node_init		_cds_lfs_node_init
#define cds_lfs_init			_cds_lfs_init
#define cds_lfs_destroy			_cds_lfs_destroy
#define cds_lfs_empty			_cds_lfs_empty
#define cds_lfs_push			_cds_lfs_push
#define cds_lfs_pop_blocking		_cds_lfs_pop_blocking
#define cds_lfs_pop_all_blocking	_cds_lfs_pop_all_blocking
#define cds_lfs_pop_lock		_cds_lfs_pop_lock
#define cds_lfs_pop_unlock		_cds_lfs_pop_unlock
#define __cds_lfs_init			___cds_lfs_init
#define __cds_lfs_pop			___cds_lfs_pop
#define __cds_lfs_pop_all		___cds_lfs_pop_all
#endif

/* C++ has no transparent unions: overloads that take a pointer to either kind of stack. */
#ifdef __cplusplus
extern "C++" {	/* also where a program includes this inside extern "C" */
static inline cds_lfs_stack_ptr_t cds_lfs_stack_cast(struct __cds_lfs_stack *s)
{
	cds_lfs_stack_ptr_t ret;

	ret._s = s;
	return ret;
}

static inline cds_lfs_stack_ptr_t cds_lfs_stack_cast(struct cds_lfs_stack *s)
{
	cds_lfs_stack_ptr_t ret;

	ret.s = s;
	return ret;
}

static inline cds_lfs_stack_const_ptr_t cds_lfs_stack_const_cast(const struct __cds_lfs_stack *s)
{
	cds_lfs_stack_const_ptr_t ret;

	ret._s = s;
	return ret;
}

static inline cds_lfs_stack_const_ptr_t cds_lfs_stack_const_cast(const struct cds_lfs_stack *s)
{
	cds_lfs_stack_const_ptr_t ret;

	ret.s = s;
	return ret;
}

template<typename T>
static inline bool cds_lfs_empty(T s)
{
	return cds_lfs_empty(cds_lfs_stack_const_cast(s));
}

template<typename T>
static inline bool cds_lfs_push(T s, struct cds_lfs_node *node)
{
	return cds_lfs_push(cds_lfs_stack_cast(s), node);
}

template<typename T>
static inline struct cds_lfs_node *__cds_lfs_pop(T s)
{
	return __cds_lfs_pop(cds_lfs_stack_cast(s));
}

template<typename T>
static inline struct cds_lfs_head *__cds_lfs_pop_all(T s)
{
	return __cds_lfs_pop_all(cds_lfs_stack_cast(s));
}
}
#endif /* __cplusplus */
