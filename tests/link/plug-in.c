/* SPDX-License-Identifier: MIT */
/* A plug-in that uses bp, or another flavor, and owns no threads; plug-in-host.c loads it. */
#include <stdlib.h>

#if defined(OF_memb) || defined(OF_mb)
#include <urcu.h>
#elif defined(OF_qsbr)
#include <urcu-qsbr.h>
#else
#include <urcu-bp.h>
#define rcu_register_thread()	((void)0)
#endif

#define CALLS 5

static void release(struct rcu_head *head)
{
	free(head);
}

/* In any thread; none is ever registered with bp. Returns how often it called call_rcu. */
int visit(void)
{
	rcu_register_thread();
	for (int i = 0; i < CALLS; i++) {
		struct rcu_head *head = (struct rcu_head *)malloc(sizeof(*head));

		if (!head)
			return 0;
		rcu_read_lock();
		rcu_read_lock();
		rcu_read_unlock();
		call_rcu(head, release);
		rcu_read_unlock();
	}
	synchronize_rcu();
	rcu_unregister_thread();
	return CALLS;
}

/* Leaves the calling thread in the state of one that has read, and no more. */
int glance(void)
{
	rcu_read_lock();
	rcu_read_unlock();
	return 1;
}
