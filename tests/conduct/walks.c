/* SPDX-License-Identifier: MIT */
/* So many workers, a callback, two barriers and the end, for test-walks.sh to count the instructions of. */
#include <pthread.h>
#include <stdlib.h>

#ifdef TEST_QSBR
#include <urcu-qsbr.h>
#else
#include <urcu.h>
#endif

static struct rcu_head head;

static void ignore(struct rcu_head *unused)
{
	(void)unused;
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 0;
	pthread_attr_t attr;

	pthread_getattr_default_np(&attr);
	pthread_attr_setstacksize(&attr, 1 << 17);
	pthread_setattr_default_np(&attr);
	while (count--)
		if (!create_call_rcu_data(0, -1))
			return 2;
	call_rcu(&head, ignore);
	rcu_barrier();
	rcu_barrier();
	return 0;
}
