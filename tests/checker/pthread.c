/* SPDX-License-Identifier: MIT */
/* Threads, mutexes, conditions and keys, as the code under test calls them. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "checker.h"
#include "sim.h"

#define THINGS	256
#define KEYS	32
#define ROUNDS	4	/* of the destructors of keys */

/* A mutex, by its address. */
struct thing {
	uintptr_t address;
	unsigned int execution;
	struct thread *owner;
	struct view view;
};

static struct thing things[THINGS];
static unsigned int execution = 1;
/* Those that constructors made stay; an execution's go with it. */
static void (*destructors[KEYS])(void *);
static bool taken[KEYS], kept[KEYS];

void ck_pthread_reset(void)
{
	if (++execution == 2)
		memcpy(kept, taken, sizeof(kept));
	memcpy(taken, kept, sizeof(kept));
}

static struct thing *get_thing(const void *where)
{
	uintptr_t address = (uintptr_t)where;
	size_t i = address / 8 % THINGS;

	for (int looks = 0; things[i].execution == execution && things[i].address != address; looks++) {
		if (looks == THINGS)
			ck_cut();
		i = (i + 1) % THINGS;
	}
	if (things[i].execution != execution) {
		memset(&things[i], 0, sizeof(things[i]));
		things[i].execution = execution;
		things[i].address = address;
	}
	return &things[i];
}

/* ---- Threads ---- */

static int create(pthread_t *thread, void *(*start)(void *), void *arg, bool by_program, uintptr_t code)
{
	struct thread *made;

	if (ck_malloc_fails && !by_program && ck_choose(CHOOSE_FAIL, 2)) {
		ck_trace(code, "pthread_create fails");
		return EAGAIN;
	}
	ck_moment(true);
	ck_access((uintptr_t)thread, sizeof(*thread), true, false, code);
	ck_tick();
	made = ck_new_thread(start, arg);
	made->by_program = by_program;
	ck_join(&made->view, &ck_self->carried);
	*thread = (pthread_t)(made->number + 1);
	ck_tick();
	ck_trace(code, "makes thread %d", made->number);
	ck_step(true);
	return 0;
}

int sim_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
	(void)attr;
	return create(thread, start, arg, false, CODE);
}

int sim_program_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
	(void)attr;
	return create(thread, start, arg, true, CODE);
}

static void run_destructors(struct thread *thread)
{
	for (int round = 0; round < ROUNDS; round++)
		for (int key = 0; key < KEYS; key++) {
			void *value = thread->keys[key];

			if (!value || !taken[key] || !destructors[key])
				continue;
			thread->keys[key] = NULL;
			destructors[key](value);
		}
}

/* The first thread's end is the execution's. */
static void end_execution(void)
{
	for (int i = 0; i < ck_thread_count; i++)
		if (&ck_threads[i] != ck_self && ck_threads[i].by_program && !ck_threads[i].joined && !ck_threads[i].detached)
			ck_fail("thread %d was neither joined nor detached", i);
	ck_process_end();
}

void ck_thread_over(struct thread *thread)
{
	if (ck_is_first(thread))
		end_execution();
	run_destructors(thread);
	ck_tls_end();
	ck_trace(0, "ends");
	ck_tick();
	ck_join(&thread->view, &thread->carried);
	ck_wake_all(WAIT_JOIN, (uintptr_t)thread, THREADS);
	ck_block(ENDED, 0, UINT64_MAX);
}

static struct thread *thread_of(pthread_t thread)
{
	int number = (int)(uintptr_t)thread - 1;

	if (number < 0 || number >= ck_thread_count || ck_threads[number].joined || ck_threads[number].detached)
		ck_fail("a thread is named that there is not, or not any more");
	return &ck_threads[number];
}

int sim_pthread_join(pthread_t name, void **result)
{
	struct thread *thread = thread_of(name);

	ck_step(true);
	while (thread->what != ENDED)
		ck_block(WAIT_JOIN, (uintptr_t)thread, UINT64_MAX);
	thread->joined = true;
	ck_acquire_from(&thread->view);
	ck_trace(CODE, "has joined thread %d", thread->number);
	if (result)
		*result = thread->result;
	return 0;
}

int sim_pthread_tryjoin_np(pthread_t name, void **result)
{
	struct thread *thread = thread_of(name);

	ck_step(true);
	if (thread->what != ENDED)
		return EBUSY;
	return sim_pthread_join(name, result);
}

int sim_pthread_detach(pthread_t name)
{
	thread_of(name)->detached = true;
	return 0;
}

pthread_t sim_pthread_self(void)
{
	return (pthread_t)((ck_self ? ck_self->number : 0) + 1);
}

int sim_pthread_getcpuclockid(pthread_t name, clockid_t *clock)
{
	*clock = 0;
	ck_step(true);
	return thread_of(name)->what == ENDED ? ESRCH : 0;
}

/* ---- Mutexes ---- */

int sim_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr)
{
	(void)attr;
	ck_access((uintptr_t)mutex, sizeof(*mutex), true, false, CODE);
	if (ck_self)
		get_thing(mutex)->owner = NULL;
	return 0;
}

int sim_pthread_mutex_destroy(pthread_mutex_t *mutex)
{
	ck_access((uintptr_t)mutex, sizeof(*mutex), true, false, CODE);
	if (ck_self && get_thing(mutex)->owner)
		ck_fail("mutex %s is destroyed, and somebody has it", ck_name((uintptr_t)mutex));
	return 0;
}

static bool try_lock(pthread_mutex_t *mutex)
{
	struct thing *thing = get_thing(mutex);

	if (thing->owner)
		return false;
	thing->owner = ck_self;
	ck_acquire_from(&thing->view);
	return true;
}

int sim_pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	if (!ck_self)
		return 0;
	ck_step(ck_is_shared((uintptr_t)mutex));
	ck_access((uintptr_t)mutex, 4, true, true, CODE);
	return try_lock(mutex) ? 0 : EBUSY;
}

int sim_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	if (!ck_self)
		return 0;
	ck_moment(true);
	ck_step(ck_is_shared((uintptr_t)mutex));
	ck_access((uintptr_t)mutex, 4, true, true, CODE);
	if (get_thing(mutex)->owner == ck_self)
		ck_fail("thread %d locks %s, which it has", ck_self->number, ck_name((uintptr_t)mutex));
	if (get_thing(mutex)->owner && get_thing(mutex)->owner->gone)
		ck_fail("thread %d waits for mutex %s, which thread %d had when the fork left it behind",
			ck_self->number, ck_name((uintptr_t)mutex), get_thing(mutex)->owner->number);
	while (!try_lock(mutex))
		ck_block(WAIT_MUTEX, (uintptr_t)mutex, UINT64_MAX);
	ck_trace(CODE, "locks %s", ck_tracing ? ck_name((uintptr_t)mutex) : "");
	return 0;
}

int sim_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	struct thing *thing;

	if (!ck_self)
		return 0;
	ck_moment(true);
	thing = get_thing(mutex);
	ck_access((uintptr_t)mutex, 4, true, true, CODE);
	if (thing->owner != ck_self)
		ck_fail("thread %d unlocks %s, which it has not", ck_self->number, ck_name((uintptr_t)mutex));
	ck_trace(CODE, "unlocks %s", ck_tracing ? ck_name((uintptr_t)mutex) : "");
	thing->owner = NULL;
	ck_release_to(&thing->view);
	ck_wake_all(WAIT_MUTEX, (uintptr_t)mutex, THREADS);
	return 0;
}

void ck_check_locks(void)
{
	for (int i = 0; i < THINGS; i++)
		if (things[i].execution == execution && things[i].owner && things[i].owner->gone)
			ck_fail("mutex %s is left to thread %d, which the fork left behind",
				ck_name(things[i].address), things[i].owner->number);
}

/* ---- Conditions ---- */

int sim_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
	sim_pthread_mutex_unlock(mutex);
	ck_trace(CODE, "waits for condition");
	ck_block(WAIT_CONDITION, (uintptr_t)condition, UINT64_MAX);
	return sim_pthread_mutex_lock(mutex);
}

int sim_pthread_cond_broadcast(pthread_cond_t *condition)
{
	if (ck_self)
		ck_wake_all(WAIT_CONDITION, (uintptr_t)condition, THREADS);
	return 0;
}

int sim_pthread_cond_signal(pthread_cond_t *condition)
{
	if (ck_self)
		ck_wake_all(WAIT_CONDITION, (uintptr_t)condition, 1);
	return 0;
}

/* ---- Keys ---- */

int sim_pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
	for (unsigned int i = 0; i < KEYS; i++)
		if (!taken[i]) {
			taken[i] = true;
			destructors[i] = destructor;
			*key = i;
			return 0;
		}
	return EAGAIN;
}

int sim_pthread_key_delete(pthread_key_t key)
{
	taken[key] = false;
	return 0;
}

int sim_pthread_setspecific(pthread_key_t key, const void *value)
{
	if (ck_self)
		ck_self->keys[key] = (void *)(uintptr_t)value;
	return 0;
}

void *sim_pthread_getspecific(pthread_key_t key)
{
	return ck_self ? ck_self->keys[key] : NULL;
}

/* ---- The end of a thread by its own call: what pthread_cleanup_push has made runs, the innermost first ---- */

void sim___pthread_register_cancel(void *buffer)
{
	((__pthread_unwind_buf_t *)buffer)->__pad[0] = ck_self->cleanup;
	ck_self->cleanup = buffer;
}

void sim___pthread_unregister_cancel(void *buffer)
{
	ck_self->cleanup = ((__pthread_unwind_buf_t *)buffer)->__pad[0];
}

/* Each handler is followed by this call. */
void sim___pthread_unwind_next(void *buffer)
{
	__pthread_unwind_buf_t *next = ck_self->cleanup;

	(void)buffer;
	if (!next)
		ck_thread_over(ck_self);
	sim___pthread_unregister_cancel(next);
	_longjmp((struct __jmp_buf_tag *)next->__cancel_jmp_buf, 1);
}

void sim_pthread_exit(void *result)
{
	ck_trace(CODE, "calls pthread_exit");
	ck_self->result = result;
	sim___pthread_unwind_next(NULL);
}

/* ---- What is nothing here: no cancelling ---- */

int sim_pthread_setcancelstate(int state, int *old)
{
	(void)state;
	if (old)
		*old = 0;
	return 0;
}
