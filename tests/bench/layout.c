/* SPDX-License-Identifier: MIT */
/*
 * Neighbours in memory: of the fields that every core reads and hardly anybody writes, and those
 * that are written often, which cache line they are in (lines.sh). Prints a table in Markdown.
 */
#include <stddef.h>
#include <stdio.h>

#include "flavor/flavor.h"
#include "lfht/lfht.h"

static void row(const char *structure, const char *read, size_t read_at, const char *written,
		size_t written_at)
{
	printf("| struct %s | %s | %zu | %s | %zu | %s |\n", structure, read, read_at / 64, written,
	       written_at / 64, read_at / 64 == written_at / 64 ? "together" : "apart");
}

#define ROW(structure, read, written)						\
	row(#structure, #read, offsetof(struct structure, read), #written,	\
	    offsetof(struct structure, written))

int main(void)
{
	printf("| structure | read by all | line | written often | line | |\n");
	printf("| --- | --- | --- | --- | --- | --- |\n");
	ROW(domain, calls, registry.lock);
	ROW(domain, calls, grace.sequence);
	ROW(domain, gp, registry.lock);
	ROW(workers, per_cpu, lock);
	ROW(workers, per_cpu, standard.newest);
	ROW(call_rcu_data, server, newest);
	ROW(call_rcu_data, server, takes);
	ROW(call_rcu_data, newest, takes);
	ROW(cds_lfht, shape, count);
	ROW(cds_lfht, pieces, count);
	ROW(cds_lfht, counters, count);
	return 0;
}
