/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Readers and grace periods. A domain is a set of readers together with the grace periods that wait
 * for them; a flavor contains one, and one needs no flavor. Here nothing is known of callbacks, of
 * threads of ours, or of who the domain is for.
 *
 *	domain.c	the calling thread as a reader of it
 *	registry.c	who the readers are
 *	lead.c		one grace period: READ THIS FIRST
 *	gp.c		one after the other: who leads, who waits, tickets
 *
 * A reader's way: quiesce_domain_add, its sections (urcu/static), a leader that looks at it
 * (lead.c), quiesce_domain_remove. A waiter's: quiesce_gp_wait, or a ticket, and later whether its
 * grace period is over.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <urcu/arch.h>
#include <urcu/list.h>
#include <urcu/static/urcu-common.h>

#include "system/system.h"

/* ---- Registry ---- */

/*
 * Who the readers are. A dense array of reader pointers, so that a scan is a run over adjacent
 * words with the readers' own lines prefetched.
 *
 *	readers[0 .. awaited)		the grace period under way still waits for these
 *	readers[awaited .. count)	it does not
 *
 * A reader that registers while a grace period runs joins at the end: its sections are younger.
 * One that leaves is taken out of either part. Both happen under the lock, which is never held
 * while waiting for a reader: a section may register a thread and wait for it.
 */

/* As many readers as fit before anything is allocated. */
#define REGISTRY_INLINE 32

/*
 * What the four public reader structures have in common, at the same places (asserted in
 * src/flavor/). may_alias: it is a view of them, not their type.
 */
struct __attribute__((may_alias)) reader {
	/* Written by the reader's thread alone (urcu/static/urcu-common.h). */
	unsigned long ctr;
	char line[CAA_CACHE_LINE_SIZE - sizeof(unsigned long)];
	/* Below: written under the registry's lock. node is used by readers beyond the array. */
	struct cds_list_head node;
	unsigned long flavors_own[4];
	/* Index in the array plus one; 0: not registered; REGISTRY_BEYOND: in the list. */
	unsigned long slot;
};

#define REGISTRY_BEYOND (~0UL)

struct awaited;
struct reader_calls;

/* All fields are written under lock. */
struct registry {
	pthread_mutex_t lock;
	struct reader **readers;
	unsigned long count, awaited, capacity;
	unsigned long registered;	/* in the array and beyond; read by anybody */
	/*
	 * Readers that found the array full and no memory to let it grow. Seldom and few, so each
	 * scan simply looks at all of them.
	 */
	struct cds_list_head beyond;
	bool below_zero;		/* a rescan has met such a reader; read by the leader, whose it is */
	struct reader *room[REGISTRY_INLINE];
};

/* For the descriptor: a registry that is ready before any constructor runs. */
#define REGISTRY_INIT(name) {						\
	.lock = PTHREAD_MUTEX_INITIALIZER,				\
	.readers = (name).room,						\
	.capacity = REGISTRY_INLINE,					\
	.beyond = CDS_LIST_HEAD_INIT((name).beyond),			\
}

/* Whether a reader's word shows more unlocks than locks: no section is half as deep as there are bits. */
static inline bool quiesce_is_below_zero(unsigned long ctr)
{
	return (ctr & URCU_GP_NEST_MASK) > URCU_GP_NEST_MASK / 2;
}

/* Returns false if the reader is registered already. */
bool quiesce_registry_add(struct registry *registry, struct reader *reader);

/* Returns false if the reader is not registered. */
bool quiesce_registry_remove(struct registry *registry, struct reader *reader);

/*
 * Whether nobody but self, who is, is registered; or nobody at all, if self is NULL. A full barrier has to
 * come before. Acquire: what comes after it comes after the sections of all who were registered before.
 */
bool quiesce_registry_alone(const struct registry *registry, const struct reader *self);

/*
 * Look at every reader for the grace period numbered by the high half of gp_ctr, and note those
 * that are in an older section. Returns how many there are. Takes the lock.
 */
unsigned long quiesce_registry_scan(struct registry *registry, unsigned long gp_ctr);

/*
 * Look again at those only. Returns how many are left. Takes the lock. A reader of more unlocks than
 * locks is none of them, and is noted in below_zero.
 */
unsigned long quiesce_registry_rescan(struct registry *registry, unsigned long gp_ctr);

/* Call ask for each of those. Takes the lock. */
void quiesce_registry_ask(struct registry *registry, void (*ask)(struct reader *reader));

/* Say who they are, at most so many. Returns how many there are. Takes the lock. */
unsigned long quiesce_registry_name(struct registry *registry, const struct reader_calls *calls,
		struct awaited *names, unsigned long most);

/* In a fork's child: forget everybody but self, which may be NULL. Nothing of theirs is touched. */
void quiesce_registry_reset(struct registry *registry, struct reader *self);

/* At exit: give the array's memory back if the readers fit without it. */
void quiesce_registry_trim(struct registry *registry);

/* ---- Domain ---- */

#define GP_LATENCIES 48

/* Grace periods of a domain. Fields are written atomically, but for what is the leader's own. */
struct gp_state {
	/*
	 * Twice the number of grace periods that are over, plus one while the next is under way. Who
	 * makes it odd leads that one, and makes it even again.
	 */
	unsigned long sequence;
	/*
	 * Those who wait for it to reach t sleep on turn[t / 2 % 2]. Changes when it has, and when
	 * somebody has to lead it there.
	 */
	int32_t turn[2];
	bool asleep[2];		/* somebody may sleep there: set by who is about to, ended by the leader who wakes all */
	/* The leader's. How many times more to spin for a short while only; how many the next time. */
	unsigned int short_spins, caution;
	bool told_below_zero;		/* the leader's: that a thread unlocked once too often */
	/*
	 * The leader's: since when it has waited for readers, in ms of quiesce_now, the lowest bit set; and its
	 * quiesce_self. 0: it does not.
	 */
	unsigned long since;
	const void *leader;
	const char *function;		/* the leader's: what the program called that it leads for */
	int leader_id;			/* the kernel's; 0: the leader has not slept yet */
	unsigned long told;		/* the sequence in which the leader last reported a stall; atomically */
	/*
	 * The youngest ticket, plus one, of those who want a grace period and do not wait; 0: none. Data
	 * and no callback, so that a fork's child finds it whole.
	 */
	unsigned long wanted;
	/*
	 * Below: for who counts. How many callers had their grace period led by another, and
	 * how many stalls were reported; atomically.
	 */
	unsigned long merged, stalls;
	/*
	 * The leader's: how many grace periods waited for readers, by how long: number i, from 1, has those of at
	 * least 2^(i-1) ns and less than 2^i; the last one longer ones, too.
	 */
	unsigned long waited[GP_LATENCIES];
};

/* What a thread does as a reader of a domain; each is for the calling thread. */
struct reader_calls {
	struct reader *(*self)(void);		/* NULL if it is not registered */
	void (*attend)(void);			/* register unless it is; NULL where threads do it by hand */
	void (*join)(void), (*part)(void);	/* register and unregister */
	void (*enter)(void), (*leave)(void);	/* a section */
	/* Of a domain that announces; NULL in others. */
	void (*announce)(void);			/* a quiescent state, if it is online */
	bool (*suspend)(void);			/* go offline; whether it was online */
	void (*resume)(void);			/* go online */
	/* Of any reader: whether its thread is known to be there, and which it is. With the registry's lock. */
	bool (*thread)(const struct reader *reader, pthread_t *thread);
};

/* One that a grace period waits for. */
struct awaited {
	pthread_t thread;
	int id;				/* the kernel's; 0: the thread has ended, or nobody knows */
	unsigned long depth;		/* of sections */
};

struct domain {
	const char *name;		/* in reports: its functions are urcu_<name>_... */
	const struct reader_calls *calls;
	struct urcu_gp *gp;		/* the exported word; a program may hold the copy in use */
	/*
	 * The exported word that tells readers to rely on membarrier; NULL if they never do. Written
	 * by init, once: a reader may be about to enter by the rule in force.
	 */
	int *has_membarrier;
	bool membarrier_granted;	/* to readers that rely on it; written by init */
	bool readers_wake;		/* unlock wakes a leader that sleeps on gp.futex */
	/*
	 * qsbr: readers mark no sections but announce quiescent states; between going online and
	 * offline they count as in one. What they announce is fenced, and they wake the leader only
	 * if asked to, at the next announcement.
	 */
	bool announces;
	void (*ask_for_wake)(struct reader *reader);
	void (*stalled)(struct domain *domain, uint64_t ns);	/* a grace period has taken so long; may be NULL */
	void (*unled)(struct domain *domain, uint64_t ns);	/* ...and its leader says nothing; may be NULL */
	int passes;			/* of a grace period: 1, or 2 where the number is short */
	/* What comes above is read by every call_rcu: what is written has cache lines of its own. */
	struct registry registry __attribute__((aligned(QUIESCE_APART)));
	struct gp_state grace __attribute__((aligned(QUIESCE_APART)));
};

/*
 * The number a grace-period word starts with. Debug builds start just before the wrap, so that
 * every test crosses it.
 */
#ifdef QUIESCE_DEBUG
#define GP_FIRST	(0UL - 8 * URCU_GP_STEP + URCU_GP_COUNT)
#else
#define GP_FIRST	URCU_GP_COUNT
#endif

/* A short number may come around while a reader sleeps between reading and storing it. */
#define GP_PASSES	(sizeof(unsigned long) >= 8 ? 1 : 2)

/* Find out about membarrier, and tell the readers. Once, by a constructor. */
void quiesce_domain_init(struct domain *domain);

/* Returns false if the reader is registered already. */
bool quiesce_domain_add(struct domain *domain, struct reader *reader);

/*
 * Returns false if the reader is not registered. *in_section: whether it is in a section, which is no
 * longer protected.
 */
bool quiesce_domain_remove(struct domain *domain, struct reader *reader, bool *in_section);

/*
 * Whether the calling thread is in a section of this domain. Never in one that announces, which cannot
 * tell. Reports, and mends, a count of more unlocks than locks.
 */
bool quiesce_domain_in_section(const struct domain *domain);

/* Whether grace periods of this domain may wait for the calling thread: in a section, or online where it announces. */
bool quiesce_domain_holds_up(const struct domain *domain);

/* A section, for which a registered thread that is offline goes online. Returns what to give to leave. */
bool quiesce_domain_enter(const struct domain *domain);
void quiesce_domain_leave(const struct domain *domain, bool offline);

/*
 * An online reader that waits for others holds up grace periods they may wait for: it goes offline
 * meanwhile. Returns what to give to resume; does nothing in domains that do not announce.
 */
bool quiesce_domain_suspend(const struct domain *domain);
void quiesce_domain_resume(const struct domain *domain, bool suspended);

/* That a thread has unlocked more often than it locked. */
void quiesce_domain_report_unlock(const struct domain *domain);

/* ---- Grace periods ---- */

/* Wait for one. The caller is in no section, and offline. function: what the program called, for reports. */
void quiesce_gp_wait(struct domain *domain, const char *function);

/*
 * Lead one if nobody does and no reader has to be waited for. A caller in a section, or online, would have to be
 * waited for himself: it is in vain.
 */
void quiesce_gp_try(struct domain *domain);

/*
 * A ticket: what the sequence will be when a grace period is over that began after this call. Even,
 * and valid until the sequence has come half around. The caller's stores before it come before that
 * grace period.
 */
unsigned long quiesce_gp_ticket(const struct gp_state *grace);

/* Whether that grace period is over. Acquire: after the sections that it waited for. */
bool quiesce_gp_over(const struct gp_state *grace, unsigned long ticket);

/*
 * Want the ticket's grace period without waiting for it; whether such a one is still to be led, by
 * whoever is given that errand.
 */
void quiesce_gp_want(struct domain *domain, unsigned long ticket);
bool quiesce_gp_is_wanted(struct domain *domain);

/* In a fork's child, after the registry was reset: no grace period is under way. */
void quiesce_gp_child(struct domain *domain);

/* Lead a grace period: for gp.c. One thread at a time. The second gives up if a reader is in a section: false. */
void quiesce_lead(struct domain *domain);
bool quiesce_lead_if_short(struct domain *domain);
