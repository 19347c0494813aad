/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Pointers that are read under RCU. Usable from anywhere, in signal handlers too; nothing here
 * waits. p_addr is the address of a pointer to any type, p such a pointer (an lvalue).
 */

#include <urcu/compiler.h>
#include <urcu/static/pointer.h>

_URCU_EXTERN_C_BEGIN

/*
 * Out-of-line forms, for programs compiled without inlining and for other languages. The first
 * takes a pointer already loaded, the second its address; all else is as below.
 */
extern void *rcu_dereference_sym(void *p);
extern void *rcu_dereference_sym2(void **p);
extern void *rcu_set_pointer_sym(void **p, void *v);
extern void *rcu_xchg_pointer_sym(void **p, void *v);
extern void *rcu_cmpxchg_pointer_sym(void **p, void *old, void *_new);

_URCU_EXTERN_C_END

#ifndef URCU_NO_INLINE

/*
 * rcu_dereference(p): the value of p. What the thread that published it wrote before is visible
 * through it. In a read-side critical section what it points to stays until the section ends.
 */
#define rcu_dereference(p)			_rcu_dereference(p)

/* rcu_set_pointer(p_addr, v): publish v, after all that the caller wrote before. No value. */
#define rcu_set_pointer(p_addr, v)		_rcu_set_pointer(p_addr, v)

/* rcu_xchg_pointer(p_addr, v): publish v; the pointer that stood there. A full barrier. */
#define rcu_xchg_pointer(p_addr, v)		_rcu_xchg_pointer(p_addr, v)

/*
 * rcu_cmpxchg_pointer(p_addr, old, _new): publish _new if old stands there; the pointer that stood
 * there. A full barrier in both cases.
 */
#define rcu_cmpxchg_pointer(p_addr, old, _new)	_rcu_cmpxchg_pointer(p_addr, old, _new)

#else

/* As the functions take them, whatever the qualifiers. */
#define _rcu_plain(v)		_urcu_cast(void *, _urcu_cast(uintptr_t, v))
#define _rcu_cell(p_addr)	_urcu_cast(void **, _urcu_cast(uintptr_t, p_addr))

#define rcu_dereference(p) __extension__				\
	_urcu_cast(_uatomic_type(&(p)), rcu_dereference_sym(_rcu_plain(_rcu_dereference(p))))

#define rcu_set_pointer(p_addr, v) __extension__ ({			\
	_uatomic_type(p_addr) _rcu_v = (v);				\
	(void) rcu_set_pointer_sym(_rcu_cell(p_addr), _rcu_plain(_rcu_v)); \
})

#define rcu_xchg_pointer(p_addr, v) __extension__ ({			\
	_uatomic_type(p_addr) _rcu_v = (v);				\
	_urcu_cast(_uatomic_type(p_addr),				\
		rcu_xchg_pointer_sym(_rcu_cell(p_addr), _rcu_plain(_rcu_v))); \
})

#define rcu_cmpxchg_pointer(p_addr, old, _new) __extension__ ({		\
	_uatomic_type(p_addr) _rcu_old = (old);				\
	_uatomic_type(p_addr) _rcu_new = (_new);			\
	_urcu_cast(_uatomic_type(p_addr), rcu_cmpxchg_pointer_sym(_rcu_cell(p_addr), \
		_rcu_plain(_rcu_old), _rcu_plain(_rcu_new)));		\
})

#endif

/* rcu_assign_pointer(p, v): as rcu_set_pointer(&p, v). */
#define rcu_assign_pointer(p, v)		rcu_set_pointer(&(p), v)
