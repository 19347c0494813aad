/* SPDX-License-Identifier: MIT */
/* Grace periods one after the other: tickets for them, who leads each, and who waits. */
#include <limits.h>

#include <urcu/arch.h>

#include "grace/grace.h"
#include "system/probe.h"
#include "system/sanitize.h"
#include "system/system.h"

/*
 * How often who waits for another's grace period looks at it before he sleeps: most are over by then, but where the
 * leader waits for a membarrier.
 */
#define LOOKS		50

/*
 * [T1] The full barrier puts the caller's stores before the look at the sequence. Pairs with [F1] in
 * src/grace/lead.c: the leader of the grace period that the ticket is for makes the sequence odd, which we
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

/*
 * Have one, or all, of those who wait with this ticket, if any sleep, look again. It is the call of all that ends
 * asleep, not who wakes up: he may not run for long, and every leader until then would call nobody. Turn's release
 * is behind that: who read the new turn sets asleep after it.
 */
static void call_up(struct gp_state *grace, unsigned long ticket, int count)
{
	int which = ticket >> 1 & 1;

	if (!__atomic_load_n(&grace->asleep[which], __ATOMIC_SEQ_CST))
		return;
	if (count == INT_MAX)
		__atomic_store_n(&grace->asleep[which], false, __ATOMIC_RELAXED);
	quiesce_delay();
	__atomic_fetch_add(&grace->turn[which], 1, __ATOMIC_SEQ_CST);
	quiesce_wake(&grace->turn[which], count);
}

/*
 * The leader's turn ends, with this sequence. [W1] That store comes before the looks at asleep; pairs with
 * [W2] in src/grace/gp.c: either we see the sleeper, or it sees the sequence. One of those who wait for the
 * next has to lead it.
 */
static void end_turn(struct gp_state *grace, unsigned long sequence)
{
	quiesce_delay();
	quiesce_tell_release(&grace->sequence);
	__atomic_store_n(&grace->sequence, sequence, __ATOMIC_SEQ_CST);
	quiesce_delay();
	call_up(grace, sequence, INT_MAX);
	quiesce_delay();
	call_up(grace, sequence + 2, 1);
}

/*
 * By who waits for the leader: it has not ended this grace period since the last look, which was as long ago as a stall
 * takes, and has not reported one.
 */
static void look_at_leader(struct domain *domain, unsigned long sequence, struct watch *watch)
{
	if (watch->seen != sequence)
		watch->since = watch->waited;
	else if (__atomic_load_n(&domain->grace.told, __ATOMIC_RELAXED) != sequence && domain->unled)
		domain->unled(domain, watch->waited - watch->since);
	watch->seen = sequence;
}

/*
 * Sleep until the ticket's grace period is over or has to be led. [W2] asleep is set before the look at
 * the sequence; pairs with [W1] in src/grace/gp.c: a leader who comes to its end after our look changes turn,
 * and the sleep does not begin. turn is read before both: a leader who ends asleep after we have set it, be
 * it for an earlier ticket, changes turn after that, too.
 */
static void await_turn(struct domain *domain, unsigned long ticket, struct watch *watch)
{
	struct gp_state *grace = &domain->grace;
	int which = ticket >> 1 & 1;
	unsigned long sequence;
	int32_t seen;

	seen = __atomic_load_n(&grace->turn[which], __ATOMIC_SEQ_CST);
	quiesce_delay();
	__atomic_store_n(&grace->asleep[which], true, __ATOMIC_SEQ_CST);
	sequence = __atomic_load_n(&grace->sequence, __ATOMIC_SEQ_CST);
	quiesce_delay();
	if ((sequence & 1) && !reached(sequence, ticket))
		quiesce_watched_wait(&grace->turn[which], seen, NULL, watch);
	if ((sequence & 1) && quiesce_watch_is_due(watch))
		look_at_leader(domain, sequence, watch);
}

/* ...for as long as one is under way. Whoever leads need not have room for it. */
static __attribute__((noinline)) void await_turns(struct domain *domain, unsigned long ticket)
{
	struct watch watch = { 0 };
	unsigned long sequence;

	while (((sequence = __atomic_load_n(&domain->grace.sequence, __ATOMIC_ACQUIRE)) & 1) && !reached(sequence, ticket))
		await_turn(domain, ticket, &watch);
}

/* Whether the grace period after this even sequence is the caller's to lead. */
static bool take_turn(struct gp_state *grace, unsigned long sequence)
{
	return __atomic_compare_exchange_n(&grace->sequence, &sequence, sequence + 1, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_RELAXED);
}

/* For a probe. */
static unsigned long registered(const struct domain *domain)
{
	return __atomic_load_n(&domain->registry.registered, __ATOMIC_RELAXED);
}

/*
 * A grace period that is under way may have begun before the caller's stores, so the caller needs
 * the next one, together with all who arrive meanwhile. Whoever of them comes first when it is due
 * leads it; the others sleep until it is over.
 */
void quiesce_gp_wait(struct domain *domain, const char *function)
{
	struct gp_state *grace = &domain->grace;
	unsigned long ticket = quiesce_gp_ticket(grace), sequence;
	unsigned int looks = 0;
	bool led = false;

	while (!reached(sequence = __atomic_load_n(&grace->sequence, __ATOMIC_ACQUIRE), ticket)) {
		if ((sequence & 1) && !domain->has_membarrier && looks++ < LOOKS)
			caa_cpu_relax();
		else if (sequence & 1)
			await_turns(domain, ticket);
		else if (take_turn(grace, sequence)) {
			quiesce_probe(grace_begin, domain->name, sequence, registered(domain));
			grace->function = function;
			quiesce_lead(domain);
			quiesce_probe(grace_end, domain->name, sequence, registered(domain));
			end_turn(grace, sequence + 2);
			led = true;
		}
	}
	if (!led)
		__atomic_fetch_add(&grace->merged, 1, __ATOMIC_RELAXED);
	quiesce_tell_acquire(&grace->sequence);
}

/*
 * If it was in vain the sequence is again what it was: who took a ticket meanwhile waits for one grace period more
 * than he has to. Of those who came to sleep then, one leads.
 */
void quiesce_gp_try(struct domain *domain)
{
	struct gp_state *grace = &domain->grace;
	unsigned long sequence = __atomic_load_n(&grace->sequence, __ATOMIC_RELAXED);

	if (!(sequence & 1) && take_turn(grace, sequence))
		end_turn(grace, quiesce_lead_if_short(domain) ? sequence + 2 : sequence);
}

/*
 * The word's number stays: the forking thread's section may carry it. A grace period that was under
 * way is not over, for it may have waited for that section: it has to be led again.
 */
void quiesce_gp_child(struct domain *domain)
{
	struct gp_state *grace = &domain->grace;

	grace->sequence &= ~1UL;
	grace->asleep[0] = grace->asleep[1] = false;
	__atomic_store_n(&domain->gp->futex, 0, __ATOMIC_RELAXED);
	grace->since = 0;
	grace->told = 0;
	grace->leader = NULL;
}

/* ---- Wanted by somebody who does not wait ---- */

/* A ticket is even: with its lowest bit set it is never 0. */
void quiesce_gp_want(struct domain *domain, unsigned long ticket)
{
	unsigned long wanted = ticket | 1, seen = __atomic_load_n(&domain->grace.wanted, __ATOMIC_RELAXED);

	while ((!seen || (long)(wanted - seen) > 0) &&
	       !__atomic_compare_exchange_n(&domain->grace.wanted, &seen, wanted, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED))
		continue;
}

bool quiesce_gp_is_wanted(struct domain *domain)
{
	struct gp_state *grace = &domain->grace;
	unsigned long wanted = __atomic_load_n(&grace->wanted, __ATOMIC_SEQ_CST);

	while (wanted && quiesce_gp_over(grace, wanted & ~1UL))
		if (__atomic_compare_exchange_n(&grace->wanted, &wanted, 0, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST))
			return false;
	return wanted != 0;
}
