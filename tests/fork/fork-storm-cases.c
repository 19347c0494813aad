/* SPDX-License-Identifier: MIT */
/*
 * All that a flavor has, used by many threads at once: see test-fork-storm.c.
 *
 * Everything that has to run once has a ticket: it is counted when it is started, when it is surely
 * queued, and when it runs. So a forked child can tell, ticket by ticket, whether its own copy ran
 * once, whatever the parent's threads were in the middle of.
 *
 * A thread waits for the worker when it is far ahead of it. So the backlog that every child inherits
 * has a bound, and does not grow the longer the forks keep the worker from running.
 */
#include "fork-storm-cases.h"
#include "fork-harness.h"

#include <urcu/rculfhash.h>

#define ENTRIES		500	/* that a thread puts into the table at a time */
#define TICKETS		512	/* of a thread: as many of its callbacks wait at most */
#define UNFREED		2000	/* of a thread's blocks wait to be freed before it queues more */
#define WAITERS		64	/* every so many, one waits for a grace period when it runs */
/*
 * Deferred calls that a child may have lost, in whose middle somebody was: the two that defer and the
 * forker that registers for each fork anew, in the test itself; and at each of three forks the worker,
 * for which a fork waits for a second only.
 */
#define LOST_AT_MOST	6

/* ---- Tickets ---- */

struct ticket {
	struct rcu_head head;
	int started, queued;	/* written by the owner */
	int run;		/* by the callback */
	bool deferred;		/* by the owner */
};

struct strip {
	struct ticket tickets[TICKETS];
	unsigned int next;
	int unfreed;		/* blocks whose freeing is queued: raised by the owner, lowered by callbacks */
};

static int stop;

static void run_ticket(struct ticket *ticket)
{
	int run = get(&ticket->run) + 1;

	MUST(run == get(&ticket->started));
	put(&ticket->run, run);
	if (run % WAITERS == 0)
		synchronize_rcu();
}

static void run_called(struct rcu_head *head)
{
	run_ticket(caa_container_of(head, struct ticket, head));
}

static void run_deferred(void *ticket)
{
	run_ticket(ticket);
}

static __thread struct strip *own;

/* The oldest of the thread's; NULL if it has not run yet. */
static struct ticket *start_ticket(bool deferred)
{
	struct ticket *ticket = &own->tickets[own->next % TICKETS];

	if (get(&ticket->run) != ticket->started)
		return NULL;
	own->next++;
	ticket->deferred = deferred;
	put(&ticket->started, ticket->started + 1);
	return ticket;
}

/* In a section: workers come and go. */
static void call_one(void)
{
	struct ticket *ticket = start_ticket(false);

	if (!ticket) {
		relax();
		return;
	}
	rcu_read_lock();
	call_rcu(&ticket->head, run_called);
	rcu_read_unlock();
	put(&ticket->queued, ticket->started);
}

static void defer_one(void)
{
	struct ticket *ticket = start_ticket(true);

	if (!ticket) {
		relax();
		return;
	}
	defer_rcu(run_deferred, ticket);
	put(&ticket->queued, ticket->started);
}

static void call_some(int number)
{
	for (int i = 0; i < number; i++)
		call_one();
}

/* ---- Blocks that callbacks free ---- */

/* The thread whose block it is has so many fewer to wait for. */
static void count_freed(int *unfreed)
{
	MUST(__atomic_fetch_sub(unfreed, 1, __ATOMIC_RELAXED) > 0);
}

/* In a section: workers come and go. */
static void call_to_free(struct rcu_head *head, void (*free_block)(struct rcu_head *head))
{
	MUST(__atomic_add_fetch(&own->unfreed, 1, __ATOMIC_RELAXED) < UNFREED + ENTRIES);
	call_rcu(head, free_block);
}

/* In no section. */
static void await_room(void)
{
	await_that(get(&own->unfreed) < UNFREED);
}

/* ---- What readers look at ---- */

#define MAGIC_ALIVE	0x600df00d
#define MAGIC_DEAD	0xdeadbeef

struct object {
	struct rcu_head head;
	unsigned int magic;
	int *unfreed;		/* of the thread that took it away; NULL: it frees it itself */
};

static struct object *published;

static void free_object(struct rcu_head *head)
{
	struct object *object = caa_container_of(head, struct object, head);

	MUST(object->magic == MAGIC_ALIVE);
	object->magic = MAGIC_DEAD;
	if (object->unfreed)
		count_freed(object->unfreed);
	free(object);
}

static struct object *replace_object(void)
{
	struct object *object = malloc(sizeof(*object));

	MUST(object);
	object->magic = MAGIC_ALIVE;
	object->unfreed = NULL;
	return rcu_xchg_pointer(&published, object);
}

static void look(void)
{
	struct object *object;

	rcu_read_lock();
	object = rcu_dereference(published);
	for (int i = 0; object && i < 20; i++)
		MUST(__atomic_load_n(&object->magic, __ATOMIC_RELAXED) == MAGIC_ALIVE);
	rcu_read_unlock();
}

static void replace_by_synchronize(void)
{
	struct object *old = replace_object();

	synchronize_rcu();
	if (old)
		free_object(&old->head);
}

static void replace_by_callback(void)
{
	struct object *old;

	await_room();
	old = replace_object();
	if (!old)
		return;
	old->unfreed = &own->unfreed;
	rcu_read_lock();
	call_to_free(&old->head, free_object);
	rcu_read_unlock();
}

/* ---- The table ---- */

struct entry {
	struct cds_lfht_node node;
	struct rcu_head head;
	int *unfreed;		/* of the thread that deletes it */
};

static struct cds_lfht *table;

static int is_node(struct cds_lfht_node *node, const void *wanted)
{
	return node == wanted;
}

static void free_entry(struct rcu_head *head)
{
	struct entry *entry = caa_container_of(head, struct entry, head);

	count_freed(entry->unfreed);
	free(entry);
}

static unsigned long hash_of(const struct entry *entry)
{
	return (unsigned long)entry / sizeof(void *) * 0x9e3779b97f4a7c15UL >> 16;
}

static void add_entry(struct entry **entry)
{
	MUST((*entry = malloc(sizeof(**entry))) != NULL);
	(*entry)->unfreed = &own->unfreed;
	rcu_read_lock();
	cds_lfht_add(table, hash_of(*entry), &(*entry)->node);
	rcu_read_unlock();
}

static void delete_entry(struct entry *entry)
{
	struct cds_lfht_iter iter;

	rcu_read_lock();
	cds_lfht_lookup(table, hash_of(entry), is_node, &entry->node, &iter);
	MUST(cds_lfht_iter_get_node(&iter) == &entry->node);
	MUST(cds_lfht_del(table, &entry->node) == 0);
	call_to_free(&entry->head, free_entry);
	rcu_read_unlock();
}

/* It grows and shrinks by this. */
static void use_table(void)
{
	struct entry *entries[ENTRIES];

	await_room();
	for (int i = 0; i < ENTRIES; i++)
		add_entry(&entries[i]);
	for (int i = 0; i < ENTRIES; i++)
		delete_entry(entries[i]);
}

/* ---- What the threads do, again and again ---- */

static void produce(void)
{
	call_some(50);
	replace_by_callback();
}

static void use_own_worker(void)
{
	struct call_rcu_data *worker = create_call_rcu_data(0, -1);

	MUST(worker);
	set_thread_call_rcu_data(worker);
	call_some(100);
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(worker);
}

static void use_cpu_workers(void)
{
	MUST(create_all_cpu_call_rcu_data(0) == 0);
	call_some(100);
	free_all_cpu_call_rcu_data();
}

static void start_and_join_reader(void)
{
	join(start_thread(read_once, NULL));
}

static void use_poll(void)
{
	struct urcu_gp_poll_state state = start_poll_synchronize_rcu();

	await_that(poll_state_synchronize_rcu(state));
}

static void defer_some(void)
{
	for (int i = 0; i < 50; i++)
		defer_one();
}

static void defer_and_finish(void)
{
	MUST(rcu_defer_register_thread() == 0);
	defer_some();
	rcu_defer_barrier();
	defer_some();
	rcu_defer_unregister_thread();
}

static void defer_and_wait(void)
{
	MUST(rcu_defer_register_thread() == 0);
	for (int i = 0; i < 20; i++)
		defer_some();
	rcu_defer_unregister_thread();
}

static const struct action {
	void (*act)(void);
} actions[] = {
	{ look }, { replace_by_synchronize }, { produce }, { use_own_worker }, { use_cpu_workers },
	{ start_and_join_reader }, { rcu_barrier }, { use_poll }, { use_table }, { use_table },
	{ defer_and_finish }, { defer_and_wait },
};

#define ACTIONS ((int)(sizeof(actions) / sizeof(actions[0])))

static struct strip strips[ACTIONS + FORKERS];
static pthread_t threads[ACTIONS];

static void *repeat(void *arg)
{
	const struct action *action = arg;

	own = &strips[action - actions];
	rcu_register_thread();
	while (!get(&stop))
		action->act();
	rcu_unregister_thread();
	return NULL;
}

/* ---- That everything has run ---- */

/*
 * Return how many deferred calls did not run that should have: in a child those that a thread was
 * in the middle of running at the fork. What a thread was in the middle of queueing may have run or
 * not. All are settled after this.
 */
static int count_lost(bool in_child)
{
	int lost = 0;

	for (int i = 0; i < (ACTIONS + FORKERS) * TICKETS; i++) {
		struct ticket *ticket = &strips[i / TICKETS].tickets[i % TICKETS];

		if (get(&ticket->run) == ticket->started)
			continue;
		MUST(in_child && ticket->run + 1 == ticket->started);
		if (ticket->queued == ticket->started) {
			MUST(ticket->deferred);
			lost++;
		}
		ticket->queued = ticket->run = ticket->started;
	}
	return lost;
}

static void count_nodes(unsigned long *number)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	*number = 0;
	rcu_read_lock();
	cds_lfht_for_each(table, &iter, node)
		++*number;
	rcu_read_unlock();
}

/* Until the thread's last call has run, and with it those before. */
static void await_last(void)
{
	struct ticket *ticket = &own->tickets[(own->next - 1) % TICKETS];

	while (get(&ticket->run) != ticket->started)
		relax();
}

/* What is deferred runs by rcu_defer_barrier; or else the thread's own by the worker first. */
static void use(bool by_barrier)
{
	use_everything();
	STAGE("poll");
	use_poll();
	STAGE("hash table");
	use_table();
	STAGE("defer");
	defer_some();
	if (!by_barrier)
		await_last();
	rcu_defer_barrier();
	STAGE("rcu_barrier");
	rcu_barrier();
	MUST(count_lost(true) <= LOST_AT_MOST);
	for (int i = 0; i < 20; i++)
		replace_by_callback();
}

/* ---- The interface ---- */

static void attach(struct shared *memory, pid_t pid)
{
	shared = memory;
	test_pid = pid;
}

static void start_load(void)
{
	put(&stop, 0);
	rcu_register_thread();
	table = cds_lfht_new(4, 4, 0, CDS_LFHT_AUTO_RESIZE, NULL);
	MUST(table);
	rcu_unregister_thread();
	for (int i = 0; i < ACTIONS; i++)
		threads[i] = start_thread(repeat, (void *)(uintptr_t)&actions[i]);
}

static void stop_load(void)
{
	unsigned long nodes;

	put(&stop, 1);
	for (int i = 0; i < ACTIONS; i++)
		join(threads[i]);
	rcu_register_thread();
	rcu_barrier();
	MUST(count_lost(false) == 0);
	count_nodes(&nodes);
	MUST(nodes == 0);
	MUST(cds_lfht_destroy(table, NULL) == 0);
	rcu_unregister_thread();
	rcu_barrier();
}

static void enter(int forker)
{
	own = &strips[ACTIONS + forker];
	rcu_register_thread();
	MUST(rcu_defer_register_thread() == 0);
}

static void leave(void)
{
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
}

static void begin_section(void)
{
	rcu_read_lock();
}

static void end_section(void)
{
	rcu_read_unlock();
}

static void queue_some(void)
{
	look();
	call_some(25);
	defer_some();
}

static struct storm_load load = {
	.flavor = FLAVOR, .attach = attach, .start = start_load, .stop = stop_load, .enter = enter,
	.leave = leave, .begin_section = begin_section, .end_section = end_section,
	.before_fork = call_rcu_before_fork, .after_fork_parent = call_rcu_after_fork_parent,
	.after_fork_child = call_rcu_after_fork_child, .queue_some = queue_some, .use = use,
};

static __attribute__((constructor)) void add_load(void)
{
	load.next = storm_loads;
	storm_loads = &load;
}
