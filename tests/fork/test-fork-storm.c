/* SPDX-License-Identifier: MIT */
/*
 * Everything at once while several threads fork: readers, producers, synchronizers, barriers,
 * workers made and freed, per-CPU workers made and freed, threads that come and go. The children
 * use everything, fork three levels deep and leave in every way there is. STORM_SECONDS sets how
 * long (default 4).
 *
 * A child that hangs is ended by its alarm, and the stage it was in is reported.
 */
#include <dirent.h>
#include <malloc.h>
#include <sys/resource.h>
#include <time.h>

#include "fork-harness.h"

#define FORKERS		3
#define DEEPEST		3
#define MAGIC_ALIVE	0x600df00d
#define MAGIC_DEAD	0xdeadbeef
#define OUTSTANDING	20000	/* callbacks, where producers take a rest */

static int stop;
static long queued, freed;	/* objects that producers made, and callbacks freed */

struct object {
	struct rcu_head head;
	unsigned int magic;
};

static struct object *published;

static struct object *object_new(void)
{
	struct object *object = malloc(sizeof(*object));

	MUST(object);
	object->magic = MAGIC_ALIVE;
	return object;
}

static void object_free(struct object *object)
{
	object->magic = MAGIC_DEAD;
	free(object);
}

static void free_later(struct rcu_head *head)
{
	object_free(caa_container_of(head, struct object, head));
	__atomic_fetch_add(&freed, 1, __ATOMIC_RELAXED);
}

/* In a section: workers come and go. */
static void queue_one(void)
{
	struct object *object = object_new();

	__atomic_fetch_add(&queued, 1, __ATOMIC_RELAXED);
	rcu_read_lock();
	call_rcu(&object->head, free_later);
	rcu_read_unlock();
}

/* ---- The parent's threads ---- */

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
	struct object *old = rcu_xchg_pointer(&published, object_new());

	synchronize_rcu();
	if (old)
		object_free(old);
}

static void replace_by_callback(void)
{
	struct object *old = rcu_xchg_pointer(&published, object_new());

	if (!old)
		return;
	__atomic_fetch_add(&queued, 1, __ATOMIC_RELAXED);
	rcu_read_lock();
	call_rcu(&old->head, free_later);
	rcu_read_unlock();
}

static void produce(void)
{
	if (__atomic_load_n(&queued, __ATOMIC_RELAXED) -
	    __atomic_load_n(&freed, __ATOMIC_RELAXED) > OUTSTANDING)
		relax();
	for (int i = 0; i < 50; i++)
		queue_one();
	replace_by_callback();
}

static void use_own_worker(void)
{
	struct call_rcu_data *worker = create_call_rcu_data(0, -1);

	MUST(worker);
	set_thread_call_rcu_data(worker);
	for (int i = 0; i < 100; i++)
		queue_one();
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(worker);
}

static void use_cpu_workers(void)
{
	MUST(create_all_cpu_call_rcu_data(0) == 0);
	for (int i = 0; i < 100; i++)
		queue_one();
	free_all_cpu_call_rcu_data();
}

static void start_and_join_reader(void)
{
	join(start_thread(read_once, NULL));
}

static void *repeat(void *act)
{
	void (*once)(void);

	memcpy(&once, &act, sizeof(once));
	rcu_register_thread();
	while (!get(&stop))
		once();
	rcu_unregister_thread();
	return NULL;
}

static void (*const actions[])(void) = {
	look, look, replace_by_synchronize, produce, produce, use_own_worker, use_own_worker,
	use_cpu_workers, use_cpu_workers, start_and_join_reader, rcu_barrier,
};

#define ACTIONS ((int)(sizeof(actions) / sizeof(actions[0])))

/* ---- The forking threads and their children ---- */

enum leaving { BY_EXIT, BY__EXIT, BY_EXEC, BY_ABORT, BY_SIGNAL, WAYS };

struct forker {
	pthread_t thread;
	unsigned int seed;
	int forks;
};

static void leave(enum leaving way)
{
	switch (way) {
	case BY_EXIT:
		exit(0);
	case BY_EXEC:
		execlp("true", "true", (char *)NULL);
		_exit(127);
	case BY_ABORT:
		signal(SIGABRT, SIG_DFL);
		abort();
	case BY_SIGNAL:
		signal(SIGTERM, SIG_DFL);
		raise(SIGTERM);
		_exit(126);
	default:
		_exit(0);
	}
}

static bool left_so(enum leaving way, int status)
{
	if (way == BY_ABORT)
		return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
	if (way == BY_SIGNAL)
		return WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
	return status == 0;
}

static void fork_in_storm(struct forker *forker, int depth);

static void be_child(struct forker *forker, int depth, enum leaving way)
{
	struct counted *all = counted_new(50);

	look();
	queue_all(all, 25);
	if (depth < DEEPEST)
		fork_in_storm(forker, depth + 1);
	use_everything();
	queue_all(all + 25, 25);
	if (forker->seed % 3)
		finish(all, 50);
	for (int i = 0; i < 20; i++)
		replace_by_callback();
	STAGE("leaving");
	leave(way);
}

static void fork_in_storm(struct forker *forker, int depth)
{
	unsigned int draw = (unsigned int)rand_r(&forker->seed);
	enum leaving way = (enum leaving)(draw / 16 % WAYS);
	bool in_section = draw % 16 == 0;
	int status;
	pid_t pid;

	if (in_section)
		rcu_read_lock();
	pid = hooked_fork();
	if (in_section)
		rcu_read_unlock();
	MUST(pid >= 0);
	if (pid == 0)
		be_child(forker, depth, way);
	MUST(waitpid(pid, &status, 0) == pid);
	if (shared->failure[0] || left_so(way, status))
		return;
	snprintf(shared->failure, sizeof(shared->failure),
		 "level %d, way %d: status %#x, last in: %s", depth, (int)way,
		 (unsigned int)status, shared->stage);
}

/* One of them registers for each fork anew. */
static void *fork_on(void *arg)
{
	struct forker *forker = arg;
	bool anew = forker->seed == 1;

	rcu_register_thread();
	while (!get(&stop) && !shared->failure[0]) {
		fork_in_storm(forker, 1);
		forker->forks++;
		if (!anew)
			continue;
		rcu_unregister_thread();
		rcu_register_thread();
	}
	rcu_unregister_thread();
	return NULL;
}

/* ---- The storm ---- */

static long forks;

static void sleep_for(double seconds)
{
	struct timespec time = { (time_t)seconds, (long)((seconds - (long)seconds) * 1e9) };

	while (nanosleep(&time, &time) != 0)
		continue;
}

static void storm(double seconds)
{
	struct forker forkers[FORKERS];
	pthread_t threads[ACTIONS];

	put(&stop, 0);
	for (int i = 0; i < ACTIONS; i++) {
		void *act;

		memcpy(&act, &actions[i], sizeof(act));
		threads[i] = start_thread(repeat, act);
	}
	for (int i = 0; i < FORKERS; i++) {
		forkers[i] = (struct forker) { .seed = (unsigned int)i + 1 };
		forkers[i].thread = start_thread(fork_on, &forkers[i]);
	}
	sleep_for(seconds);
	put(&stop, 1);
	for (int i = 0; i < FORKERS; i++) {
		join(forkers[i].thread);
		forks += forkers[i].forks;
	}
	for (int i = 0; i < ACTIONS; i++)
		join(threads[i]);
	rcu_barrier();
	MUST(queued == freed);
	if (shared->failure[0])
		ck_abort_msg("%s", shared->failure);
}

static int count_entries(const char *directory)
{
	DIR *dir = opendir(directory);
	int entries = 0;

	MUST(dir);
	while (readdir(dir))
		entries++;
	closedir(dir);
	return entries;
}

/* Threads that were joined, and helpers without work, are gone a moment later. */
static int count_threads(int expected)
{
	int number;

	for (int i = 0; i < 100000; i++) {
		number = count_entries("/proc/self/task");
		if (number <= expected)
			break;
		relax();
	}
	return number;
}

static long heap(void)
{
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	return (long)mallinfo2().uordblks;
#else
	return 0;
#endif
}

static double storm_seconds(void)
{
	const char *text = getenv("STORM_SECONDS");

	return text && atof(text) > 0 ? atof(text) : 4;
}

/* A first short storm makes what stays: the worker's thread, the registry's array, heaps. */
START_TEST(a_storm_of_forks_breaks_nothing_and_leaves_nothing)
{
	const struct rlimit no_core = { 0, 0 };
	int threads, descriptors;
	long memory;

	setrlimit(RLIMIT_CORE, &no_core);
	storm(storm_seconds() / 4);
	threads = count_threads(2 + 2);
	descriptors = count_entries("/proc/self/fd");
	memory = heap();
	storm(storm_seconds());
	ck_assert_int_le(count_threads(threads), threads);
	ck_assert_int_eq(count_entries("/proc/self/fd"), descriptors);
	ck_assert_int_lt(heap() - memory, 1 << 18);
	ck_assert_int_gt(forks, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fork-storm/" FLAVOR);
	TCase *tcase = add_case(suite, "storm");

	tcase_set_timeout(tcase, 60 + 3 * storm_seconds());
	tcase_add_test(tcase, a_storm_of_forks_breaks_nothing_and_leaves_nothing);
	return run_suite(suite);
}
