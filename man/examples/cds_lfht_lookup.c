/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <urcu/rculfhash.h>
#include <stdio.h>
#include <stdlib.h>

struct user {
	int id;
	struct cds_lfht_node node;
};

static unsigned long hash_of(int id)
{
	return (unsigned long)id * 0x9e3779b1UL;
}

static int match(struct cds_lfht_node *node, const void *key)
{
	return caa_container_of(node, struct user, node)->id == *(const int *)key;
}

int main(void)
{
	static struct user users[3];
	struct cds_lfht *ht;
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;
	struct user *user;
	int key = 20, seen = 0;

	rcu_register_thread();
	ht = cds_lfht_new(16, 16, 0, CDS_LFHT_AUTO_RESIZE, NULL);
	if (!ht)
		return EXIT_FAILURE;
	rcu_read_lock();
	for (int i = 0; i < 3; i++) {
		users[i].id = 10 * (i + 1);
		cds_lfht_add(ht, hash_of(users[i].id), &users[i].node);
	}
	cds_lfht_lookup(ht, hash_of(key), match, &key, &iter);
	node = cds_lfht_iter_get_node(&iter);
	if (!node)
		return EXIT_FAILURE;
	user = caa_container_of(node, struct user, node);
	printf("found %d\n", user->id);

	cds_lfht_for_each_entry(ht, &iter, user, node) {	/* in no order */
		seen += user->id;
		cds_lfht_del(ht, &user->node);
	}
	rcu_read_unlock();
	cds_lfht_destroy(ht, NULL);
	rcu_barrier();
	rcu_unregister_thread();
	return seen == 60 ? EXIT_SUCCESS : EXIT_FAILURE;
}
