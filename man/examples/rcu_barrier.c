/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <errno.h>
#include <stdlib.h>

static int runs;

static void again(struct rcu_head *head)
{
	if (++runs < 3)
		call_rcu(head, again);
}

int main(void)
{
	static struct rcu_head head;
	int at_least;

	rcu_register_thread();
	call_rcu(&head, again);
	rcu_barrier();			/* the first run; not those that it queued */
	at_least = uatomic_read(&runs) >= 1;
#ifdef URCU_HAVE_BACKLOG		/* liburcu has neither of these */
	if (urcu_drain(10000) == -ETIMEDOUT || runs != 3)
		return EXIT_FAILURE;
	if (urcu_barrier_timeout(0))	/* a look: nothing is queued */
		return EXIT_FAILURE;
#endif
	rcu_unregister_thread();
	return at_least ? EXIT_SUCCESS : EXIT_FAILURE;
}
