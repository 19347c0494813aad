/* SPDX-License-Identifier: MIT */
/* A grace period that takes long: who holds it up. */
#include <stdio.h>

#include "flavor/flavor.h"
#include "system/probe.h"

/* So many readers are named, each in a report of its own. */
#define NAMED	8

struct behind_text { char text[96]; };

/* The one who waits may have the lock himself, between the hooks; another who forks has it for long. */
static const char *behind(struct workers *all, struct behind_text *room)
{
	struct urcu_backlog backlog;

	if (!quiesce_backlog_look(all, &backlog))
		return "somebody forks";
	snprintf(room->text, sizeof(room->text), "%lu callbacks and %zu bytes of free_rcu wait behind it",
		 backlog.callbacks, backlog.bytes);
	return room->text;
}

static const char *who(struct thread_text *room, const struct awaited *reader)
{
	if (reader->id)
		return quiesce_thread_text(room, reader->thread, reader->id);
	snprintf(room->text, sizeof(room->text), "a thread that has ended, or whose end would not be seen (%#lx)",
		 (unsigned long)reader->thread);
	return room->text;
}

struct why_text { char text[64]; };

static const char *why(struct why_text *room, const struct domain *domain, const struct awaited *reader)
{
	if (domain->announces)
		return "is online and has announced no quiescent state";
	snprintf(room->text, sizeof(room->text), "is in a section, %lu deep", reader->depth);
	return room->text;
}

void quiesce_flavor_stalled(struct domain *domain, uint64_t ns)
{
	struct workers *all = &caa_container_of(domain, struct engine, domain)->workers;
	struct awaited readers[NAMED];
	unsigned long count = quiesce_registry_name(&domain->registry, domain->calls, readers, NAMED);
	struct behind_text behind_room;
	struct thread_text who_room;
	struct time_text time_room;
	struct why_text why_room;

	for (unsigned long i = 0; i < count && i < NAMED; i++) {
		__atomic_fetch_add(&domain->grace.stalls, 1, __ATOMIC_RELAXED);
		quiesce_probe(stall, domain->name, ns, readers[i].id);
		quiesce_report("urcu_%s_%s: a grace period has waited for %s, for reader %lu of %lu: %s %s; %s",
			       domain->name, domain->grace.function, quiesce_time_text(&time_room, ns), i + 1, count,
			       who(&who_room, &readers[i]), why(&why_room, domain, &readers[i]),
			       behind(all, &behind_room));
	}
}

/* It may be gone: its id is as it was when it slept, and nothing of it is looked at but by the kernel. */
void quiesce_flavor_unled(struct domain *domain, uint64_t ns)
{
	struct workers *all = &caa_container_of(domain, struct engine, domain)->workers;
	const void *leader = __atomic_load_n(&domain->grace.leader, __ATOMIC_RELAXED);
	int id = __atomic_load_n(&domain->grace.leader_id, __ATOMIC_RELAXED);
	struct behind_text behind_room;
	struct thread_text who_room;
	struct time_text time_room;

	__atomic_fetch_add(&domain->grace.stalls, 1, __ATOMIC_RELAXED);
	quiesce_probe(stall, domain->name, ns, id);
	quiesce_report("urcu_%s_synchronize_rcu: another thread's grace period has not gone on for %s: %s leads it, and has "
		       "ended in the middle, is stopped, or gets no processor; %s", domain->name,
		       quiesce_time_text(&time_room, ns),
		       leader ? quiesce_thread_text(&who_room, (pthread_t)leader, id) : "a thread that has not slept yet",
		       behind(all, &behind_room));
}
