/* SPDX-License-Identifier: MIT */
/*
 * What tables take: bytes of an empty one, and for each node (beside the node itself) of a table that
 * grew by itself to the number of nodes given. Prints "name nodes 1 bytes".
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <urcu.h>
#include <urcu/rculfhash.h>

#define TABLES	1000

static double resident(void)
{
	unsigned long size, pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (file && fscanf(file, "%lu %lu", &size, &pages) != 2)
		pages = 0;
	if (file)
		fclose(file);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static unsigned long hash_of(unsigned long key)
{
	key *= 0x9e3779b97f4a7c15UL;
	return key ^ key >> 32;
}

static void empty_tables(const char *name, int flags)
{
	size_t before = mallinfo2().uordblks;

	for (int i = 0; i < TABLES; i++)
		cds_lfht_new(1, 1, 0, flags, NULL);
	printf("%s 0 1 %.1f\n", name, (double)(mallinfo2().uordblks - before) / TABLES);
}

int main(int argc, char **argv)
{
	unsigned long nodes = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000000;
	struct cds_lfht_node *all = malloc(nodes * sizeof(*all));
	struct cds_lfht *table;
	double before;

	memset(all, 1, nodes * sizeof(*all));
	setvbuf(stdout, NULL, _IOLBF, 0);
	rcu_register_thread();
	empty_tables("bytes-empty", 0);
	empty_tables("bytes-empty-resizing", CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING);
	table = cds_lfht_new(1, 1, 0, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING, NULL);
	before = resident();
	for (unsigned long i = 0; i < nodes; i++) {
		rcu_read_lock();
		cds_lfht_add(table, hash_of(i), &all[i]);
		rcu_read_unlock();
	}
	rcu_barrier();
	printf("bytes-a-node %lu 1 %.1f\n", nodes, (resident() - before) / (double)nodes);
	fflush(stdout);
	_exit(0);
}
