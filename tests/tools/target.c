/* SPDX-License-Identifier: MIT */
/*
 * A program in a known state, to be looked at from outside: a reader that stays in its section, a writer that waits
 * for it, callbacks behind it, structures that are whole, and others that were broken on purpose. Says "ready",
 * and then ends by abort ("core"), or waits to be killed.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(TEST_BP)
#include <urcu-bp.h>
#elif defined(TEST_QSBR)
#include <urcu-qsbr.h>
#else
#include <urcu.h>
#endif

#include <urcu/rculfhash.h>
#include <urcu/rculist.h>
#include <urcu/wfcqueue.h>

struct item {
	int number;
	struct rcu_head head;
	struct cds_lfht_node in_table;
	struct cds_list_head in_list;
	struct cds_wfcq_node in_queue;
};

/* Named in test-gdb.sh and test-top.sh. */
struct cds_lfht *table, *broken_table;
CDS_LIST_HEAD(list);
CDS_LIST_HEAD(broken_list);
struct cds_wfcq_head queue_head, broken_head;
struct cds_wfcq_tail queue_tail, broken_tail;
struct cds_list_head nowhere = { (void *)8, (void *)8 };

static pthread_barrier_t both;
static pid_t writer_id, follower_id;

static void free_item(struct rcu_head *head)
{
	free(caa_container_of(head, struct item, head));
}

static void count_item(struct rcu_head *head)
{
	free_item(head);
}

static struct item *make_item(int number)
{
	struct item *item = calloc(1, sizeof(*item));

	if (!item)
		abort();
	item->number = number;
	return item;
}

static void *hold(void *arg)
{
	prctl(PR_SET_NAME, "holder");
	rcu_register_thread();
	rcu_read_lock();
	rcu_read_lock();
	pthread_barrier_wait(&both);
	for (;;)
		pause();
	return arg;
}

static void *visit(void *arg)
{
	prctl(PR_SET_NAME, "visitor");
	rcu_register_thread();
	rcu_read_lock();
	rcu_read_unlock();
	/* bp has no such thing as offline. */
#ifdef TEST_QSBR
	rcu_thread_offline();
#endif
	pthread_barrier_wait(&both);
	for (;;)
		pause();
	return arg;
}

static void *write_on(void *arg)
{
	prctl(PR_SET_NAME, "writer");
	writer_id = (pid_t)syscall(SYS_gettid);
	pthread_barrier_wait(&both);
	synchronize_rcu();
	return arg;
}

/* When there is a leader. */
static void *follow(void *arg)
{
	prctl(PR_SET_NAME, "follower");
	follower_id = (pid_t)syscall(SYS_gettid);
	pthread_barrier_wait(&both);
	synchronize_rcu();
	return arg;
}

static void begin(void *(*function)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, function, NULL) != 0)
		abort();
	pthread_barrier_wait(&both);
}

/* The leader sleeps when it has found the holder in its section. */
static void await_asleep(pid_t id)
{
	char path[64], line[256], *state = line;
	ssize_t length;
	int file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", id);
	do {
		file = open(path, O_RDONLY);
		length = read(file, line, sizeof(line) - 1);
		close(file);
		if (length <= 0)
			abort();
		line[length] = 0;
		state = strrchr(line, ')');
		sched_yield();
	} while (state[2] != 'S');
}

static void fill(void)
{
	for (int i = 0; i < 10; i++) {
		struct item *item = make_item(i);

		rcu_read_lock();
		cds_lfht_add(table, (unsigned long)i * 7919, &item->in_table);
		cds_lfht_add(broken_table, (unsigned long)i * 7919, &make_item(i)->in_table);
		rcu_read_unlock();
		cds_list_add_tail(&item->in_list, &list);
		cds_list_add_tail(&make_item(i)->in_list, &broken_list);
		cds_wfcq_enqueue(&queue_head, &queue_tail, &item->in_queue);
		cds_wfcq_enqueue(&broken_head, &broken_tail, &make_item(i)->in_queue);
	}
}

/* A list and a queue that go in a circle past their heads, and a table that leads nowhere. */
static void break_some(void)
{
	struct cds_lfht_iter iter;

	broken_list.prev->next = broken_list.next->next;
	broken_head.node.next->next->next = broken_head.node.next;
	rcu_read_lock();
	cds_lfht_first(broken_table, &iter);
	cds_lfht_next(broken_table, &iter);
	rcu_read_unlock();
	iter.node->next = (struct cds_lfht_node *)0x1238;
}

int main(int argc, char **argv)
{
	struct call_rcu_data *made;

	pthread_barrier_init(&both, NULL, 2);
	rcu_register_thread();
	table = cds_lfht_new(4, 4, 0, CDS_LFHT_AUTO_RESIZE, NULL);
	broken_table = cds_lfht_new(4, 1, 4, 0, NULL);
	cds_wfcq_init(&queue_head, &queue_tail);
	cds_wfcq_init(&broken_head, &broken_tail);
	made = create_call_rcu_data(URCU_CALL_RCU_RT, -1);
	fill();
	rcu_barrier();
	begin(hold);
	begin(visit);
	begin(write_on);
#ifdef TEST_QSBR
	rcu_thread_offline();
#endif
	await_asleep(writer_id);
	begin(follow);
	await_asleep(follower_id);
	for (int i = 0; i < 5; i++)
		call_rcu(&make_item(i)->head, free_item);
	set_thread_call_rcu_data(made);
	for (int i = 0; i < 3; i++)
		call_rcu(&make_item(i)->head, count_item);
	break_some();
	puts("ready");
	fflush(stdout);
	if (argc > 1 && strcmp(argv[1], "core") == 0)
		abort();
	for (;;)
		pause();
}
