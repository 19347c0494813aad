/* SPDX-License-Identifier: MIT */
#include <quiesce/stats.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu.h>

int main(void)
{
	struct urcu_stats all;
	unsigned int flavors;

	rcu_register_thread();
	synchronize_rcu();
	flavors = quiesce_get_stats(&all);
	printf("%lu grace periods of %u flavor%s\n", all.grace_periods, flavors, flavors == 1 ? "" : "s");
	rcu_unregister_thread();
	return flavors >= 1 && all.grace_periods >= 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
