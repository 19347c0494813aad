/* SPDX-License-Identifier: MIT */
/*
 * Callbacks, and threads whose steps are texts: A, B and C. A letter for each:
 *	q call_rcu   Q the same, without a wait of a tenth of a second for room: time passes when nobody can go on
 *	f urcu_free_rcu   F as many as an array of it holds, and some   e defer_rcu   E more than its queue holds
 *	G thousands, of one block that stays, so that who gives leads grace periods himself
 *	b rcu_barrier   t urcu_barrier_timeout of 1 ms   d urcu_drain of 1 ms   y rcu_defer_barrier
 *	o a worker of its own   R one with URCU_CALL_RCU_RT   x it is freed
 *	c workers for all CPUs   C they are freed   w the standard worker is stopped   l a limit of one callback
 *	D a fork that waits for half a second for what is at the limit, and does not wait so long
 *	N the calling CPU's is taken from it and freed   z rcu_exit   n urcu_get_stats
 *	r a section, in which what is reachable stays   p a poll that is asked until it says yes
 *	P a poll that is asked when all the others have done what they can
 *	u a section that is left twice   S synchronize_rcu, after what was reachable was made unreachable
 *	h the hooks of a fork   H the same, in a section   s a callback that waits for readers   X one that ends its thread
 *	k one that calls the hooks of a fork   O in qsbr: offline from here on
 * What came back says that the thread's own callbacks have run: they have, and the thread sees what they did. With ORDER
 * they have run in their order.
 */
#include <sched.h>
#include <time.h>

#include <quiesce/report.h>
#include <quiesce/stall.h>

#include "checker/rcu.h"

#include <urcu/backlog.h>
#include <urcu/free-rcu.h>
#include <urcu/stats.h>

#ifndef B
#define B ""
#endif
#ifndef C
#define C ""
#endif
#ifndef LAST
#define LAST ""
#endif

#define CALLBACKS	16

struct callback {
	struct rcu_head head;
	int who, number;
};

/* Each is written by its callback alone, plainly: who reads it must come after. */
int done[4][CALLBACKS], in_order[4];
void *often;
int often_given, often_released;

/* Any thread may be in here. */
static void release_it(void *block)
{
	if (block == often)
		__atomic_fetch_add(&often_released, 1, relaxed);
	else
		free(block);
}

static void run_callback(struct rcu_head *head)
{
	struct callback *callback = caa_container_of(head, struct callback, head);

	assert(!done[callback->who][callback->number]++);
#ifdef ORDER
	assert(in_order[callback->who]++ == callback->number);
#endif
	free(callback);
}

/* Whoever forks must not wait for it in a section. */
static void wait_and_run(struct rcu_head *head)
{
	synchronize_rcu();
	run_callback(head);
}

static void run_and_leave(struct rcu_head *head)
{
	run_callback(head);
	pthread_exit(NULL);
}

static void call_hooks(void)
{
	call_rcu_before_fork();
	call_rcu_after_fork_parent();
}

static void call_hooks_and_run(struct rcu_head *head)
{
	call_hooks();
	run_callback(head);
}

struct self {
	int who, queued, given, deferred;	/* given to defer_rcu, and done */
	int checked;				/* that many callbacks have run */
	struct call_rcu_data *own;
	bool registered;
};

static void queue(struct self *self, void (*call)(struct rcu_head *head))
{
	struct callback *callback = malloc(sizeof(*callback));

	callback->who = self->who;
	callback->number = self->queued++;
	call_rcu(&callback->head, call);
}

static long milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void queue_soon(struct self *self)
{
	long before = milliseconds();

	queue(self, run_callback);
	assert(milliseconds() - before < 100);
}

static void fork_soon(void)
{
	long before = milliseconds();

	urcu_set_fork_drain(500);
	call_hooks();
	assert(milliseconds() - before < 100);
}

/* What is reachable in a section of anybody's is made unreachable, and given away. */
static void give(int count)
{
	struct item *item = rcu_xchg_pointer(&shared, NULL);

	if (item)
		urcu_free_rcu(item);
	while (count--)
		urcu_free_rcu(malloc(1));
}

static void give_often(int count)
{
	__atomic_fetch_add(&often_given, count, relaxed);
	while (count--)
		urcu_free_rcu(often);
}

static void note_deferred(void *count)
{
	++*(int *)count;
}

static void defer(struct self *self, int count)
{
	if (!self->registered && rcu_defer_register_thread() != 0)
		return;
	self->registered = true;
	self->given += count;
	while (count--)
		defer_rcu(note_deferred, &self->deferred);
}

static void look(void)
{
	struct item *item;

	rcu_read_lock();
	item = rcu_dereference(shared);
	if (item)
		assert(item->value == 1);
	rcu_read_unlock();
}

static void wait_for_readers(void)
{
	struct item *item = rcu_xchg_pointer(&shared, NULL);

	synchronize_rcu();
	if (item)
		item->value = 3;
	free(item);
}

static void leave_twice(void)
{
	look();
	rcu_read_unlock();
}

static void call_hooks_in_section(void)
{
	rcu_read_lock();
	call_hooks();
	rcu_read_unlock();
}

static void poll_until_over(void)
{
	struct item *item = rcu_xchg_pointer(&shared, NULL);
	struct urcu_gp_poll_state state = start_poll_synchronize_rcu();

	while (!poll_state_synchronize_rcu(state))
		sched_yield();
	if (item)
		item->value = 3;
	free(item);
}

/* A virtual second is over when nobody else can go on. Of a few looks one finds what they did. */
static void poll_late(void)
{
	struct item *item = rcu_xchg_pointer(&shared, NULL);
	struct urcu_gp_poll_state state = start_poll_synchronize_rcu();
	struct timespec second = { .tv_sec = 1 };

	bool over = false;

	nanosleep(&second, NULL);
	for (int i = 0; i < 20 && !over; i++)
		over = poll_state_synchronize_rcu(state);
	assert(over);
	if (item)
		item->value = 3;
	free(item);
}

static void own_worker(struct self *self, unsigned long flags)
{
	self->own = create_call_rcu_data(flags, -1);
	set_thread_call_rcu_data(self->own);
}

static void take_from_cpu(void)
{
	int cpu = sched_getcpu();
	struct call_rcu_data *worker = get_cpu_call_rcu_data(cpu);

	if (!worker)
		return;
	assert(set_cpu_call_rcu_data(cpu, NULL) == 0);
	synchronize_rcu();
	call_rcu_data_free(worker);
}

static void check(struct self *self)
{
	for (int i = 0; i < self->queued; i++)
		assert(done[self->who][i] == 1);
	self->checked = self->queued;
}

/* What is over is counted, and no more than what was begun. */
static void read_stats(const struct self *self)
{
	struct urcu_stats stats;

	urcu_get_stats(&stats);
	assert(stats.run >= (unsigned long)self->checked);
	assert(stats.freed <= stats.given);
	assert(!self->checked || stats.grace_periods);
}

static void step(struct self *self, char letter)
{
	switch (letter) {
	case 'q': queue(self, run_callback); break;
	case 'Q': queue_soon(self); break;
	case 's': queue(self, wait_and_run); break;
	case 'k': queue(self, call_hooks_and_run); break;
	case 'X': queue(self, run_and_leave); break;
	case 'f': give(0); break;
	case 'F': give(300); break;
	case 'G': give_often(2100); break;
	case 'e': defer(self, 1); break;
	case 'E': defer(self, 2100); break;
	case 'b': rcu_barrier(); check(self); break;
	case 't':
		if (urcu_barrier_timeout(1) == 0)
			check(self);
		break;
	case 'd':
		if (urcu_drain(1) == 0)
			check(self);
		break;
	case 'y': rcu_defer_barrier(); assert(self->deferred == self->given); break;
	case 'o': own_worker(self, 0); break;
	case 'R': own_worker(self, URCU_CALL_RCU_RT); break;
	case 'x':
		set_thread_call_rcu_data(NULL);
		call_rcu_data_free(self->own);
		break;
	case 'c': assert(create_all_cpu_call_rcu_data(0) == 0); break;
	case 'C': free_all_cpu_call_rcu_data(); break;
	case 'w': urcu_stop_default_worker(); break;
	case 'l': urcu_set_backlog_limit(0, 1); break;
	case 'D': fork_soon(); break;
	case 'r': look(); break;
	case 'p': poll_until_over(); break;
	case 'P': poll_late(); break;
	case 'N': take_from_cpu(); break;
#ifndef TEST_BP
	case 'z': rcu_exit(); break;
#endif
	case 'n': read_stats(self); break;
	case 'O': rcu_thread_offline(); break;
	case 'u': leave_twice(); break;
	case 'S': wait_for_readers(); break;
	case 'h': call_hooks(); break;
	case 'H': call_hooks_in_section(); break;
	default: abort();
	}
}

static void *go(void *text)
{
	static int threads;
	struct self self = { .who = __atomic_fetch_add(&threads, 1, relaxed) };

	rcu_register_thread();
	for (const char *letter = text; *letter; letter++)
		step(&self, *letter);
	if (self.registered)
		rcu_defer_unregister_thread();
	assert(self.deferred == self.given);
	rcu_unregister_thread();
	return NULL;
}

static __attribute__((unused)) void hear_nothing(const char *message)
{
	(void)message;
}

int main(void)
{
	static char *const texts[3] = { A, B, C };
	pthread_t threads[3];

	/* Time passes when nobody can run. */
	quiesce_set_stall_timeout(0);
	shared = make_item(1);
#ifdef REPORTS
	quiesce_set_report_handler(hear_nothing);
#endif
#ifdef RELEASE
	often = malloc(1);
	assert(urcu_free_rcu_with(release_it) == 0);
#endif
	for (int i = 0; i < 3; i++)
		if (*texts[i] && pthread_create(&threads[i], NULL, go, texts[i]) != 0)
			abort();
	for (int i = 0; i < 3; i++)
		if (*texts[i])
			pthread_join(threads[i], NULL);
	go(LAST);
	rcu_barrier();
	assert(often_released == often_given);
	for (int i = 0; i < 4; i++)
		for (int j = 1; j < CALLBACKS; j++)
			assert(done[i][j] <= done[i][j - 1]);
	return 0;
}
