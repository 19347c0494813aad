/* SPDX-License-Identifier: MIT */
/*
 * What a program tells the checks (doc/checking.md) that is compiled with -DURCU_CHECK: then readers,
 * rcu_dereference and publication are calls (URCU_NO_INLINE), and lists of <urcu/rculist.h> and
 * <urcu/rcuhlist.h> call the function below. Without urcu-check such a program runs as any other: nobody has
 * the function.
 */
#ifndef QUIESCE_CHECK_H
#define QUIESCE_CHECK_H

#include <urcu/compiler.h>

_URCU_EXTERN_C_BEGIN

enum quiesce_check_list {
	QUIESCE_CHECK_ADD,	/* about to be linked in; of cds_list_head */
	QUIESCE_CHECK_ADD_HLIST,	/* the same of cds_hlist_node */
	QUIESCE_CHECK_DEL	/* about to be taken out */
};

/* Of urcu-check alone. For the library's headers; the program does not call it. */
extern void quiesce_check_list(const void *element, enum quiesce_check_list what) __attribute__((__weak__));

_URCU_EXTERN_C_END

/*
 * For clang's -Wthread-safety in programs compiled with URCU_CHECK: a section is a capability that rcu_read_lock
 * shares and rcu_read_unlock gives back. A function of the program's that is to be called in one:
 *
 *	struct item *find(int key) URCU_IN_SECTION(rcu_read_lock);
 *
 * Elsewhere these are nothing. clang knows no nesting: it complains of a second lock in one function.
 */
#if defined(URCU_CHECK) && defined(__clang__)
struct __attribute__((__capability__("section"))) _urcu_section { char unused; };
#define _URCU_SAFETY(attribute)	__attribute__((attribute))
#define _URCU_SECTION2(lock)	_urcu_section_of_ ## lock
#define _URCU_SECTION(lock)	_URCU_SECTION2(lock)
#define _URCU_DECLARE_SECTION(lock)	extern struct _urcu_section _URCU_SECTION(lock);
#else
#define _URCU_SAFETY(attribute)
#define _URCU_DECLARE_SECTION(lock)
#endif
#define URCU_IN_SECTION(lock)	_URCU_SAFETY(requires_shared_capability(_URCU_SECTION(lock)))

#ifdef URCU_CHECK
#define _URCU_CHECK_LIST(element, what)					\
	do {								\
		if (quiesce_check_list)					\
			quiesce_check_list((element), (what));		\
	} while (0)
#else
#define _URCU_CHECK_LIST(element, what)	((void) 0)
#endif

#endif /* QUIESCE_CHECK_H */
