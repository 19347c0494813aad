/* SPDX-License-Identifier: MIT */
/*
 * Callbacks, and threads whose steps are texts: A, B and C. A letter for each:
 *	q call_rcu   f urcu_free_rcu   F as many as an array of it holds, and some   e defer_rcu   E more than its queue holds
 *	G thousands, of one block that stays, so that who gives leads grace periods himself
 *	b rcu_barrier   t urcu_barrier_timeout of 1 ms   d urcu_drain of 1 ms   y rcu_defer_barrier
 *	o a worker of its own   R one with URCU_CALL_RCU_RT   x it is freed
 *	c workers for all CPUs   C they are freed   w the standard worker is stopped   l a limit of one callback
 *	r a section, in which what is reachable stays   p a poll that is asked until it says yes
 * What came back says that the thread's own callbacks have run: they have, and the thread sees what they did. With ORDER
 * they have run in their order.
 */
#include <sched.h>

#include <quiesce/stall.h>

#include "checker/rcu.h"

#include <urcu/backlog.h>
#include <urcu/free-rcu.h>

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

struct self {
	int who, queued, given, deferred;	/* given to defer_rcu, and done */
	struct call_rcu_data *own;
	bool registered;
};

static void queue(struct self *self)
{
	struct callback *callback = malloc(sizeof(*callback));

	callback->who = self->who;
	callback->number = self->queued++;
	call_rcu(&callback->head, run_callback);
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

static void own_worker(struct self *self, unsigned long flags)
{
	self->own = create_call_rcu_data(flags, -1);
	set_thread_call_rcu_data(self->own);
}

static void check(const struct self *self)
{
	for (int i = 0; i < self->queued; i++)
		assert(done[self->who][i] == 1);
}

static void step(struct self *self, char letter)
{
	switch (letter) {
	case 'q': queue(self); break;
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
	case 'r': look(); break;
	case 'p': poll_until_over(); break;
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

int main(void)
{
	static char *const texts[3] = { A, B, C };
	pthread_t threads[3];

	/* Time passes when nobody can run. */
	quiesce_set_stall_timeout(0);
	shared = make_item(1);
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
