/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <poll.h>
#include <stdlib.h>

static int *shared;

int main(void)
{
	struct urcu_gp_poll_state state;
	int *old = malloc(sizeof(*old));
	int looks = 0;

	if (!old)
		return EXIT_FAILURE;
	rcu_set_pointer(&shared, old);
	rcu_set_pointer(&shared, NULL);		/* readers may still have it */
	state = start_poll_synchronize_rcu();
	while (!poll_state_synchronize_rcu(state) && looks < 10000) {
		poll(NULL, 0, 1);		/* whatever else there is to do */
		looks++;
	}
	if (looks == 10000)
		return EXIT_FAILURE;
	free(old);
	return EXIT_SUCCESS;
}
