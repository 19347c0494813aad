/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A FIFO queue for many producers: enqueue is wait-free, one atomic exchange and one store.
 *
 * The head (what consumers touch) and the tail (what producers touch) are two structures, so that
 * the program can keep them on different cache lines. The head comes in two kinds, and wherever a
 * function takes a cds_wfcq_head_ptr_t, either does:
 *   struct cds_wfcq_head    carries a mutex, for the functions that exclude consumers themselves
 *   struct __cds_wfcq_head  carries none; the program excludes them
 *
 * Which calls the program must keep apart (X) when they may meet on one queue; the mutex is taken
 * by the cds_wfcq_*_blocking forms, and by cds_wfcq_dequeue_lock() around the __cds_wfcq_* forms:
 *
 *                    enqueue,      dequeue   splice     first, next,
 *                    splice into             out of     for_each
 *   enqueue,
 *   splice into,        -             -         -            -
 *   empty
 *   dequeue             -             X         X            X
 *   splice out of       -             X         -            X
 *   first, next,
 *   for_each            -             X         X            -
 *
 * Blocking and non-blocking: a producer takes its place by the exchange and links it a moment
 * later. Between the two the nodes behind it cannot be reached. A consumer that meets such a gap
 * waits for the link (spins, then yields; see urcu/static/link-wait.h), or, in the non-blocking
 * forms, returns "would block".
 *
 * Where: all of it may be used inside a read-side critical section and in call_rcu callbacks; no
 * function needs either. Enqueue, splice into, empty and the non-blocking forms may be called in
 * signal handlers; a blocking form there may wait for ever for the producer it interrupted.
 * After a fork, a queue that other threads were using may hold a gap that nobody will close and a
 * mutex that nobody will release: the child must initialise it anew before it uses it.
 *
 * Ordering: all that a thread did before it enqueued a node happens before what another does
 * after it got that node, by whichever function. The exchange in enqueue and splice is sequentially
 * consistent; a caller that afterwards reads a flag to decide whether to wake a consumer reads it
 * with CMM_SEQ_CST, or behind cmm_smp_mb().
 */

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <urcu/arch.h>
#include <urcu/compiler.h>

_URCU_EXTERN_C_BEGIN

/* What non-blocking forms return in place of a node when they would have to wait for a link. */
#define CDS_WFCQ_WOULDBLOCK _urcu_cast(struct cds_wfcq_node *, -1UL)

enum cds_wfcq_ret {
	CDS_WFCQ_RET_WOULDBLOCK = -1,
	CDS_WFCQ_RET_DEST_EMPTY = 0,
	CDS_WFCQ_RET_DEST_NON_EMPTY = 1,
	CDS_WFCQ_RET_SRC_EMPTY = 2,
};

enum cds_wfcq_state {
	CDS_WFCQ_STATE_LAST = (1U << 0),
};

/* To be embedded in the program's own structure. */
struct cds_wfcq_node {
	struct cds_wfcq_node *next;
};

struct __cds_wfcq_head {
	struct cds_wfcq_node node;
};

struct cds_wfcq_head {
	struct cds_wfcq_node node;
	pthread_mutex_t lock;
};

struct cds_wfcq_tail {
	struct cds_wfcq_node *p;
};

/* Either kind of head. C passes a plain pointer; C++ has overloads below. */
typedef union {
	struct __cds_wfcq_head *_h;
	struct cds_wfcq_head *h;
} _URCU_TRANSPARENT_UNION cds_wfcq_head_ptr_t;

typedef union {
	const struct __cds_wfcq_head *_h;
	const struct cds_wfcq_head *h;
} _URCU_TRANSPARENT_UNION cds_wfcq_head_const_ptr_t;

/*
 * Turn a pointer to a head into the type that the functions take: the pointer itself in C, the
 * union in C++. For programs that compile as both.
 */
#ifdef __cplusplus
static inline cds_wfcq_head_ptr_t __cds_wfcq_head_cast(struct __cds_wfcq_head *head)
{
	cds_wfcq_head_ptr_t ret;

	ret._h = head;
	return ret;
}

static inline cds_wfcq_head_ptr_t cds_wfcq_head_cast(struct cds_wfcq_head *head)
{
	cds_wfcq_head_ptr_t ret;

	ret.h = head;
	return ret;
}

static inline cds_wfcq_head_const_ptr_t
__cds_wfcq_head_const_cast(const struct __cds_wfcq_head *head)
{
	cds_wfcq_head_const_ptr_t ret;

	ret._h = head;
	return ret;
}

static inline cds_wfcq_head_const_ptr_t
cds_wfcq_head_const_cast(const struct cds_wfcq_head *head)
{
	cds_wfcq_head_const_ptr_t ret;

	ret.h = head;
	return ret;
}
#else
static inline struct __cds_wfcq_head *__cds_wfcq_head_cast(struct __cds_wfcq_head *head)
{
	return head;
}

static inline struct cds_wfcq_head *cds_wfcq_head_cast(struct cds_wfcq_head *head)
{
	return head;
}

static inline const struct __cds_wfcq_head *
__cds_wfcq_head_const_cast(const struct __cds_wfcq_head *head)
{
	return head;
}

static inline const struct cds_wfcq_head *
cds_wfcq_head_const_cast(const struct cds_wfcq_head *head)
{
	return head;
}
#endif

/*
 * Prepare a node. Once before every enqueue; not while the node is in a queue.
 */
extern void cds_wfcq_node_init(struct cds_wfcq_node *node);

/*
 * Make an empty queue of a head and a tail, before anybody else can see them.
 * cds_wfcq_init() also makes the mutex, which cds_wfcq_destroy() takes down again: nobody may use
 * the queue any more then; nodes that it still holds are left alone.
 */
extern void cds_wfcq_init(struct cds_wfcq_head *head, struct cds_wfcq_tail *tail);
extern void cds_wfcq_destroy(struct cds_wfcq_head *head, struct cds_wfcq_tail *tail);
extern void __cds_wfcq_init(struct __cds_wfcq_head *head, struct cds_wfcq_tail *tail);

/*
 * True if the queue is empty. A node counts from its producer's exchange on, linked or not.
 * Wait-free; orders nothing.
 */
extern bool cds_wfcq_empty(cds_wfcq_head_const_ptr_t head, const struct cds_wfcq_tail *tail);

/*
 * Hold the consumers' mutex of a queue. May block; not for signal handlers.
 */
extern void cds_wfcq_dequeue_lock(struct cds_wfcq_head *head, struct cds_wfcq_tail *tail);
extern void cds_wfcq_dequeue_unlock(struct cds_wfcq_head *head, struct cds_wfcq_tail *tail);

/*
 * Put a node at the end. Returns false if the queue was empty, true otherwise. Wait-free.
 * The node must stay valid until a consumer has it.
 */
extern bool cds_wfcq_enqueue(cds_wfcq_head_ptr_t head, struct cds_wfcq_tail *tail,
		struct cds_wfcq_node *node);

/*
 * Take the first node; NULL if the queue is empty. The node is the caller's own from then on: no
 * producer touches it any more, so it may be freed or queued again at once.
 * with_state: *state, if state is not NULL, becomes CDS_WFCQ_STATE_LAST when the node taken was the
 * only one, else 0.
 * nonblocking: CDS_WFCQ_WOULDBLOCK instead of a wait; the queue is then as it was. Wait-free.
 * cds_ forms take the mutex; __cds_ forms leave it to the caller to keep consumers apart.
 */
extern struct cds_wfcq_node *cds_wfcq_dequeue_blocking(
		struct cds_wfcq_head *head, struct cds_wfcq_tail *tail);
extern struct cds_wfcq_node *cds_wfcq_dequeue_with_state_blocking(
		struct cds_wfcq_head *head, struct cds_wfcq_tail *tail, int *state);
extern struct cds_wfcq_node *__cds_wfcq_dequeue_blocking(
		cds_wfcq_head_ptr_t head, struct cds_wfcq_tail *tail);
extern struct cds_wfcq_node *__cds_wfcq_dequeue_with_state_blocking(
		cds_wfcq_head_ptr_t head, struct cds_wfcq_tail *tail, int *state);
extern struct cds_wfcq_node *__cds_wfcq_dequeue_nonblocking(
		cds_wfcq_head_ptr_t head, struct cds_wfcq_tail *tail);
extern struct cds_wfcq_node *__cds_wfcq_dequeue_with_state_nonblocking(
		cds_wfcq_head_ptr_t head, struct cds_wfcq_tail *tail, int *state);

/*
 * Move all nodes of the source to the end of the destination, in order, in a constant number of
 * steps. Producers may be adding to either meanwhile. The destination must be another queue.
 * Returns CDS_WFCQ_RET_SRC_EMPTY if there was nothing to move; otherwise
 * CDS_WFCQ_RET_DEST_EMPTY or CDS_WFCQ_RET_DEST_NON_EMPTY, what the destination was before.
 * nonblocking: CDS_WFCQ_RET_WOULDBLOCK instead of a wait, nothing moved. Wait-free.
 * cds_wfcq_splice_blocking() takes the mutex of the source; the destination needs none.
 */
extern enum cds_wfcq_ret cds_wfcq_splice_blocking(
		struct cds_wfcq_head *dest_q_head, struct cds_wfcq_tail *dest_q_tail,
		struct cds_wfcq_head *src_q_head, struct cds_wfcq_tail *src_q_tail);
extern enum cds_wfcq_ret __cds_wfcq_splice_blocking(
		cds_wfcq_head_ptr_t dest_q_head, struct cds_wfcq_tail *dest_q_tail,
		cds_wfcq_head_ptr_t src_q_head, struct cds_wfcq_tail *src_q_tail);
extern enum cds_wfcq_ret __cds_wfcq_splice_nonblocking(
		cds_wfcq_head_ptr_t dest_q_head, struct cds_wfcq_tail *dest_q_tail,
		cds_wfcq_head_ptr_t src_q_head, struct cds_wfcq_tail *src_q_tail);

/*
 * Look at the first node, and at the one behind a given node, taking none out. NULL at the end of
 * the queue. nonblocking: CDS_WFCQ_WOULDBLOCK instead of a wait. The caller keeps the table above.
 */
extern struct cds_wfcq_node *__cds_wfcq_first_blocking(
		cds_wfcq_head_ptr_t head, struct cds_wfcq_tail *tail);
extern struct cds_wfcq_node *__cds_wfcq_first_nonblocking(
		cds_wfcq_head_ptr_t head, struct cds_wfcq_tail *tail);
extern struct cds_wfcq_node *__cds_wfcq_next_blocking(
		cds_wfcq_head_ptr_t head, struct cds_wfcq_tail *tail, struct cds_wfcq_node *node);
extern struct cds_wfcq_node *__cds_wfcq_next_nonblocking(
		cds_wfcq_head_ptr_t head, struct cds_wfcq_tail *tail, struct cds_wfcq_node *node);

/*
 * Walk over the nodes without taking them out; they stay in the queue. The _safe form has fetched
 * the next node (n) already, so its body may free or reuse a node of a queue that is being
 * discarded, such as one that a splice filled.
 */
#define __cds_wfcq_for_each_blocking(head, tail, node)				\
	for ((node) = __cds_wfcq_first_blocking(head, tail);			\
		(node) != NULL;							\
		(node) = __cds_wfcq_next_blocking(head, tail, node))

#define __cds_wfcq_for_each_blocking_safe(head, tail, node, n)			\
	for ((node) = __cds_wfcq_first_blocking(head, tail),			\
			(n) = (node) ? __cds_wfcq_next_blocking(head, tail, node) : NULL; \
		(node) != NULL;							\
		(node) = (n),							\
			(n) = (node) ? __cds_wfcq_next_blocking(head, tail, node) : NULL)

_URCU_EXTERN_C_END

/* With _LGPL_SOURCE the calls above are inlined. */
#ifdef _LGPL_SOURCE
#include <urcu/static/wfcqueue.h>

#define cds_wfcq_node_init			_cds_wfcq_node_init
#define cds_wfcq_init				_cds_wfcq_init
#define cds_wfcq_destroy			_cds_wfcq_destroy
#define cds_wfcq_empty				_cds_wfcq_empty
#define cds_wfcq_enqueue			_cds_wfcq_enqueue
#define cds_wfcq_dequeue_lock			_cds_wfcq_dequeue_lock
#define cds_wfcq_dequeue_unlock			_cds_wfcq_dequeue_unlock
#define cds_wfcq_dequeue_blocking		_cds_wfcq_dequeue_blocking
#define cds_wfcq_dequeue_with_state_blocking	_cds_wfcq_dequeue_with_state_blocking
#define cds_wfcq_splice_blocking		_cds_wfcq_splice_blocking
#define cds_wfcq_first_blocking			___cds_wfcq_first_blocking
#define cds_wfcq_next_blocking			___cds_wfcq_next_blocking
#define __cds_wfcq_init				___cds_wfcq_init
#define __cds_wfcq_dequeue_blocking		___cds_wfcq_dequeue_blocking
#define __cds_wfcq_dequeue_with_state_blocking	___cds_wfcq_dequeue_with_state_blocking
#define __cds_wfcq_dequeue_nonblocking		___cds_wfcq_dequeue_nonblocking
#define __cds_wfcq_dequeue_with_state_nonblocking \
	___cds_wfcq_dequeue_with_state_nonblocking
#define __cds_wfcq_splice_blocking		___cds_wfcq_splice_blocking
#define __cds_wfcq_splice_nonblocking		___cds_wfcq_splice_nonblocking
#define __cds_wfcq_first_blocking		___cds_wfcq_first_blocking
#define __cds_wfcq_first_nonblocking		___cds_wfcq_first_nonblocking
#define __cds_wfcq_next_blocking		___cds_wfcq_next_blocking
#define __cds_wfcq_next_nonblocking		___cds_wfcq_next_nonblocking
#endif

/* C++ has no transparent unions: overloads that take a pointer to either kind of head. */
#ifdef __cplusplus
extern "C++" {	/* also where a program includes this inside extern "C" */
static inline cds_wfcq_head_ptr_t cds_wfcq_head_cast_cpp(struct __cds_wfcq_head *head)
{
	return __cds_wfcq_head_cast(head);
}

static inline cds_wfcq_head_ptr_t cds_wfcq_head_cast_cpp(struct cds_wfcq_head *head)
{
	return cds_wfcq_head_cast(head);
}

static inline cds_wfcq_head_const_ptr_t
cds_wfcq_head_const_cast_cpp(const struct __cds_wfcq_head *head)
{
	return __cds_wfcq_head_const_cast(head);
}

static inline cds_wfcq_head_const_ptr_t
cds_wfcq_head_const_cast_cpp(const struct cds_wfcq_head *head)
{
	return cds_wfcq_head_const_cast(head);
}

template<typename T>
static inline bool cds_wfcq_empty(T head, const struct cds_wfcq_tail *tail)
{
	return cds_wfcq_empty(cds_wfcq_head_const_cast_cpp(head), tail);
}

template<typename T>
static inline bool cds_wfcq_enqueue(T head, struct cds_wfcq_tail *tail, struct cds_wfcq_node *node)
{
	return cds_wfcq_enqueue(cds_wfcq_head_cast_cpp(head), tail, node);
}

template<typename T>
static inline struct cds_wfcq_node *__cds_wfcq_dequeue_blocking(T head, struct cds_wfcq_tail *tail)
{
	return __cds_wfcq_dequeue_blocking(cds_wfcq_head_cast_cpp(head), tail);
}

template<typename T>
static inline struct cds_wfcq_node *
__cds_wfcq_dequeue_with_state_blocking(T head, struct cds_wfcq_tail *tail, int *state)
{
	return __cds_wfcq_dequeue_with_state_blocking(cds_wfcq_head_cast_cpp(head), tail, state);
}

template<typename T>
static inline struct cds_wfcq_node *
__cds_wfcq_dequeue_nonblocking(T head, struct cds_wfcq_tail *tail)
{
	return __cds_wfcq_dequeue_nonblocking(cds_wfcq_head_cast_cpp(head), tail);
}

template<typename T>
static inline struct cds_wfcq_node *
__cds_wfcq_dequeue_with_state_nonblocking(T head, struct cds_wfcq_tail *tail, int *state)
{
	return __cds_wfcq_dequeue_with_state_nonblocking(cds_wfcq_head_cast_cpp(head), tail, state);
}

template<typename T, typename U>
static inline enum cds_wfcq_ret __cds_wfcq_splice_blocking(
		T dest_q_head, struct cds_wfcq_tail *dest_q_tail,
		U src_q_head, struct cds_wfcq_tail *src_q_tail)
{
	return __cds_wfcq_splice_blocking(cds_wfcq_head_cast_cpp(dest_q_head), dest_q_tail,
			cds_wfcq_head_cast_cpp(src_q_head), src_q_tail);
}

template<typename T, typename U>
static inline enum cds_wfcq_ret __cds_wfcq_splice_nonblocking(
		T dest_q_head, struct cds_wfcq_tail *dest_q_tail,
		U *src_q_head, struct cds_wfcq_tail *src_q_tail)
{
	return __cds_wfcq_splice_nonblocking(cds_wfcq_head_cast_cpp(dest_q_head), dest_q_tail,
			cds_wfcq_head_cast_cpp(src_q_head), src_q_tail);
}

template<typename T>
static inline struct cds_wfcq_node *__cds_wfcq_first_blocking(T head, struct cds_wfcq_tail *tail)
{
	return __cds_wfcq_first_blocking(cds_wfcq_head_cast_cpp(head), tail);
}

template<typename T>
static inline struct cds_wfcq_node *__cds_wfcq_first_nonblocking(T head, struct cds_wfcq_tail *tail)
{
	return __cds_wfcq_first_nonblocking(cds_wfcq_head_cast_cpp(head), tail);
}

template<typename T>
static inline struct cds_wfcq_node *
__cds_wfcq_next_blocking(T head, struct cds_wfcq_tail *tail, struct cds_wfcq_node *node)
{
	return __cds_wfcq_next_blocking(cds_wfcq_head_cast_cpp(head), tail, node);
}

template<typename T>
static inline struct cds_wfcq_node *
__cds_wfcq_next_nonblocking(T head, struct cds_wfcq_tail *tail, struct cds_wfcq_node *node)
{
	return __cds_wfcq_next_nonblocking(cds_wfcq_head_cast_cpp(head), tail, node);
}
}
#endif /* __cplusplus */
