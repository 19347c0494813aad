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
