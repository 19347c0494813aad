/* SPDX-License-Identifier: MIT */
/* BUG: a thread of qsbr announces no quiescent state: nothing is ever freed */
/* FOUND: no-quiescent-state */
/* FLAVOR: qsbr */
/* OPTIONS: stall=200 */
#include "bugs.h"

static void *reader(void *arg)
{
	rcu_register_thread();
	reach(1);
	while (__atomic_load_n(&step, __ATOMIC_ACQUIRE) < 2) {
		rcu_read_lock();
		look(rcu_dereference(shared));
		rcu_read_unlock();
		usleep(1000);
	}
	rcu_unregister_thread();
	return arg;
}

int main(void)
{
	pthread_t thread = start(reader);

	await(1);
	call_rcu(&new_object()->head, free_object);
	rcu_barrier();
	reach(2);
	pthread_join(thread, NULL);
	return 0;
}
