/* SPDX-License-Identifier: MIT */
/* Threads that use a flavor in every way there is, again and again. */
#include "torture.h"

#include <urcu/rculfhash.h>

/* Callbacks that were queued and have not come to their end yet. */
static unsigned long under_way;

/* ---- Callbacks ---- */

static void run_called(struct rcu_head *head);

/* In a section: workers of CPUs come and go. */
static void queue(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	rcu_read_lock();
	call_rcu(head, func);
	rcu_read_unlock();
}

/* Seldom it uses RCU itself. */
static void run_called(struct rcu_head *head)
{
	struct object *object = caa_container_of(head, struct object, head);

	if (object->laps) {
		object->laps--;
		queue(head, run_called);
		return;
	}
	switch (pick(1024)) {
	case 0:
		synchronize_rcu();
		break;
	case 1:
		look();
		break;
	case 2:
		sleep_below(2000000);
		break;
	}
	release_object(object);
	raise_by(under_way, -1UL);
}

static void call_once(void)
{
	struct object *old = replace_object();

	old->laps = pick(8) ? 0 : pick(4);
	raise_by(under_way, 1);
	stage("call_rcu");
	queue(&old->head, run_called);
}

static void run_deferred(void *object)
{
	if (pick(256) == 0)
		look();
	release_object((struct object *)object);
}

/* ---- Readers ---- */

static void begin_thread(void)
{
	rcu_register_thread();
	let_signals_in();
}

static void end_thread(void)
{
	keep_signals_out();
	rcu_unregister_thread();
}

/* In qsbr a thread that stays online announces at the end of each section, else it goes offline. */
static void read_some(void)
{
	stage("reading");
	for (int i = 0; i < 50; i++) {
		if (pick(16) == 0)
			rcu_thread_online();
		if (pick(16) == 0)
			rcu_thread_offline();
		look();
	}
	rcu_thread_offline();
	if (pick(64) == 0) {
		stage("registering again");
		end_thread();
		disorder();
		begin_thread();
	}
}

/* ---- Writers ---- */

static void synchronize_once(void)
{
	struct object *old = replace_object();

	stage("synchronize_rcu");
	synchronize_rcu();
	release_object(old);
}

static __thread bool defers;

static void stop_deferring(void)
{
	if (!defers)
		return;
	stage("rcu_defer_unregister_thread");
	rcu_defer_unregister_thread();
	defers = false;
}

static void defer_some(void)
{
	if (!defers) {
		stage("rcu_defer_register_thread");
		must(rcu_defer_register_thread() == 0);
		defers = true;
	}
	for (uint32_t i = pick(40); i; i--) {
		struct object *old = replace_object();

		stage("defer_rcu");
		defer_rcu(run_deferred, old);
	}
	switch (pick(16)) {
	case 0:
		stop_deferring();
		break;
	case 1:
		stage("rcu_defer_barrier");
		rcu_defer_barrier();
		break;
	case 2:
		stage("rcu_defer_barrier_thread");
		rcu_defer_barrier_thread();
		break;
	}
}

#define POLLED 16U

static __thread struct {
	struct object *old[POLLED];
	struct urcu_gp_poll_state state[POLLED];
	unsigned int first, end;
} polls;

/* Return whether the oldest could be released. */
static bool poll_oldest(void)
{
	unsigned int i = polls.first % POLLED;

	if (!poll_state_synchronize_rcu(polls.state[i]))
		return false;
	release_object(polls.old[i]);
	polls.first++;
	return true;
}

static void poll_all(void)
{
	stage("poll_state_synchronize_rcu");
	while (polls.first != polls.end)
		if (!poll_oldest())
			sched_yield();
}

static void poll_once(void)
{
	unsigned int i = polls.end % POLLED;

	if (polls.end - polls.first == POLLED)
		poll_all();
	polls.old[i] = replace_object();
	stage("start_poll_synchronize_rcu");
	polls.state[i] = start_poll_synchronize_rcu();
	polls.end++;
	while (polls.first != polls.end && pick(4) && poll_oldest())
		continue;
}

struct job {
	struct rcu_head head;
	unsigned int *ran;
};

static void run_job(struct rcu_head *head)
{
	raise_by(*caa_container_of(head, struct job, head)->ran, 1);
}

static void wait_for_jobs(void)
{
	struct job jobs[32];
	unsigned int ran = 0, queued = pick(32);

	stage("call_rcu");
	for (unsigned int i = 0; i < queued; i++) {
		jobs[i].ran = &ran;
		queue(&jobs[i].head, run_job);
	}
	disorder();
	stage("rcu_barrier");
	rcu_barrier();
	if (get(ran) != queued)
		fail("rcu_barrier returned when %u of %u callbacks had run", get(ran), queued);
}

/* ---- Workers ---- */

static void call_some(void)
{
	for (uint32_t i = pick(60); i; i--)
		call_once();
}

static void use_own_worker(void)
{
	struct call_rcu_data *worker;

	stage("create_call_rcu_data");
	worker = create_call_rcu_data(pick(4) ? 0 : URCU_CALL_RCU_RT, (int)pick(3) - 1);
	must(worker);
	set_thread_call_rcu_data(worker);
	call_some();
	set_thread_call_rcu_data(NULL);
	stage("call_rcu_data_free");
	call_rcu_data_free(worker);
}

static void use_cpu_workers(void)
{
	stage("create_all_cpu_call_rcu_data");
	must(create_all_cpu_call_rcu_data(0) == 0);
	call_some();
	stage("free_all_cpu_call_rcu_data");
	free_all_cpu_call_rcu_data();
}

static void use_workers(void)
{
	if (pick(2))
		use_own_worker();
	else
		use_cpu_workers();
}

/* ---- The hash table ---- */

#define CROWD 300U

struct entry {
	struct cds_lfht_node node;
	struct rcu_head head;
	const void *key;	/* its own address; NULL: it is freed */
};

static struct cds_lfht *table;

static int has_key(struct cds_lfht_node *node, const void *key)
{
	const struct entry *entry = caa_container_of(node, struct entry, node);

	if (entry->key != entry)
		fail("a lookup in the hash table met a freed node");
	return entry->key == key;
}

static unsigned long hash_of(const struct entry *entry)
{
	return (unsigned long)(uintptr_t)entry / 64 * 0x9e3779b9UL >> 3;
}

static void free_entry(struct rcu_head *head)
{
	struct entry *entry = caa_container_of(head, struct entry, head);

	put(entry->key, NULL);
	free(entry);
	raise_by(under_way, -1UL);
}

static struct entry *add_entry(void)
{
	struct entry *entry = (struct entry *)calloc(1, sizeof(*entry));

	must(entry);
	entry->key = entry;
	raise_by(under_way, 1);
	rcu_read_lock();
	must(cds_lfht_add_unique(table, hash_of(entry), has_key, entry, &entry->node) == &entry->node);
	rcu_read_unlock();
	return entry;
}

static void delete_entry(struct entry *entry)
{
	struct cds_lfht_iter iter;

	rcu_read_lock();
	cds_lfht_lookup(table, hash_of(entry), has_key, entry, &iter);
	if (cds_lfht_iter_get_node(&iter) != &entry->node)
		fail("the hash table has lost a node");
	must(cds_lfht_del(table, &entry->node) == 0);
	call_rcu(&entry->head, free_entry);
	rcu_read_unlock();
}

static void use_table(void)
{
	struct entry *entries[CROWD];
	uint32_t count = pick(CROWD);

	stage("adding to the hash table");
	for (uint32_t i = 0; i < count; i++)
		entries[i] = add_entry();
	if (pick(4) == 0) {
		stage("cds_lfht_resize");
		cds_lfht_resize(table, 1UL << pick(12));
	}
	stage("deleting from the hash table");
	for (uint32_t i = 0; i < count; i++)
		delete_entry(entries[i]);
}

/* ---- Threads born and dying ---- */

/* In bp half of them never register, but are by what they do. */
static void *live_shortly(void *arg)
{
	change_own_priority();
#ifdef TEST_BP
	if (pick(2))
#endif
		rcu_register_thread();
	let_signals_in();
	for (uint32_t i = pick(10); i; i--)
		look();
	if (pick(2))
		call_once();
	if (pick(8) == 0)
		synchronize_once();
	end_thread();
	return arg;
}

static void bear_some(void)
{
	pthread_t threads[8];
	uint32_t count = 1 + pick(8);

	stage("pthread_create");
	for (uint32_t i = 0; i < count; i++)
		threads[i] = start_thread(live_shortly, NULL);
	stage("pthread_join");
	for (uint32_t i = 0; i < count; i++)
		must(pthread_join(threads[i], NULL) == 0);
}

/* ---- All of them ---- */

static const struct actor {
	enum kind kind;
	void (*act)(void);
	void (*end)(void);	/* or NULL */
} actors[] = {
	{ READING, read_some, NULL },
	{ SYNCHRONIZING, synchronize_once, NULL },
	{ CALLING, call_once, NULL },
	{ DEFERRING, defer_some, stop_deferring },
	{ POLLING, poll_once, poll_all },
	{ BARRIERS, wait_for_jobs, NULL },
	{ WORKERS, use_workers, NULL },
	{ TABLE, use_table, NULL },
	{ BIRTHS, bear_some, NULL },
};

#define ACTORS ((unsigned int)(sizeof(actors) / sizeof(actors[0])))

static pthread_t threads[POSTS];
static unsigned int thread_count;

static void *act(void *arg)
{
	const struct actor *actor = (const struct actor *)arg;

	me.post = &board->posts[raise_by(board->used, 1) - 1];
	me.post->kind = actor->kind;
	stage("registering");
	put(me.post->taken, true);
	begin_thread();
	do {
		actor->act();
		done(actor->kind);
	} while (!get(board->over));
	if (actor->end)
		actor->end();
	stage("unregistering");
	end_thread();
	put(me.post->taken, false);
	return NULL;
}

void start_actors(void)
{
	table = cds_lfht_new(1, 1, 0, CDS_LFHT_AUTO_RESIZE, NULL);
	must(table);
	for (unsigned int i = 0; i < ACTORS; i++) {
		unsigned int count = i == 0 ? options.readers : options.writers;

		if (!options.allowed[actors[i].kind])
			continue;
		while (count--)
			threads[thread_count++] = start_thread(act, (void *)(uintptr_t)&actors[i]);
	}
}

void join_actors(void)
{
	while (thread_count)
		must(pthread_join(threads[--thread_count], NULL) == 0);
}

void actors_end(void)
{
	stage("rcu_defer_barrier");
	rcu_defer_barrier();
	stage("rcu_barrier, until all callbacks have run");
	while (get(under_way))
		rcu_barrier();
	stage("cds_lfht_destroy");
	rcu_register_thread();
	must(cds_lfht_destroy(table, NULL) == 0);
	rcu_unregister_thread();
	rcu_barrier();
}
