/* SPDX-License-Identifier: MIT */
/* Coroutines, and which of them goes on. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "checker.h"

/* An execution that takes longer is cut off: so long at least, four times as long as the first, and the first at so many. */
#define STEPS_MIN	6000U
#define STEPS_MAX	40000U
/* So many loads without a store between them are a loop that waits for somebody. */
#define LOOKS_MAX	60
#define TLS_MAX		32
#define BEGINNING	UINT64_C(1000000000)	/* of virtual time, ns */
#define TOO_LONG	UINT64_C(3000000000)

struct thread ck_threads[THREADS];
int ck_thread_count;
struct thread *ck_self;
static jmp_buf ended;
static unsigned int steps, most_steps;
static uint64_t now;
static int standing;		/* how many wait for their moment */
static struct { void *control, *memory; } variables[THREADS][TLS_MAX];

static void thread_main(void)
{
	struct thread *self = ck_self;
	extern void ck_thread_over(struct thread *thread);

	self->result = self->start(self->arg);
	ck_thread_over(self);
	abort();
}

/* Not from the stack of a thread: from the one who runs the execution, or between threads. */
static void go_to(struct thread *thread)
{
	ck_self = thread;
	errno = thread->saved_errno;
	if (thread->started)
		_longjmp(thread->here, 1);
	thread->started = true;
	setcontext(&thread->context);
	abort();
}

static void switch_to(struct thread *thread)
{
	struct thread *self = ck_self;

	if (thread == self)
		return;
	self->saved_errno = errno;
	if (!_setjmp(self->here))
		go_to(thread);
}

/* In a fork's child there is room in the place of one who is gone, if need be. */
static int free_number(void)
{
	if (ck_thread_count < THREADS)
		return ck_thread_count++;
	for (int i = 0; i < THREADS; i++)
		if (ck_threads[i].gone)
			return i;
	ck_fail("the scenario has more than %d threads", THREADS);
}

struct thread *ck_new_thread(void *(*start)(void *), void *arg)
{
	int number = free_number();
	struct thread *thread = &ck_threads[number];
	instant first = 1;

	memset(thread, 0, offsetof(struct thread, dependencies));
	memset(&thread->carried, 0, sizeof(*thread) - offsetof(struct thread, carried));
	thread->dependency_count = 0;
	thread->number = number;
	ck_settle(number);
	thread->start = start;
	thread->arg = arg;
	thread->deadline = UINT64_MAX;
	thread->stack = (char *)STACKS + (size_t)thread->number * STACK_SIZE;
	getcontext(&thread->context);
	thread->context.uc_stack.ss_sp = thread->stack;
	thread->context.uc_stack.ss_size = STACK_SIZE;
	thread->context.uc_link = NULL;
	makecontext(&thread->context, thread_main, 0);
	if (ck_self) {
		thread->view = ck_self->view;
		thread->mask = ck_self->mask;
		first += thread->view.happens.of[number];
	}
	thread->view.happens.of[number] = thread->view.sees.of[number] = first;
	memset(variables[thread->number], 0, sizeof(variables[0]));
	return thread;
}

static void *call_first(void *arg)
{
	(*(void (**)(void))arg)();
	return NULL;
}

void ck_run(void (*first)(void))
{
	static void (*body)(void);
	static bool mapped;

	if (!mapped) {
		mapped = mmap((void *)STACKS, THREADS * STACK_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == (void *)STACKS;
		if (!mapped)
			abort();
	}
	body = first;
	ck_thread_count = 0;
	steps = 0;
	standing = 0;
	now = BEGINNING;
	ck_self = NULL;
	if (!_setjmp(ended)) {
		struct thread *thread = ck_new_thread(call_first, &body);

		thread->by_program = true;
		go_to(thread);
	}
	ck_self = NULL;
	if (!most_steps)
		most_steps = 4 * steps > STEPS_MIN ? 4 * steps : STEPS_MIN;
}

void ck_finish(void)
{
	_longjmp(ended, 1);
}

static void end_variables(int number)
{
	for (int i = 0; i < TLS_MAX && variables[number][i].control; i++)
		ck_free(variables[number][i].memory, 0);
}

/* ---- Who goes on ---- */

uint64_t ck_now(void)
{
	return now;
}

void ck_pass(uint64_t ns)
{
	now += ns;
}

static const char *const waits[] = {
	"is about to go on", "sleeps on futex", "waits for mutex", "waits for condition", "joins", "waits to fork",
	"has ended"
};

__attribute__((noreturn)) static void report_deadlock(void)
{
	char text[600] = "";

	for (int i = 0; i < ck_thread_count; i++) {
		struct thread *thread = &ck_threads[i];
		size_t length = strlen(text);

		if (thread->what != ENDED)
			snprintf(text + length, sizeof(text) - length, "%s thread %d %s %s",
				 length ? "," : "", i, waits[thread->what],
				 thread->what == WAIT_JOIN || thread->what == RUNNING ? "" :
				 ck_name(thread->object));
	}
	ck_fail("nobody can go on (deadlock, or a wake-up was lost):%s", text);
}

/* The thread whose deadline is next, or NULL. */
static struct thread *earliest(void)
{
	struct thread *first = NULL;

	for (int i = 0; i < ck_thread_count; i++) {
		struct thread *thread = &ck_threads[i];

		if (thread->what != RUNNING && thread->what != ENDED && thread->deadline != UINT64_MAX &&
		    (!first || thread->deadline < first->deadline))
			first = thread;
	}
	return first;
}

void ck_wake(struct thread *thread)
{
	thread->what = RUNNING;
	thread->woken = true;
	thread->yielded = false;
	thread->deadline = UINT64_MAX;
	thread->looks = 0;
}

static void pass_deadline(struct thread *thread)
{
	if (now < thread->deadline)
		now = thread->deadline;
	ck_wake(thread);
	thread->woken = false;
}

/* The moment of who waits for one has come. */
static struct thread *come(void)
{
	for (int i = 0; i < ck_thread_count; i++)
		if (ck_threads[i].what == WAIT_MOMENT) {
			ck_wake(&ck_threads[i]);
			standing--;
			return &ck_threads[i];
		}
	return NULL;
}

/*
 * Who can go on: not who waits, and who lets others go first only if there are no others. Where there is
 * nobody but those, deadlines pass.
 */
static int find_able(bool *can)
{
	for (int turn = 0; turn < 4; turn++) {
		struct thread *late;
		int count = 0;

		for (int i = 0; i < ck_thread_count; i++) {
			can[i] = ck_threads[i].what == RUNNING && !ck_threads[i].yielded;
			count += can[i];
		}
		if (count)
			return count;
		if (standing && come())
			continue;
		late = earliest();
		if (late)
			pass_deadline(late);
		for (int i = 0; i < ck_thread_count; i++)
			ck_threads[i].yielded = false;
	}
	return 0;
}

/* Of those who can go on; the one that did so far is the first, if it can. */
static int pick(const bool *can)
{
	int options[THREADS], count = 0, current = ck_self->number;

	if (can[current])
		options[count++] = current;
	for (int i = 0; i < ck_thread_count; i++)
		if (can[i] && i != current)
			options[count++] = i;
	return options[ck_choose_thread(can[current] ? CHOOSE_SWITCH : CHOOSE_THREAD, options, count)];
}

static void go_on(void)
{
	bool can[THREADS] = { false };

	if (!find_able(can))
		report_deadlock();
	switch_to(&ck_threads[pick(can)]);
}

/* Whoever waits with limits, again and again, is at no deadlock, and at no end either. */
__attribute__((noreturn)) static void give_up(void)
{
	if (now - BEGINNING > TOO_LONG)
		ck_fail("no end is in sight after %lu s: thread %d goes on, and who waits does so with limits",
			(unsigned long)((now - BEGINNING) / 1000000000), ck_self->number);
	ck_cut();
}

void ck_step(bool point)
{
	if (++steps > (most_steps ? most_steps : STEPS_MAX))
		give_up();
	if (++ck_self->looks > LOOKS_MAX) {
		ck_self->looks = 0;
		ck_self->yielded = true;
	} else if (!point) {
		return;
	}
	go_on();
}

void ck_yield(void)
{
	if (++steps > (most_steps ? most_steps : STEPS_MAX))
		give_up();
	ck_self->yielded = true;
	go_on();
}

void ck_block(enum what what, uintptr_t object, uint64_t deadline)
{
	struct thread *self = ck_self;

	ck_settle(self->number);
	self->what = what;
	self->object = object;
	self->deadline = deadline;
	self->woken = self->interrupted = false;
	if (what != WAIT_MOMENT && what != ENDED && ck_has_signal(self)) {
		self->what = RUNNING;
		self->deadline = UINT64_MAX;
		self->interrupted = true;
	} else {
		go_on();
	}
	if (self->interrupted) {
		ck_handle_signals();
		self->interrupted = true;
		self->woken = false;
	}
}

void ck_await_moment(void)
{
	standing++;
	ck_block(WAIT_MOMENT, 0, UINT64_MAX);
}

void ck_moment(bool changes)
{
	struct thread *self = ck_self, *other;

	if (!self)
		return;
	if (ck_has_signal(self) && ck_choose_moment())
		ck_handle_signals();
	if (changes && standing && ck_choose_moment()) {
		other = come();
		if (other)
			switch_to(other);
	}
}

void ck_leave_behind(void)
{
	bool left[THREADS] = { false };

	standing = 0;
	for (int i = 0; i < ck_thread_count; i++) {
		struct thread *thread = &ck_threads[i];

		if (thread == ck_self || thread->gone)
			continue;
		left[i] = thread->what != ENDED;
		ck_move(thread);
		ck_join(&ck_self->view, &thread->view);
		thread->what = ENDED;
		thread->gone = thread->joined = true;
	}
	ck_join(&ck_self->view, &ck_self->learned);
	ck_tick();
	/* Their stacks, with their thread-local variables, are free to be used again. */
	for (int i = 0; i < ck_thread_count; i++)
		if (left[i])
			end_variables(i);
}

int ck_wake_all(enum what what, uintptr_t object, int count)
{
	int woken = 0;

	for (int i = 0; i < ck_thread_count && woken < count; i++)
		if (ck_threads[i].what == what && ck_threads[i].object == object) {
			ck_wake(&ck_threads[i]);
			woken++;
		}
	return woken;
}

/* ---- Thread-local variables ---- */

struct control {
	size_t size, align;
	void *index, *initial;
};

void *ck_tls(void *where)
{
	const struct control *control = where;
	int number = ck_self ? ck_self->number : 0;
	void *memory;
	int i;

	for (i = 0; i < TLS_MAX && variables[number][i].control; i++)
		if (variables[number][i].control == where)
			return variables[number][i].memory;
	if (i == TLS_MAX)
		abort();
	memory = ck_allocate(control->size, control->align);
	if (control->initial)
		memcpy(memory, control->initial, control->size);
	else
		memset(memory, 0, control->size);
	variables[number][i].control = where;
	variables[number][i].memory = memory;
	return memory;
}

void ck_tls_end(void)
{
	end_variables(ck_self->number);
}

/* Of the thread whose variable lies at an address, or -1. */
int ck_tls_owner(uintptr_t address, void **control, size_t *offset)
{
	for (int t = 0; t < ck_thread_count; t++)
		for (int i = 0; i < TLS_MAX && variables[t][i].control; i++) {
			uintptr_t memory = (uintptr_t)variables[t][i].memory;

			if (address - memory < ((struct control *)variables[t][i].control)->size) {
				*control = variables[t][i].control;
				*offset = address - memory;
				return t;
			}
		}
	return -1;
}
