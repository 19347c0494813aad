/* SPDX-License-Identifier: MIT */
/*
 * The grace period of src/grace/lead.c: an updater that replaces an object, waits and frees, GRACE_PERIODS
 * times, and two readers that register, enter SECTIONS nested sections each, use what they find
 * there, and leave. Letters as in src/grace/lead.c.
 *
 * FLAVOR is one of
 *	MEMB	R1 and R3 are release stores; F1 is a full barrier and a membarrier
 *	MB	R1 is fenced [R2]; F1 is a full barrier
 *	QSBR	a section is all from one announcement to the next
 * OLD_READERS (with MEMB) leave their sections by a plain store, as old binaries do, and F2 is a
 * membarrier. TWO_PASSES counts numbers modulo 2, and a reader that enters may have fetched its
 * number any number of grace periods ago, so that it can be any.
 *
 * Claim: nobody uses what was freed, neither by a load nor by a store that is still under way; and
 * the updater gets to its end, for the registry forgets readers that leave.
 */
#define MEMB 1
#define MB 2
#define QSBR 3
#ifndef FLAVOR
#define FLAVOR MEMB
#endif
#ifndef GRACE_PERIODS
#define GRACE_PERIODS 2
#endif
#ifndef SECTIONS
#define SECTIONS 2
#endif

#ifdef TWO_PASSES
#define NUMBERS 2
#elif defined MUTANT_LEAD_PARITY
#define NUMBERS 2
#else
#define NUMBERS 16
#endif

#ifndef READERS
#define READERS 1
#endif
#define CPUS (READERS + 1)
#define UPDATER READERS

/* Words of memory. */
#define GP 0			/* gp.ctr */
#define POINTER 1		/* to the object in use: its index */
#define OBJECT 2		/* a section's store to the object it uses; the value says which */
#define LOCK 3			/* registry.lock */
#define REGISTERED 4		/* registry.registered */
#define CTR(r) (5 + (r))	/* reader.ctr */
#define WORDS (5 + READERS)

/* URCU_GP_COUNT, URCU_GP_STEP, URCU_GP_NEST_MASK. */
#define COUNT 1
#define STEP 4
#define NEST 3
#define NEXT(ctr) (((ctr) + STEP) % (STEP * NUMBERS))

bit freed[GRACE_PERIODS + 1];
#define check_store(w, v) assert(w != OBJECT || !freed[v])
#include "store-buffers.inc"

bit registered[READERS], awaited[READERS];

/* ---- Readers ---- */

/* rcu_dereference, whose load may have been made early. */
inline dereference(to)
{
	d_step {
		if
		:: early[r] != NONE -> to = early[r]; early[r] = NONE
		:: else ->
			to = memory[POINTER]
		fi
	}
}

inline load_early()
{
#ifndef TSO
	if
	:: early[r] = memory[POINTER]
	:: skip
	fi;
#endif
	skip
}

inline use(object)
{
	assert(!freed[object]);
	store(r, OBJECT, object, RELAXED)
}

/* urcu_common_open: R1. */
inline open()
{
	load(r, GP, own);
#ifdef TWO_PASSES
	if
	:: skip
	:: own = NEXT(own)
	fi;
#endif
	store(r, CTR(r), own, RELEASE)
}

/* urcu_common_open_fenced: R1 and R2. */
inline open_fenced()
{
	open();
#ifndef MUTANT_R2_WITHOUT_BARRIER
	full_barrier(r);
#endif
	skip
}

/* urcu_common_read_lock. */
inline read_lock()
{
	if
#ifndef MUTANT_READ_LOCK_COPIES_WHEN_NESTED
	:: own & NEST ->
		own = own + COUNT;
		store(r, CTR(r), own, RELAXED)
#endif
	:: else ->
		load_early();
#if FLAVOR == MB
		open_fenced()
#else
		open()
#endif
	fi
}

/* urcu_common_close: R3. */
inline read_unlock()
{
	own = own - COUNT;
#if defined OLD_READERS || defined MUTANT_R3_RELAXED
	store(r, CTR(r), own, RELAXED)
#else
	store(r, CTR(r), own, RELEASE)
#endif
}

/* _urcu_qsbr_quiescent_state. */
inline quiescent_state()
{
	load(r, GP, number);
	if
	:: number == own
	:: else -> open_fenced()
	fi;
	number = 0
}

/* _urcu_qsbr_thread_offline. */
inline thread_offline()
{
	own = 0;
	store(r, CTR(r), own, RELEASE);
	full_barrier(r)
}

#if FLAVOR == QSBR
inline use_sections()
{
	open_fenced();
	do
	:: sections < SECTIONS ->
		load_early();
		dereference(object);
		use(object);
		object = 0;
		quiescent_state();
		sections++
	:: else -> break
	od;
	thread_offline()
}
#else
inline use_sections()
{
	do
	:: sections < SECTIONS ->
		read_lock();
		dereference(object);
		if
		:: sections == 0 ->
			read_lock();
			dereference(inner);
			use(inner);
			inner = 0;
			read_unlock()
		:: else
		fi;
		use(object);
		object = 0;
		read_unlock();
		sections++
	:: else -> break
	od
}
#endif

/* quiesce_registry_add, sections, quiesce_registry_remove. */
proctype reader(byte r)
{
	byte own, object, inner, number, sections;

	lock(r);
	registered[r] = 1;
	load(r, REGISTERED, number);
	store(r, REGISTERED, number + 1, RELAXED);
	number = 0;
#ifndef MUTANT_A1_WITHOUT_BARRIER
	full_barrier(r);
#endif
	unlock(r);
	use_sections();
	lock(r);
	registered[r] = 0;
	load(r, REGISTERED, number);
#ifdef MUTANT_REGISTRY_REMOVE_RELAXED
	store(r, REGISTERED, number - 1, RELAXED);
#else
	store(r, REGISTERED, number - 1, RELEASE);
#endif
	number = 0;
#ifndef MUTANT_REGISTRY_REMOVE_LEAVES_AWAITED
	awaited[r] = 0;
#endif
	unlock(r)
}

/* ---- The updater ---- */

inline membarrier()
{
	full_barrier(UPDATER);
	interrupt(0);
#if READERS > 1
	interrupt(1);
#endif
	full_barrier(UPDATER)
}

/* The first barrier of lead. */
inline barrier_of_lead()
{
#ifndef MUTANT_F1_WITHOUT_BARRIER
	full_barrier(UPDATER);
#endif
	skip
}

inline order_readers()
{
#if FLAVOR == MEMB && !defined MUTANT_F1_WITHOUT_MEMBARRIER
	membarrier();
#endif
	skip
}

/* in_older_section: S1. The memory of a reader that has left may be gone. */
inline look_at(x)
{
	assert(registered[x]);
	load(UPDATER, CTR(x), ctr);
	awaited[x] = (ctr & NEST) && (ctr / STEP != gp / STEP);
	ctr = 0
}

/* quiesce_registry_scan. */
inline scan()
{
	lock(UPDATER);
	if :: registered[0] -> look_at(0) :: else -> awaited[0] = 0 fi;
#if READERS > 1
	if :: registered[1] -> look_at(1) :: else -> awaited[1] = 0 fi;
#endif
	unlock(UPDATER)
}

/* quiesce_registry_rescan, once there is something to see: looks before that change nothing. */
#define WORTH_A_LOOK(x) (!awaited[x] || !(memory[CTR(x)] & NEST) || memory[CTR(x)] / STEP == gp / STEP)
inline await(x)
{
	do
	:: looking ->
		WORTH_A_LOOK(x);
		lock(UPDATER);
		if :: awaited[x] -> look_at(x) :: else fi;
		looking = awaited[x];
		unlock(UPDATER)
	:: else -> break
	od;
	looking = 1
}

inline raise_number()
{
	gp = NEXT(gp);
	store(UPDATER, GP, gp, RELEASE)
}

inline await_all()
{
	scan();
	await(0);
#if READERS > 1
	await(1);
#endif
	skip
}

inline lead()
{
#ifndef MUTANT_F1_AFTER_REGISTRY_ALONE
	barrier_of_lead();
#endif
	load(UPDATER, REGISTERED, alone);
	alone = !alone;
	if
	:: alone
	:: else ->
#ifdef MUTANT_F1_AFTER_REGISTRY_ALONE
		barrier_of_lead();
#endif
#ifdef MUTANT_G_BEFORE_F1
		raise_number();
		order_readers();
#else
		order_readers();
		raise_number();
#endif
		await_all();
#ifdef TWO_PASSES
#ifndef MUTANT_G_RAISED_ONCE
		raise_number();
#endif
		await_all();
#endif
		/* order_past_sections: F2. */
#if defined OLD_READERS && !defined MUTANT_F2_WITHOUT_MEMBARRIER
		membarrier()
#endif
	fi;
	alone = 0
}

proctype updater()
{
	byte gp = COUNT, ctr, object, alone;
	bit looking = 1;

	do
	:: object < GRACE_PERIODS ->
		store(UPDATER, POINTER, object + 1, RELEASE);
		lead();
		freed[object] = 1;
		object++
	:: else -> break
	od
}

init
{
	atomic {
		memory[GP] = COUNT;
		run reader(0);
#if READERS > 1
		run reader(1);
#endif
		run updater()
	}
}
