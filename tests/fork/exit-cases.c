/* SPDX-License-Identifier: MIT */
#include "exit-cases.h"
#include "started-again.h"

static struct results *results;

#define MARKED(i) results->marks[i]
#include "marks.h"

/* A third each by the standard worker, by one of ours, by the CPUs'; none is freed. */
static void queue_everywhere_from(int first)
{
	own_worker = create_call_rcu_data(0, -1);
	MUST(own_worker);
	queue_marks(first, first + 30);
	set_thread_call_rcu_data(own_worker);
	queue_marks(first + 30, first + 60);
	set_thread_call_rcu_data(NULL);
	MUST(create_all_cpu_call_rcu_data(0) == 0);
	rcu_register_thread();
	queue_marks(first + 60, first + 100);
	rcu_unregister_thread();
}

static void queue_everywhere(void)
{
	queue_everywhere_from(0);
}

/* ---- Exits with callbacks queued ---- */

static int queued(void)
{
	MUST(atexit(free_workers) == 0);
	queue_everywhere();
	return 7;
}

static int queued_registered(void)
{
	MUST(atexit(free_workers) == 0);
	queue_everywhere();
	rcu_register_thread();
	rcu_read_lock();
	rcu_read_unlock();
	return 7;
}

static void *exit_here(void *arg)
{
	queue_everywhere();
	exit(arg ? 1 : 7);
}

/* The main thread is in pthread_join meanwhile. */
static int queued_other_thread(void)
{
	join(start_thread(exit_here, NULL));
	return 1;
}

static void chain(struct rcu_head *head)
{
	if (++results->chained < 10)
		call_rcu(head, chain);
}

static int chained(void)
{
	static struct rcu_head head;

	call_rcu(&head, chain);
	queue_marks(0, 100);
	return 7;
}

static void requeue(struct rcu_head *head)
{
	results->requeued++;
	call_rcu(head, requeue);
}

static int requeues_for_ever(void)
{
	static struct rcu_head head;

	call_rcu(&head, requeue);
	queue_everywhere();
	return 7;
}

static void block(struct rcu_head *head)
{
	while (head)
		pause();
}

/* Only this callback's own worker is blocked. */
static int blocks_for_ever(void)
{
	static struct rcu_head head;

	queue_marks(0, 100);
	rcu_barrier();
	set_thread_call_rcu_data(create_call_rcu_data(0, -1));
	call_rcu(&head, block);
	return 7;
}

static int reader_stuck(void)
{
	static struct reader_thread reader;

	hold(&reader);
	queue_marks(0, 100);
	return 7;
}

/* The exit itself is what the callback waits for: others behind it need the exit's patience. */
static void await_exit(struct rcu_head *head)
{
	(void)head;
	await_asleep(getpid());
}

#ifdef TEST_BP
#undef rcu_exit
#define rcu_exit() ((void)0)	/* bp has none */
#endif

/* What a program may do after it has called the destructor by hand. */
static int exits_by_hand(void)
{
	struct call_rcu_data *worker = create_call_rcu_data(0, -1);

	MUST(worker && create_all_cpu_call_rcu_data(0) == 0);
	set_thread_call_rcu_data(worker);
	queue_marks(0, 30);
	rcu_exit();
	queue_marks(30, 60);
	rcu_exit();
	rcu_barrier();
	MUST(get_thread_call_rcu_data() == worker);
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(worker);
	queue_marks(60, 100);
	rcu_exit();
	free_all_cpu_call_rcu_data();
	queue_everywhere_from(100);
	return 7;
}

static int slow_callback(void)
{
	static struct rcu_head head;

	call_rcu(&head, await_exit);
	queue_marks(0, 100);
	return 7;
}

static void exit_in_callback(struct rcu_head *head)
{
	exit(head ? 7 : 1);
}

static int exits_in_callback(void)
{
	static struct rcu_head head;

	call_rcu(&head, exit_in_callback);
	queue_everywhere();
	pause();
	return 1;
}

static int exits_in_section(void)
{
	queue_everywhere();
	rcu_register_thread();
	rcu_read_lock();
	call_rcu(&marked[100].head, block);
	return 7;
}

/* ---- Exits of forked children ---- */

/* The child has marks of its own for its copies. */
static void be_child_with_hooks(void *arg)
{
	for (int i = 0; i < 200; i++)
		marked[i].mark += 1000;
	exit(arg != NULL);
}

static int child_with_hooks(void)
{
	struct reader_thread reader;

	queue_everywhere();
	rcu_barrier();
	hold(&reader);
	queue_marks(100, 200);
	run_child(be_child_with_hooks, NULL);
	release(&reader);
	return 7;
}

/* The same with no worker made before the fork: the child's exit makes the first. */
static void queue_in_child(void *arg)
{
	queue_marks(0, 100);
	exit(arg != NULL);
}

static int child_queues(void)
{
	run_child(queue_in_child, NULL);
	queue_marks(100, 200);
	rcu_barrier();
	run_child(queue_in_child, NULL);
	return 7;
}

static void be_grandchild(void *arg)
{
	run_child(be_child_with_hooks, arg);
	_exit(0);
}

static int grandchild_with_hooks(void)
{
	struct reader_thread reader;

	hold(&reader);
	queue_marks(0, 200);
	run_child(be_grandchild, NULL);
	release(&reader);
	return 7;
}

static void *churn_readers(void *arg)
{
	for (;;) {
		rcu_register_thread();
		synchronize_rcu();
		rcu_read_lock();
		rcu_read_unlock();
		rcu_unregister_thread();
		if (arg)
			join(start_thread(read_once, NULL));
	}
	return arg;
}

/* Locks of the library may be held at the fork by threads that the child does not have. */
static void fork_without_hooks(int times)
{
	for (int i = 0; i < times; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			alarm(child_limit() / 2);
			STAGE("exit of a child that was forked without hooks");
			exit(0);
		}
		expect_clean(pid);
	}
}

static int children_without_hooks_of_readers(void)
{
	static char new_threads;

	rcu_register_thread();
	start_thread(churn_readers, NULL);
	start_thread(churn_readers, &new_threads);
	fork_without_hooks(300);
	_exit(7);
}

static void *churn_workers(void *arg)
{
	static struct marked own[100];

	for (;;) {
		struct call_rcu_data *worker = create_call_rcu_data(0, -1);

		MUST(worker);
		set_thread_call_rcu_data(worker);
		for (int i = 0; i < 100; i++) {
			own[i].mark = &results->marks[0];
			call_rcu(&own[i].head, mark);
		}
		set_thread_call_rcu_data(NULL);
		call_rcu_data_free(worker);
		rcu_barrier();
	}
	return arg;
}

static int children_without_hooks_of_workers(void)
{
	rcu_register_thread();
	start_thread(churn_readers, NULL);
	start_thread(churn_workers, NULL);
	fork_without_hooks(300);
	_exit(7);
}

static int child_without_hooks_has_callbacks(void)
{
	struct reader_thread reader;

	hold(&reader);
	queue_everywhere();
	fork_without_hooks(5);
	release(&reader);
	return 7;
}

/* ---- Exits while other threads go on ---- */

static int late;		/* the library's destructor has run */

static void operated(void)
{
	__atomic_fetch_add(&results->operations, 1, __ATOMIC_RELAXED);
	if (__atomic_load_n(&late, __ATOMIC_RELAXED))
		__atomic_fetch_add(&results->late_operations, 1, __ATOMIC_RELAXED);
}

/* stdio flushes this stream after all destructors; meanwhile the other threads go on a while. */
static ssize_t flush_late(void *cookie, const char *text, size_t size)
{
	int now = __atomic_load_n(&results->operations, __ATOMIC_RELAXED);

	__atomic_store_n(&late, text || cookie, __ATOMIC_RELAXED);
	for (int i = 0; i < 500; i++) {
		if (__atomic_load_n(&results->operations, __ATOMIC_RELAXED) > now + 200)
			break;
		relax();
	}
	return (ssize_t)size;
}

static int go_on_and_exit(void *(*work)(void *), int threads)
{
	const cookie_io_functions_t late_stream = { .write = flush_late };
	FILE *stream = fopencookie(NULL, "w", late_stream);
	int before;

	MUST(stream && fputs("late", stream) >= 0);
	for (int i = 0; i < threads; i++) {
		start_thread(work, NULL);
		before = __atomic_load_n(&results->operations, __ATOMIC_RELAXED);
		await_that(__atomic_load_n(&results->operations, __ATOMIC_RELAXED) >= before + 20);
	}
	return 7;
}

static void free_marked(struct rcu_head *head)
{
	free(caa_container_of(head, struct marked, head));
}

static void call_once(void)
{
	struct marked *fresh = malloc(sizeof(*fresh));

	if (fresh)
		call_rcu(&fresh->head, free_marked);
	operated();
}

static void *call_registered(void *arg)
{
	rcu_register_thread();
	for (;;)
		call_once();
	return arg;
}

static void *call_on_own_worker(void *arg)
{
	set_thread_call_rcu_data(create_call_rcu_data(0, -1));
	for (;;)
		call_once();
	return arg;
}

static void *read_and_register(void *arg)
{
	for (;;) {
		read_once(arg);
		join(start_thread(read_once, NULL));
		operated();
	}
	return arg;
}

static void *barrier_and_synchronize(void *arg)
{
	for (;;) {
		call_once();
		rcu_barrier();
		synchronize_rcu();
	}
	return arg;
}

static void *make_and_free_workers(void *arg)
{
	for (;;) {
		struct call_rcu_data *worker = create_call_rcu_data(0, -1);

		operated();
		if (worker)
			call_rcu_data_free(worker);
	}
	return arg;
}

static int others_call(void)
{
	MUST(create_all_cpu_call_rcu_data(0) == 0);
	return go_on_and_exit(call_registered, 3);
}

static int others_wait(void)
{
	for (int i = 0; i < 5; i++)
		MUST(create_call_rcu_data(0, -1));
	return go_on_and_exit(barrier_and_synchronize, 3);
}

/* ---- Clean programs ---- */

static void *enter_section(void *arg)
{
	sem_t *meet = arg;

	rcu_register_thread();
	rcu_read_lock();
	rcu_read_unlock();
	sem_post(&meet[0]);
	await(&meet[1]);
	rcu_unregister_thread();
	return NULL;
}

/* So many readers at once that the registry, and bp's arena, have to map memory. */
static void have_readers(int number)
{
	pthread_t threads[60];
	sem_t meet[2];

	sem_init(&meet[0], 0, 0);
	sem_init(&meet[1], 0, 0);
	for (int i = 0; i < number; i++)
		threads[i] = start_thread(enter_section, meet);
	for (int i = 0; i < number; i++)
		await(&meet[0]);
	for (int i = 0; i < number; i++)
		sem_post(&meet[1]);
	for (int i = 0; i < number; i++)
		join(threads[i]);
}

static void free_object(struct rcu_head *head)
{
	free(head);
}

static int clean(void)
{
	MUST(atexit(free_workers) == 0);
	queue_everywhere();
	have_readers(50);
	for (int i = 0; i < 1000; i++)
		call_rcu(malloc(sizeof(struct rcu_head)), free_object);
	return 7;
}

static int clean_freed(void)
{
	struct call_rcu_data *worker = create_call_rcu_data(0, -1);

	rcu_register_thread();
	set_thread_call_rcu_data(worker);
	for (int i = 0; i < 1000; i++)
		call_rcu(malloc(sizeof(struct rcu_head)), free_object);
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(worker);
	synchronize_rcu();
	rcu_unregister_thread();
	return 7;
}

static void clean_in_child(void *arg)
{
	exit(clean() - 7 + (arg != NULL));
}

static int clean_child(void)
{
	struct reader_thread reader;

	hold(&reader);
	queue_everywhere();
	run_child(clean_in_child, NULL);
	release(&reader);
	rcu_barrier();
	run_child(clean_in_child, NULL);
	return 7;
}

/* ---- What free_rcu was given ---- */

static void note_freed(void *mark)
{
	__atomic_fetch_add((int *)mark, 1, __ATOMIC_RELAXED);
}

static void *give_marks(void *marks)
{
	for (int i = 0; i < 500; i++)
		urcu_free_rcu((int *)marks + i);
	return marks;
}

static void give_at_the_end(void)
{
	give_marks(&results->marks[1000]);
	rcu_barrier();
	for (int i = 0; i < 1500; i++)
		MUST(get(&results->marks[i]) == 1);
}

static int given(void)
{
	MUST(atexit(give_at_the_end) == 0 && urcu_free_rcu_with(note_freed) == 0);
	join(start_thread(give_marks, &results->marks[0]));
	return give_marks(&results->marks[500]) ? 7 : 0;
}

static int given_blocks(void)
{
	for (int i = 0; i < 2000; i++)
		urcu_free_rcu(malloc(100));
	return 7;
}

/* ---- By name ---- */

static const struct exit_case {
	const char *name;
	int (*run)(void);
	void *(*work)(void *);	/* in so many threads, if there is nothing else to run */
	int threads;
} cases[] = {
	{ "queued", queued, NULL, 0 },
	{ "queued-registered", queued_registered, NULL, 0 },
	{ "queued-other-thread", queued_other_thread, NULL, 0 },
	{ "chained", chained, NULL, 0 },
	{ "requeues-for-ever", requeues_for_ever, NULL, 0 },
	{ "blocks-for-ever", blocks_for_ever, NULL, 0 },
	{ "reader-stuck", reader_stuck, NULL, 0 },
	{ "exits-by-hand", exits_by_hand, NULL, 0 },
	{ "slow-callback", slow_callback, NULL, 0 },
	{ "exits-in-callback", exits_in_callback, NULL, 0 },
	{ "exits-in-section", exits_in_section, NULL, 0 },
	{ "child-with-hooks", child_with_hooks, NULL, 0 },
	{ "child-queues", child_queues, NULL, 0 },
	{ "grandchild-with-hooks", grandchild_with_hooks, NULL, 0 },
	{ "children-without-hooks-of-readers", children_without_hooks_of_readers, NULL, 0 },
	{ "children-without-hooks-of-workers", children_without_hooks_of_workers, NULL, 0 },
	{ "child-without-hooks-has-callbacks", child_without_hooks_has_callbacks, NULL, 0 },
	{ "others-call", others_call, NULL, 0 },
	{ "others-call-on-own-workers", NULL, call_on_own_worker, 2 },
	{ "others-register", NULL, read_and_register, 20 },
	{ "others-wait", others_wait, NULL, 0 },
	{ "others-make-workers", NULL, make_and_free_workers, 2 },
	{ "given", given, NULL, 0 },
	{ "given-blocks", given_blocks, NULL, 0 },
	{ "clean", clean, NULL, 0 },
	{ "clean-freed", clean_freed, NULL, 0 },
	{ "clean-child", clean_child, NULL, 0 },
};

int run_exit_case(const char *name)
{
	results = take_results(sizeof(*results));
	STAGE(name);
	atexit(tell_failure);
	for (const struct exit_case *c = cases; c < cases + sizeof(cases) / sizeof(cases[0]); c++)
		if (strcmp(c->name, name) == 0)
			return c->run ? c->run() : go_on_and_exit(c->work, c->threads);
	return 126;
}
