/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <stdlib.h>

/* Code that any flavor's readers may use. */
static int read_under(const struct rcu_flavor_struct *flavor, int **shared)
{
	int value;

	flavor->read_lock();
	value = *rcu_dereference(*shared);
	flavor->read_unlock();
	return value;
}

int main(void)
{
	static int value = 3;
	static int *shared = &value;
	int seen;

	rcu_flavor.register_thread();
	seen = read_under(&rcu_flavor, &shared);
	rcu_flavor.update_synchronize_rcu();
	rcu_flavor.unregister_thread();
	return seen == 3 ? EXIT_SUCCESS : EXIT_FAILURE;
}
