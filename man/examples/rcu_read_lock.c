/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <stdio.h>
#include <stdlib.h>

struct config {
	int port;
};

static struct config *current;		/* published by rcu_set_pointer */

static int get_port(void)
{
	struct config *config;
	int port = -1;

	rcu_read_lock();
	config = rcu_dereference(current);
	if (config)
		port = config->port;
	rcu_read_unlock();
	return port;		/* a copy: config may be gone by now */
}

int main(void)
{
	struct config *config = malloc(sizeof(*config));
	int port;

	if (!config)
		return EXIT_FAILURE;
	rcu_register_thread();
	config->port = 8080;
	rcu_set_pointer(&current, config);
	port = get_port();
	printf("port %d\n", port);

	rcu_set_pointer(&current, NULL);
	synchronize_rcu();
	free(config);
	rcu_unregister_thread();
	return port == 8080 ? EXIT_SUCCESS : EXIT_FAILURE;
}
