/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <urcu/rculfhash.h>
#include <stdlib.h>
#include <string.h>

struct word {
	char text[16];
	int count;
	struct cds_lfht_node node;
	struct rcu_head head;
};

static unsigned long hash_of(const char *text)
{
	unsigned long hash = 5381;

	while (*text)
		hash = hash * 33 + (unsigned char)*text++;
	return hash;
}

static int match(struct cds_lfht_node *node, const void *key)
{
	return !strcmp(caa_container_of(node, struct word, node)->text, key);
}

static void free_word(struct rcu_head *head)
{
	free(caa_container_of(head, struct word, head));
}

/* Put a word in, or a newer one in the place of the old. */
static int put(struct cds_lfht *ht, const char *text, int count)
{
	struct word *word = calloc(1, sizeof(*word));
	struct cds_lfht_node *old;

	if (!word)
		return -1;
	strncpy(word->text, text, sizeof(word->text) - 1);
	word->count = count;
	rcu_read_lock();
	old = cds_lfht_add_replace(ht, hash_of(text), match, text, &word->node);
	rcu_read_unlock();
	if (old)	/* it is this caller's to free */
		call_rcu(&caa_container_of(old, struct word, node)->head, free_word);
	return 0;
}

int main(void)
{
	struct cds_lfht *ht;
	struct cds_lfht_iter iter;
	struct word *word;
	int count = 0;

	rcu_register_thread();
	ht = cds_lfht_new(16, 16, 0, CDS_LFHT_AUTO_RESIZE, NULL);
	if (!ht || put(ht, "one", 1) || put(ht, "two", 2) || put(ht, "two", 20))
		return EXIT_FAILURE;
	rcu_read_lock();
	cds_lfht_for_each_entry(ht, &iter, word, node) {
		count += word->count;
		if (!cds_lfht_del(ht, &word->node))	/* unless another has */
			call_rcu(&word->head, free_word);
	}
	rcu_read_unlock();
	rcu_barrier();
	if (cds_lfht_destroy(ht, NULL))
		return EXIT_FAILURE;
	rcu_unregister_thread();
	return count == 21 ? EXIT_SUCCESS : EXIT_FAILURE;
}
