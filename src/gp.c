/* SPDX-License-Identifier: MIT */
/*
 * The grace-period engine, one for every flavor.
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
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <urcu/flavor.h>

#include "cpu.h"
#include "delay.h"
#include "gp.h"
#include "membarrier.h"
#include "report.h"
#include "sanitize.h"
#include "wait.h"

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

const void *quiesce_self(void)
{
	static QUIESCE_TLS char token;

	return &token;
}

void quiesce_init(struct flavor *flavor)
{
	if (__atomic_exchange_n(&flavor->ready, true, __ATOMIC_RELAXED))
		return;
	flavor->membarrier_granted = flavor->has_membarrier && quiesce_membarrier_init();
	quiesce_watch_ends(flavor);
	quiesce_watch_forks(flavor);
	if (flavor->membarrier_granted)
		__atomic_store_n(flavor->has_membarrier, 1, __ATOMIC_RELAXED);
}

bool quiesce_is_ours(const struct flavor *flavor)
{
	return __atomic_load_n(&flavor->process, __ATOMIC_ACQUIRE) == quiesce_process();
}

/* The leader may sleep until this reader wakes it. */
static void wake_leader(const struct flavor *flavor)
{
	if (__atomic_load_n(&flavor->gp->futex, __ATOMIC_RELAXED) == -1)
		urcu_common_wake_leader(flavor->gp);
}

static void report_unlock(const struct flavor *flavor)
{
	quiesce_report("urcu_%s_read_unlock: was called more often than urcu_%s_read_lock by a thread: "
		       "from here on it counts as in no section", flavor->name, flavor->name);
}

/*
 * After more unlocks than locks the depth is below zero, which looks like a very deep section that
 * nobody ever leaves. There is none: release, as [R3], for those that were.
 */
static bool is_in_section(const struct flavor *flavor, struct reader *self)
{
	if (!quiesce_is_below_zero(self->ctr))
		return self->ctr & URCU_GP_NEST_MASK;
	report_unlock(flavor);
	__atomic_store_n(&self->ctr, 0, __ATOMIC_RELEASE);
	wake_leader(flavor);
	return false;
}

bool quiesce_in_section(const struct flavor *flavor)
{
	struct reader *self = flavor->announces ? NULL : flavor->self();

	return self && is_in_section(flavor, self);
}

bool quiesce_suspend(const struct flavor *flavor)
{
	if (!flavor->announces || !flavor->api->read_ongoing())
		return false;
	flavor->api->thread_offline();
	return true;
}

void quiesce_resume(const struct flavor *flavor, bool suspended)
{
	if (suspended)
		flavor->api->thread_online();
}

void quiesce_register(struct flavor *flavor, struct reader *reader)
{
	if (!quiesce_registry_add(&flavor->registry, reader))
		quiesce_report("urcu_%s_register_thread: the thread is registered already",
			       flavor->name);
	else
		quiesce_watch_thread(flavor);
}

void quiesce_unregister(struct flavor *flavor, struct reader *reader)
{
	if (!flavor->announces && is_in_section(flavor, reader))
		quiesce_report("urcu_%s_unregister_thread: called in a read-side critical section, "
			       "which is no longer protected", flavor->name);
	if (!quiesce_registry_remove(&flavor->registry, reader))
		quiesce_report("urcu_%s_unregister_thread: the thread is not registered",
			       flavor->name);
	quiesce_delay();
	wake_leader(flavor);
}

/* Where readers have no barrier of their own, make them have one now. */
static void order_readers(struct flavor *flavor)
{
	if (flavor->has_membarrier && __atomic_load_n(flavor->has_membarrier, __ATOMIC_RELAXED))
		quiesce_order_all_threads();
}

/*
 * [F2] S1's acquire is enough for our own readers' release stores, [R3] in
 * urcu/static/urcu-common.h, and for anybody's on x86. Elsewhere old binaries leave a section by a
 * plain store.
 */
static void order_past_sections(struct flavor *flavor)
{
#if !defined(__x86_64__) && !defined(__i386__)
	order_readers(flavor);
#else
	(void)flavor;
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
};

/*
 * How long to sleep with a limit. A clock that stands still or jumps costs a few looks, or SLEEP_MAX
 * too much.
 */
static uint64_t sleep_length(const struct vigil *vigil)
{
	uint64_t waited = quiesce_now() - vigil->began, length;

	length = (waited > vigil->slept ? waited : vigil->slept) / SLEEP_FRACTION;
	if (length < SLEEP_MIN)
		return SLEEP_MIN;
	return length < SLEEP_MAX ? length : SLEEP_MAX;
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
static void sleep_until_woken(struct flavor *flavor, struct vigil *vigil)
{
	int32_t *futex = &flavor->gp->futex;
	uint64_t left = QUIESCE_FOREVER, length = 0;
	unsigned long older = vigil->older;

	__atomic_store_n(futex, -1, __ATOMIC_RELAXED);
	quiesce_delay();
	if (flavor->ask_for_wake) {
		cmm_smp_mb();
		quiesce_registry_ask(&flavor->registry, flavor->ask_for_wake);
	}
	cmm_smp_mb();
	if (!flavor->announces && !(flavor->membarrier_granted && quiesce_membarrier()))
		left = length = sleep_length(vigil);
	vigil->older = quiesce_registry_rescan(&flavor->registry, vigil->gp_ctr);
	if (vigil->older) {
		quiesce_delay();
		vigil->in_vain = quiesce_wait_shared(futex, -1, &left);
		vigil->slept += length ? length - left : 0;
		vigil->older = quiesce_registry_rescan(&flavor->registry, vigil->gp_ctr);
	}
	quiesce_delay();
	__atomic_store_n(futex, 0, __ATOMIC_RELAXED);
	vigil->in_vain = vigil->in_vain && vigil->older == older;
}

/* Once it is over it stays over: patience is none then, and learn sees it. */
static bool may_spin(struct vigil *vigil)
{
	uint64_t now = quiesce_now();

	if (!vigil->looks)
		vigil->began = now;
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
static void keep_vigil(struct flavor *flavor, struct vigil *vigil)
{
	if (may_spin(vigil)) {
		spin(vigil);
	} else if (flavor->readers_wake && !vigil->in_vain) {
		sleep_until_woken(flavor, vigil);
		return;
	} else {
		uint64_t length = sleep_length(vigil);

		vigil->in_vain = false;
		vigil->slept += length;
		quiesce_sleep(length);
	}
	vigil->older = quiesce_registry_rescan(&flavor->registry, vigil->gp_ctr);
}

/* Spin for long if that was of use when last tried. Where threads outnumber processors, it is not. */
static uint64_t patience(struct gp_state *grace)
{
	return grace->short_spins ? SPIN_SHORT : SPIN_LONG;
}

static void learn(struct gp_state *grace, const struct vigil *vigil)
{
	if (!vigil->looks)
		return;
	if (grace->short_spins) {
		grace->short_spins--;
	} else if (!vigil->patience) {
		grace->caution = grace->caution < SPIN_CAUTION ? 2 * grace->caution + 1 : SPIN_CAUTION;
		grace->short_spins = grace->caution;
	} else {
		grace->caution /= 2;
	}
}

/* Of other threads: once, as it stays so until they mend it, and every grace period meets it. */
static void tell_below_zero(struct flavor *flavor)
{
	if (caa_unlikely(flavor->registry.below_zero) && !flavor->grace.told_below_zero) {
		flavor->grace.told_below_zero = true;
		report_unlock(flavor);
	}
}

/* Lead a grace period. One thread at a time (sequence). */
static void lead(struct flavor *flavor)
{
	struct urcu_gp *gp = flavor->gp;

	/*
	 * [F1] A full barrier between what the writers did and what the readers' next loads see;
	 * pairs with [R2] in urcu/static/urcu-common.h, without it (1) above fails. And before the
	 * look at who is registered; pairs with [A1] in src/registry.c: who registers too late for
	 * that look sees what the writers did. And after the sequence was made odd; pairs with [T1]
	 * in src/gp.c.
	 */
	cmm_smp_mb();
	if (quiesce_registry_alone(&flavor->registry, flavor->self()))
		return;
	order_readers(flavor);
	quiesce_delay();
	for (int pass = 0; pass < flavor->passes; pass++) {
		struct vigil vigil = {
			.gp_ctr = gp->ctr + URCU_GP_STEP,
			.patience = patience(&flavor->grace),
		};

		/* [G] Readers load it in [R1], urcu/static/urcu-common.h, relaxed: see (2). */
		__atomic_store_n(&gp->ctr, vigil.gp_ctr, __ATOMIC_RELEASE);
		quiesce_delay();
		vigil.older = quiesce_registry_scan(&flavor->registry, vigil.gp_ctr);
		while (vigil.older) {
			keep_vigil(flavor, &vigil);
			tell_below_zero(flavor);
		}
		learn(&flavor->grace, &vigil);
	}
	quiesce_delay();
	order_past_sections(flavor);
}

/* ---- Who leads, and who waits ---- */

/*
 * [T1] The full barrier puts the caller's stores before the look at the sequence. Pairs with [F1] in
 * src/gp.c: the leader of the grace period that the ticket is for makes the sequence odd, which we
 * did not see, before it. Without it a grace period could begin before the caller's stores do.
 */
unsigned long quiesce_gp_ticket(const struct gp_state *grace)
{
	cmm_smp_mb();
	return (__atomic_load_n(&grace->sequence, __ATOMIC_RELAXED) + 3) & ~1UL;
}

static bool reached(unsigned long sequence, unsigned long ticket)
{
	return (long)(sequence - ticket) >= 0;
}

bool quiesce_gp_over(const struct gp_state *grace, unsigned long ticket)
{
	bool over = reached(__atomic_load_n(&grace->sequence, __ATOMIC_ACQUIRE), ticket);

	quiesce_tell_acquire(&grace->sequence);
	return over;
}

/* Have some of those who wait with this ticket, if any sleep, look again. */
static void call_up(struct gp_state *grace, unsigned long ticket, int count)
{
	int which = ticket >> 1 & 1;

	if (!__atomic_load_n(&grace->sleepers[which], __ATOMIC_SEQ_CST))
		return;
	__atomic_fetch_add(&grace->turn[which], 1, __ATOMIC_SEQ_CST);
	quiesce_wake(&grace->turn[which], count);
}

/*
 * Lead the grace period that ends with sequence. [W1] That store comes before the looks at sleepers;
 * pairs with [W2] in src/gp.c: either we see the sleeper, or it sees the sequence. One of those who
 * wait for the next has to lead it.
 */
static void take_turn(struct flavor *flavor, unsigned long sequence)
{
	struct gp_state *grace = &flavor->grace;

	lead(flavor);
	quiesce_delay();
	quiesce_tell_release(&grace->sequence);
	__atomic_store_n(&grace->sequence, sequence, __ATOMIC_SEQ_CST);
	quiesce_delay();
	call_up(grace, sequence, INT_MAX);
	quiesce_delay();
	call_up(grace, sequence + 2, 1);
}

/*
 * Sleep until the ticket's grace period is over or has to be led. [W2] sleepers is raised before the
 * look at the sequence, and turn is read before it; pairs with [W1] in src/gp.c: a leader who comes
 * to its end after our look changes turn, and the sleep does not begin.
 */
static void await_turn(struct gp_state *grace, unsigned long ticket)
{
	int which = ticket >> 1 & 1;
	unsigned long sequence;
	int32_t seen;

	__atomic_fetch_add(&grace->sleepers[which], 1, __ATOMIC_SEQ_CST);
	seen = __atomic_load_n(&grace->turn[which], __ATOMIC_SEQ_CST);
	sequence = __atomic_load_n(&grace->sequence, __ATOMIC_SEQ_CST);
	quiesce_delay();
	if ((sequence & 1) && !reached(sequence, ticket))
		quiesce_wait(&grace->turn[which], seen, NULL);
	quiesce_delay();
	__atomic_fetch_sub(&grace->sleepers[which], 1, __ATOMIC_RELAXED);
}

/*
 * A grace period that is under way may have begun before the caller's stores, so the caller needs
 * the next one, together with all who arrive meanwhile. Whoever of them comes first when it is due
 * leads it; the others sleep until it is over.
 */
static void await_grace_period(struct flavor *flavor)
{
	struct gp_state *grace = &flavor->grace;
	unsigned long ticket = quiesce_gp_ticket(grace), sequence;

	while (!reached(sequence = __atomic_load_n(&grace->sequence, __ATOMIC_ACQUIRE), ticket)) {
		if (sequence & 1)
			await_turn(grace, ticket);
		else if (__atomic_compare_exchange_n(&grace->sequence, &sequence, sequence + 1,
						     false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			take_turn(flavor, sequence + 2);
	}
	quiesce_tell_acquire(&grace->sequence);
}

void quiesce_synchronize(struct flavor *flavor)
{
	bool suspended;

	if (quiesce_in_section(flavor)) {
		quiesce_report("urcu_%s_synchronize_rcu: called in a read-side critical section, it "
			       "would wait for itself for ever", flavor->name);
		abort();
	}
	if (flavor->attend)
		flavor->attend();
	suspended = quiesce_suspend(flavor);
	quiesce_worker_begin_wait();
	quiesce_delay();
	await_grace_period(flavor);
	quiesce_delay();
	quiesce_worker_end_wait();
	quiesce_resume(flavor, suspended);
}

/*
 * The word's number stays: the forking thread's section may carry it. A grace period that was under
 * way is not over, for it may have waited for that section: it has to be led again.
 */
void quiesce_gp_child(struct flavor *flavor)
{
	struct gp_state *grace = &flavor->grace;

	grace->sequence &= ~1UL;
	grace->sleepers[0] = grace->sleepers[1] = 0;
	__atomic_store_n(&flavor->gp->futex, 0, __ATOMIC_RELAXED);
}
