/* SPDX-License-Identifier: MIT */
/*
 * One grace period, for any domain: how its leader waits for the readers.
 *
 * A reader's section copies the grace-period number it began in; a grace period raises the number
 * and waits until no reader shows an older one. In letters:
 *
 *	writer				reader
 *	    store the new pointer	 R1  ctr := gp.ctr
 *	F1  full barrier, everywhere	 R2  full barrier (or the writer's F1 reaching in)
 *	G   gp.ctr += URCU_GP_STEP	     load the pointer, use the object
 *	S1  load each reader's ctr,	 R3  ctr := ctr - 1, release
 *	    until it is out of a	 R4  look at gp.futex
 *	    section or shows G's number
 *	F2  what follows comes after the sections that were waited for
 *	    free the old object
 *
 * Claim: when S1 lets a reader pass, the reader holds no pointer from before the writer's store, or
 * holds it in a section that is over.
 *
 * (1) S1 saw it out of any section. Its last section is over, and R3 (release) with S1 (acquire)
 *     puts that section before F2. Its next section's R1 comes after S1 in the order of stores to
 *     ctr. Store buffering forbids that both sides miss the other: either S1 sees R1 or, by F1 and
 *     R2, the pointer load sees the writer's store. S1 did not, so the load does.
 * (2) S1 saw G's number. R1 copied it from G, which is after F1, so the writer's store is visible
 *     to whatever the reader does after R1's load. R1 is a release, so the sections before this
 *     one are over and ordered as in (1).
 * (3) S1 saw an older number: it waits. The number may be older than the section, when a reader
 *     fetched gp.ctr, was held up, and stored it after G: then the wait is longer than needed and
 *     never too short. A parity bit in place of a number would read such a late store as new
 *     after two grace periods, which is why parity needs two passes.
 *
 * The number comes around after 2^32 grace periods on 64-bit words. A reader would have to be held
 * up between R1's load and its store for exactly a multiple of that, to the single grace period, to
 * look new when it is old. Where long has 32 bits the number has 16 and that could happen: there a
 * grace period takes two passes, G and S1 twice. A section that was open, with its R1 stored, when
 * the first pass looked shows the same number in both passes, and two consecutive numbers cannot
 * both be its own: one of the passes waits for it. One whose R1 was not stored then falls under (1).
 *
 * F1 is membarrier(2) where readers rely on it, else a full barrier of the writer's own, paired with
 * the reader's. F2 is S1's acquire; only where stores may pass earlier loads, and programs exist
 * whose readers were compiled with a plain store for R3, does it take a membarrier.
 *
 * Sleeping. [S2] Before it sleeps the leader stores -1 to gp.futex, then a barrier, then looks at
 * the readers once more. If that barrier is a membarrier, a reader whose R3 that look missed will
 * itself see -1 at R4 (store buffering again) and wake it. If readers do not rely on membarrier (mb, or
 * the kernel has none), R4 may look too early, so the sleep has a deadline. The leader of a flavor
 * whose readers wake nobody sleeps with a deadline always. qsbr has a full barrier between its
 * announcement and R4.
 *
 * In qsbr a section is all from one announcement to the next: R3, R1 and R2 are one step, and a
 * thread that is offline is out of any section.
 */
#include <unistd.h>

#include "grace/grace.h"
#include "system/sanitize.h"
#include "system/system.h"

/*
 * How long a leader spins before it sleeps: about what falling asleep and waking up costs; or, after
 * it has done so in vain, a little for some grace periods, for twice as many each time.
 */
#define SPIN_LONG	(60 * QUIESCE_NS_PER_US)
#define SPIN_SHORT	(2 * QUIESCE_NS_PER_US)
#define SPIN_CAUTION	255
/*
 * Looks at the readers while it spins are spaced by up to so many pauses. None takes less time than
 * this, whatever the clock says.
 */
#define SPIN_PAUSES	32
#define SPIN_LOOK	100
/* A sleep with a limit takes this fraction of the time already waited, within these bounds. */
#define SLEEP_FRACTION	8
#define SLEEP_MIN	(10 * QUIESCE_NS_PER_US)
#define SLEEP_MAX	(10 * QUIESCE_NS_PER_MS)

/* Readers have no barrier of their own. */
static bool rely_on_leader(const struct domain *domain)
{
	return domain->has_membarrier && __atomic_load_n(domain->has_membarrier, __ATOMIC_RELAXED);
}

/* Make those have one now. */
static void order_readers(struct domain *domain)
{
	if (rely_on_leader(domain))
		quiesce_order_all_threads();
}

/*
 * [F2] S1's acquire is enough for our own readers' release stores, [R3] in
 * urcu/static/urcu-common.h, and for anybody's on x86. Elsewhere old binaries leave a section by a
 * plain store.
 */
static void order_past_sections(struct domain *domain)
{
#if !defined(__x86_64__) && !defined(__i386__)
	order_readers(domain);
#else
	(void)domain;
#endif
}

/* Where a leader stands with the readers it waits for. */
struct vigil {
	unsigned long gp_ctr;		/* what it waits for them to show */
	unsigned long older;		/* how many do not */
	uint64_t patience, began;
	uint64_t slept;			/* of the limits of its sleeps, what they used */
	unsigned int looks;		/* how often it spun */
	bool in_vain;			/* the last wake-up came from a reader of no concern */
	uint64_t due;			/* when the next report of a stall is, from began on; 0: not known yet */
};

/* How long it has waited; by its sleeps alone where the clock stands still. */
static uint64_t waited(const struct vigil *vigil)
{
	uint64_t time = quiesce_now() - vigil->began;

	return time > vigil->slept ? time : vigil->slept;
}

/*
 * How long to sleep with a limit. A clock that stands still or jumps costs a few looks, or SLEEP_MAX
 * too much.
 */
static uint64_t sleep_length(const struct vigil *vigil)
{
	uint64_t length = waited(vigil) / SLEEP_FRACTION;

	if (length < SLEEP_MIN)
		return SLEEP_MIN;
	return length < SLEEP_MAX ? length : SLEEP_MAX;
}

/* How long a sleep without a limit may take: until the next report. */
static uint64_t time_to_report(struct vigil *vigil)
{
	uint64_t time = waited(vigil);

	if (!vigil->due)
		vigil->due = quiesce_stall_time();
	if (vigil->due == QUIESCE_FOREVER)
		return QUIESCE_FOREVER;
	return vigil->due > time ? vigil->due - time : 1;
}

/* Once the limit has passed, and each time that the wait is twice as long. */
static void report_stall(struct domain *domain, struct vigil *vigil)
{
	uint64_t time = waited(vigil);

	if (!vigil->due)
		vigil->due = quiesce_stall_time();
	if (time < vigil->due || !vigil->older)
		return;
	__atomic_store_n(&domain->grace.told, __atomic_load_n(&domain->grace.sequence, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
	if (domain->stalled)
		domain->stalled(domain, time);
	vigil->due = 2 * time;
}

/* A busy reader leaves its section soon, most often: the first looks come one after the other. */
static void spin(struct vigil *vigil)
{
	unsigned int pauses = ++vigil->looks < SPIN_PAUSES ? vigil->looks : SPIN_PAUSES;

	while (pauses--)
		caa_cpu_relax();
}

/*
 * Sleep until a reader that was in an older section wakes us. [S2] pairs with [R4] in
 * urcu/static/urcu-common.h: without the barrier between the store and the look, both sides could
 * miss each other and nobody would wake the leader.
 *
 * [S3] In qsbr a full barrier stands between the store to gp.futex and the one to a reader's waiting;
 * pairs with [R5] in urcu/static/urcu-qsbr.h: a reader that answers an earlier request may clear
 * waiting after we have set it, and then sees -1, or one that finds it set could see nobody to wake.
 */
static void sleep_until_woken(struct domain *domain, struct vigil *vigil)
{
	int32_t *futex = &domain->gp->futex;
	uint64_t length = time_to_report(vigil), left = length;
	unsigned long older = vigil->older;

	__atomic_store_n(futex, -1, __ATOMIC_RELAXED);
	quiesce_delay();
	if (domain->ask_for_wake) {
		cmm_smp_mb();
		quiesce_registry_ask(&domain->registry, domain->ask_for_wake);
	}
	cmm_smp_mb();
	if (!domain->announces && !(domain->membarrier_granted && quiesce_membarrier()))
		left = length = sleep_length(vigil);
	vigil->older = quiesce_registry_rescan(&domain->registry, vigil->gp_ctr);
	if (vigil->older) {
		quiesce_delay();
		vigil->in_vain = quiesce_wait_shared(futex, -1, &left);
		vigil->slept += length - left;
		vigil->older = quiesce_registry_rescan(&domain->registry, vigil->gp_ctr);
	}
	quiesce_delay();
	__atomic_store_n(futex, 0, __ATOMIC_RELAXED);
	vigil->in_vain = vigil->in_vain && vigil->older == older;
}

/* For who looks from outside: that a wait has begun, or is over (0). */
static void tell_wait(struct gp_state *grace, unsigned long since)
{
	__atomic_store_n(&grace->leader_id, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&grace->leader, since ? quiesce_self() : NULL, __ATOMIC_RELAXED);
	__atomic_store_n(&grace->since, since, __ATOMIC_RELAXED);
}

/* For those who wait for the leader. */
static void tell_sleep(struct gp_state *grace)
{
	if (!grace->leader_id)
		__atomic_store_n(&grace->leader_id, quiesce_thread_id(pthread_self()), __ATOMIC_RELAXED);
}

/* Once it is over it stays over: patience is none then, and learn sees it. */
static bool may_spin(struct domain *domain, struct vigil *vigil)
{
	uint64_t now = quiesce_now();

	if (!vigil->looks) {
		vigil->began = now;
		tell_wait(&domain->grace, (unsigned long)(now / QUIESCE_NS_PER_MS) | 1);
	}
	if (SPIN_LOOK * vigil->looks >= vigil->patience || now - vigil->began >= vigil->patience)
		vigil->patience = 0;
	return vigil->patience;
}

/*
 * Wait a little, in the way that suits the time already waited: spin, then sleep. Readers in young
 * sections answer -1 as well, as often as it is set; one such answer is followed by a sleep that
 * does not ask, or a busy program would spend its time waking a leader who waits for one slow
 * reader.
 */
static void keep_vigil(struct domain *domain, struct vigil *vigil)
{
	if (may_spin(domain, vigil)) {
		spin(vigil);
	} else if (domain->readers_wake && !vigil->in_vain) {
		tell_sleep(&domain->grace);
		sleep_until_woken(domain, vigil);
		report_stall(domain, vigil);
		return;
	} else {
		uint64_t length = sleep_length(vigil);

		vigil->in_vain = false;
		vigil->slept += length;
		tell_sleep(&domain->grace);
		quiesce_sleep(length);
		report_stall(domain, vigil);
	}
	vigil->older = quiesce_registry_rescan(&domain->registry, vigil->gp_ctr);
}

/* Spin for long if that was of use when last tried. Where threads outnumber processors, it is not. */
static uint64_t patience(struct gp_state *grace)
{
	return grace->short_spins ? SPIN_SHORT : SPIN_LONG;
}

/* Returns how long it took, in ns; 0: nobody was waited for. */
static uint64_t learn(struct gp_state *grace, const struct vigil *vigil)
{
	if (!vigil->looks)
		return 0;
	if (grace->short_spins) {
		grace->short_spins--;
	} else if (!vigil->patience) {
		grace->caution = grace->caution < SPIN_CAUTION ? 2 * grace->caution + 1 : SPIN_CAUTION;
		grace->short_spins = grace->caution;
	} else {
		grace->caution /= 2;
	}
	return waited(vigil) + 1;
}

static void count_wait(struct gp_state *grace, uint64_t ns)
{
	unsigned int number = 64 - (unsigned int)__builtin_clzll(ns);
	unsigned long *count = &grace->waited[number < GP_LATENCIES ? number : GP_LATENCIES - 1];

	tell_wait(grace, 0);
	__atomic_store_n(count, *count + 1, __ATOMIC_RELAXED);
}

/* Of other threads: once, as it stays so until they mend it, and every grace period meets it. */
static void tell_below_zero(struct domain *domain)
{
	if (caa_unlikely(domain->registry.below_zero) && !domain->grace.told_below_zero) {
		domain->grace.told_below_zero = true;
		quiesce_domain_report_unlock(domain);
	}
}

/*
 * [F1] A full barrier between what the writers did and what the readers' next loads see; pairs with [R2] in
 * urcu/static/urcu-common.h, without it (1) above fails. And before the look at who is registered; pairs
 * with [A1] in src/grace/registry.c: who registers too late for that look sees what the writers did. And
 * after the sequence was made odd; pairs with [T1] in src/grace/gp.c. False: there is nobody to wait for, and no
 * reader to be ordered.
 */
static bool begin(struct domain *domain)
{
	cmm_smp_mb();
	return !quiesce_registry_alone(&domain->registry, domain->calls->self());
}

/* Raise the number; how many readers show an older one. */
static unsigned long begin_pass(struct domain *domain)
{
	struct urcu_gp *gp = domain->gp;

	/* [G] Readers load it in [R1], urcu/static/urcu-common.h, relaxed: see (2). */
	__atomic_store_n(&gp->ctr, gp->ctr + URCU_GP_STEP, __ATOMIC_RELEASE);
	quiesce_delay();
	return quiesce_registry_scan(&domain->registry, gp->ctr);
}

void quiesce_lead(struct domain *domain)
{
	uint64_t ns = 0;

	if (!begin(domain))
		return;
	order_readers(domain);
	quiesce_delay();
	for (int pass = 0; pass < domain->passes; pass++) {
		struct vigil vigil = {
			.patience = patience(&domain->grace),
		};

		vigil.older = begin_pass(domain);
		vigil.gp_ctr = domain->gp->ctr;
		while (vigil.older) {
			keep_vigil(domain, &vigil);
			tell_below_zero(domain);
		}
		ns += learn(&domain->grace, &vigil);
	}
	if (caa_unlikely(ns))
		count_wait(&domain->grace, ns);
	quiesce_delay();
	order_past_sections(domain);
}

/*
 * Numbers that were raised in vain do no harm: the next leader raises his own. Where membarrier has come to be
 * refused it would not be short.
 */
bool quiesce_lead_if_short(struct domain *domain)
{
	if (!begin(domain))
		return true;
	if (rely_on_leader(domain) && !quiesce_membarrier())
		return false;
	quiesce_delay();
	for (int pass = 0; pass < domain->passes; pass++)
		if (begin_pass(domain))
			return false;
	quiesce_delay();
	order_past_sections(domain);
	return true;
}
