/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <urcu/rculist.h>
#include <pthread.h>
#include <stdlib.h>

struct host {
	int address;
	struct cds_list_head node;
};

static CDS_LIST_HEAD(hosts);
static pthread_mutex_t writers = PTHREAD_MUTEX_INITIALIZER;

static int is_known(int address)
{
	struct host *host;
	int known = 0;

	rcu_read_lock();
	cds_list_for_each_entry_rcu(host, &hosts, node)
		known |= host->address == address;
	rcu_read_unlock();
	return known;
}

static struct host *add(int address)
{
	struct host *host = malloc(sizeof(*host));

	if (!host)
		return NULL;
	host->address = address;
	pthread_mutex_lock(&writers);
	cds_list_add_tail_rcu(&host->node, &hosts);
	pthread_mutex_unlock(&writers);
	return host;
}

static void take_out(struct host *host)
{
	pthread_mutex_lock(&writers);
	cds_list_del_rcu(&host->node);
	pthread_mutex_unlock(&writers);
	synchronize_rcu();
	free(host);
}

int main(void)
{
	struct host *host;
	int before;

	rcu_register_thread();
	host = add(1234);
	if (!host)
		return EXIT_FAILURE;
	before = is_known(1234);
	take_out(host);
	before = before && !is_known(1234);
	rcu_unregister_thread();
	return before ? EXIT_SUCCESS : EXIT_FAILURE;
}
