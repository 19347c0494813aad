/* SPDX-License-Identifier: MIT */
/*
 * Step 6: a server that forks. Two threads answer requests, a third changes the table, and the main thread forks again
 * and again: the child has the table as it was at that instant, writes it out and ends, while the parent goes on.
 * The three hooks around fork tell the library of it.
 *
 * cc 6-server.c $(pkg-config --cflags --libs liburcu-memb liburcu-cds) -pthread
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <urcu.h>
#include <urcu/rculfhash.h>

enum { NETWORKS = 200, SERVERS = 2, REQUESTS = 500, CHANGES = 5000, SAVES = 5 };

struct route {
	struct cds_lfht_node node;
	struct rcu_head rcu;
	int network, hop, cost;		/* a whole route costs twice the number of its hop */
};

static struct cds_lfht *routes;

/* Spread over the low bits, which choose the bucket. */
static unsigned long hash(int network)
{
	return network * 0x9e3779b9u;
}

static int match(struct cds_lfht_node *node, const void *network)
{
	return caa_container_of(node, struct route, node)->network == *(const int *)network;
}

static void free_route(struct rcu_head *head)
{
	free(caa_container_of(head, struct route, rcu));
}

static void change(int network, int hop)
{
	struct route *new = malloc(sizeof(*new));
	struct cds_lfht_node *old;

	if (!new)
		abort();
	cds_lfht_node_init(&new->node);
	new->network = network;
	new->hop = hop;
	new->cost = 2 * hop;
	rcu_read_lock();
	old = cds_lfht_add_replace(routes, hash(network), match, &network, &new->node);
	rcu_read_unlock();
	if (old)
		call_rcu(&caa_container_of(old, struct route, node)->rcu, free_route);
}

static void *change_all(void *arg)
{
	(void)arg;
	rcu_register_thread();
	for (int i = 0; i < CHANGES; i++)
		change(i % NETWORKS, i);
	rcu_unregister_thread();
	return NULL;
}

/* What a client gets: network, hop, cost. It waits for requests outside of sections. */
static void *serve(void *arg)
{
	const int *socket = arg;
	int answer[3];

	rcu_register_thread();
	while (read(*socket, &answer[0], sizeof(answer[0])) == sizeof(answer[0])) {
		struct cds_lfht_iter iter;
		struct cds_lfht_node *node;

		rcu_read_lock();
		cds_lfht_lookup(routes, hash(answer[0]), match, &answer[0], &iter);
		node = cds_lfht_iter_get_node(&iter);
		sched_yield();			/* meanwhile it is replaced */
		answer[1] = node ? caa_container_of(node, struct route, node)->hop : -1;
		answer[2] = node ? caa_container_of(node, struct route, node)->cost : -1;
		rcu_read_unlock();
		if (write(*socket, answer, sizeof(answer)) != sizeof(answer))
			break;
	}
	rcu_unregister_thread();
	return NULL;
}

/* The child's: no other thread is there that could change the table. How many routes went out whole. */
static int write_all(FILE *file)
{
	struct cds_lfht_iter iter;
	struct route *route;
	int whole = 0;

	rcu_read_lock();
	cds_lfht_for_each_entry(routes, &iter, route, node)
		whole += fprintf(file, "%d %d\n", route->network, route->hop) > 0 && route->cost == 2 * route->hop;
	rcu_read_unlock();
	return whole;
}

static pid_t fork_with_rcu(void)
{
	pid_t pid;

	call_rcu_before_fork();
	pid = fork();
	if (pid == 0)
		call_rcu_after_fork_child();
	else
		call_rcu_after_fork_parent();	/* if fork has failed, too */
	return pid;
}

/* Whether a child has saved everything. The parent's threads go on meanwhile. */
static int save(void)
{
	pid_t pid = fork_with_rcu();
	int status;

	if (pid == 0) {
		FILE *file = tmpfile();

		_exit(file && write_all(file) == NETWORKS && fclose(file) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* Whether a server has answered rightly. */
static int ask(int socket, int network)
{
	int answer[3];

	return write(socket, &network, sizeof(network)) == sizeof(network) &&
	       read(socket, answer, sizeof(answer)) == sizeof(answer) &&
	       answer[0] == network && answer[2] == 2 * answer[1];
}

static void empty(void)
{
	struct cds_lfht_iter iter;
	struct route *route;

	rcu_read_lock();
	cds_lfht_for_each_entry(routes, &iter, route, node)
		if (cds_lfht_del(routes, &route->node) == 0)
			call_rcu(&route->rcu, free_route);
	rcu_read_unlock();
}

int main(void)
{
	pthread_t server[SERVERS], writer;
	int sockets[SERVERS][2], answered = 0, saved = 0;

	rcu_register_thread();
	routes = cds_lfht_new(16, 16, 0, CDS_LFHT_AUTO_RESIZE, NULL);
	if (!routes)
		return EXIT_FAILURE;
	for (int i = 0; i < NETWORKS; i++)
		change(i, 0);
	for (int i = 0; i < SERVERS; i++)
		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets[i]) ||
		    pthread_create(&server[i], NULL, serve, &sockets[i][1]))
			return EXIT_FAILURE;
	if (pthread_create(&writer, NULL, change_all, NULL))
		return EXIT_FAILURE;
	for (int i = 0; i < REQUESTS; i++) {
		answered += ask(sockets[i % SERVERS][0], i % NETWORKS);
		if (i % (REQUESTS / SAVES) == 0)
			saved += save();
	}
	for (int i = 0; i < SERVERS; i++) {
		shutdown(sockets[i][0], SHUT_RDWR);	/* the server's read ends */
		pthread_join(server[i], NULL);
	}
	pthread_join(writer, NULL);
	empty();
	if (cds_lfht_destroy(routes, NULL))
		return EXIT_FAILURE;
	rcu_barrier();
	rcu_unregister_thread();
	printf("%d of %d requests answered, %d of %d times saved\n", answered, REQUESTS, saved, SAVES);
	return answered == REQUESTS && saved == SAVES ? EXIT_SUCCESS : EXIT_FAILURE;
}
