/* SPDX-License-Identifier: MIT */
/*
 * Callbacks, deferred calls and pointers to be freed, with workers that come and go, forks, and hooks without them.
 * What was queued is counted and has run where the library says so: once, and in order on one worker. What it must
 * refuse (in a section, between the fork hooks) is tried, too. -DRCU_MB, -DTEST_BP, -DTEST_QSBR: as tests/sections.h.
 */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef TEST_BP
#include <urcu-bp.h>
#elif defined(TEST_QSBR)
#include <urcu-qsbr.h>
#else
#include <urcu.h>
#endif
#include <quiesce/report.h>
#include <urcu/backlog.h>
#include <urcu/free-rcu.h>

#include "fuzz.h"
#include "limits.h"
#include "sections.h"

#ifdef FUZZ_NO_FORKS
#define FORKS_MAX 0U
#else
#define FORKS_MAX 2U
#endif

/* Of a barrier that comes back all the same. */
#define LIMIT_MS	(20000 * patience())

enum { WORKERS = 4, CPUS = 3, OPERATIONS = 200, NESTED_MAX = 3, TARGETS = 1024 };

/* A worker, from when it is made to when it is freed; 0 is the standard one. Numbers of the callbacks on it. */
static unsigned int last_run[TARGETS];

struct call {
	struct rcu_head head;
	unsigned int target, number, again;
	bool is_own;
};

static struct {
	struct call_rcu_data *workers[WORKERS], *cpus[CPUS];
	unsigned int targets[WORKERS];
	int own;			/* of this thread: a worker's number, or -1 */
	unsigned int target_count, number, deep, nested, forks;
	bool has_all;			/* each CPU has a worker: which one takes a callback is not known */
	unsigned long reports;
} state;

/* In all. own: queued by this thread, not by callbacks, for which a barrier need not wait. */
static unsigned long queued, run, own_queued, own_run, deferred, deferred_run, released, given;

/* ---- Callbacks ---- */

static void call(struct rcu_head *head)
{
	struct call *this = caa_container_of(head, struct call, head);

	if (this->target != TARGETS) {
		must(this->number > last_run[this->target]);
		last_run[this->target] = this->number;
	}
	__atomic_fetch_add(&own_run, this->is_own, __ATOMIC_RELAXED);
	this->is_own = false;
	if (this->again) {
		this->again--;
		this->target = TARGETS;
		__atomic_fetch_add(&queued, 1, __ATOMIC_RELAXED);
		call_rcu(&this->head, call);
	} else {
		free(this);
	}
	__atomic_fetch_add(&run, 1, __ATOMIC_RELAXED);
}

static unsigned int target(void)
{
	if (state.own >= 0)
		return state.targets[state.own];
	if (state.has_all)
		return TARGETS;
	for (int i = 0; i < CPUS; i++)
		if (state.cpus[i])
			return TARGETS;
	return 0;
}

static void queue(unsigned int again)
{
	struct call *this = malloc(sizeof(*this));

	must(this);
	*this = (struct call) { .target = target(), .number = ++state.number, .again = again, .is_own = true };
	own_queued++;
	__atomic_fetch_add(&queued, 1, __ATOMIC_RELAXED);
	call_rcu(&this->head, call);
}

static void call_deferred(void *p)
{
	must(p);
	__atomic_fetch_add(&deferred_run, 1, __ATOMIC_RELAXED);
}

static void release(void *p)
{
	free(p);
	__atomic_fetch_add(&released, 1, __ATOMIC_RELAXED);
}

/* ---- What may not be waited for, and what may ---- */

static bool may_wait(void)
{
#ifdef TEST_QSBR
	return !state.nested;
#else
	return !state.nested && !state.deep;
#endif
}

static void barrier(struct input *input)
{
	bool is_with_limit = take(input) & 1;
	int status = 0;

	if (state.deep && may_wait())
		return;
	if (!may_wait() && !is_with_limit)
		state.reports++;
	if (is_with_limit)
		status = urcu_barrier_timeout(LIMIT_MS);
	else
		rcu_barrier();
	must(status == (may_wait() || !is_with_limit ? 0 : -EDEADLK));
	if (!may_wait())
		return;
	must(__atomic_load_n(&own_run, __ATOMIC_RELAXED) == own_queued);
	must(__atomic_load_n(&released, __ATOMIC_RELAXED) == given);
}

static void drain(void)
{
	if (state.deep && may_wait())
		return;
	must(urcu_drain(LIMIT_MS) == (may_wait() ? 0 : -EDEADLK));
	if (!may_wait())
		return;
	must(__atomic_load_n(&run, __ATOMIC_RELAXED) == __atomic_load_n(&queued, __ATOMIC_RELAXED));
	must(__atomic_load_n(&deferred_run, __ATOMIC_RELAXED) == deferred);
	must(__atomic_load_n(&released, __ATOMIC_RELAXED) == given);
}

static void defer(struct input *input)
{
	unsigned int number = take_below(input, 8);

	if (state.deep || state.nested)
		return;
	while (number--) {
		deferred++;
		defer_rcu(call_deferred, &state);
	}
	switch (take_below(input, 4)) {
	case 0: rcu_defer_barrier(); break;
	case 1: rcu_defer_barrier_thread(); break;
	default: return;
	}
	must(__atomic_load_n(&deferred_run, __ATOMIC_RELAXED) == deferred);
}

static void give(struct input *input)
{
	unsigned int number = take(input);

	for (; number; number -= number % 16 ? number % 16 : 16) {
		given++;
		urcu_free_rcu(malloc(number));
	}
}

/* ---- Workers ---- */

static void create(struct input *input)
{
	unsigned int which = take_below(input, WORKERS), flags = take(input);

	if (state.workers[which] || state.target_count == TARGETS - 1)
		return;
	state.workers[which] = create_call_rcu_data(flags & 1 ? URCU_CALL_RCU_RT : 0,
						    flags & 2 ? (int)take_below(input, CPUS) : -1);
	if (state.nested) {
		must(!state.workers[which] && errno == EDEADLK);
		state.reports++;
		return;
	}
	must(state.workers[which]);
	state.targets[which] = ++state.target_count;
}

static void set_own(int which)
{
	if (which >= 0 && !state.workers[which])
		return;
	state.own = which;
	set_thread_call_rcu_data(which < 0 ? NULL : state.workers[which]);
	must(get_thread_call_rcu_data() == (which < 0 ? NULL : state.workers[which]));
	must(which < 0 || get_call_rcu_data() == state.workers[which]);
}

static void set_cpu(struct input *input)
{
	int cpu = (int)take_below(input, CPUS + 2) - 1, status;
	struct call_rcu_data *worker = state.workers[take_below(input, WORKERS)];
	struct call_rcu_data *had = cpu >= 0 ? get_cpu_call_rcu_data(cpu) : NULL;

	if (state.has_all)
		return;
	must(cpu < 0 || cpu >= CPUS || had == state.cpus[cpu]);
	status = set_cpu_call_rcu_data(cpu, worker);
	must(status || cpu >= 0);
	must(!status || errno == -status);
	must(status != -EEXIST || (had && worker));
	if (!status && cpu >= CPUS)
		must(!set_cpu_call_rcu_data(cpu, NULL));
	else if (!status)
		state.cpus[cpu] = worker;
	else
		must(status == -EINVAL || status == -EEXIST);
}

/* Not in use any more. */
static void unset(unsigned int which)
{
	if (state.own == (int)which)
		set_own(-1);
	for (int i = 0; i < CPUS; i++) {
		if (!state.cpus[i] || state.cpus[i] != state.workers[which])
			continue;
		must(!set_cpu_call_rcu_data(i, NULL));
		state.cpus[i] = NULL;
	}
}

static void end_worker(unsigned int which)
{
	if (!state.workers[which] || state.deep)
		return;
	if (state.nested) {
		call_rcu_data_free(state.workers[which]);
		state.reports++;
		return;
	}
	unset(which);
	synchronize_rcu();
	call_rcu_data_free(state.workers[which]);
	state.workers[which] = NULL;
}

static bool has_cpu_workers(void)
{
	for (int i = 0; i < CPUS; i++)
		if (state.cpus[i])
			return true;
	return false;
}

static void all_cpus(void)
{
	if (state.deep || state.nested || has_cpu_workers())
		return;
	if (state.has_all)
		free_all_cpu_call_rcu_data();
	else
		must(!create_all_cpu_call_rcu_data(0));
	state.has_all = !state.has_all;
}

/* ---- Sections and forks ---- */

static void section(bool is_end)
{
	if (!is_end && state.deep < 3) {
		rcu_read_lock();
		state.deep++;
	} else if (is_end && state.deep) {
		rcu_read_unlock();
		state.deep--;
	}
}

static void hooks(bool is_end)
{
	if (!is_end && state.nested < NESTED_MAX) {
		call_rcu_before_fork();
		state.nested++;
	} else if (is_end && state.nested) {
		call_rcu_after_fork_parent();
		state.nested--;
	}
}

/* The child has a copy of everything that was queued, and no workers of its own. */
static void end_child(void)
{
	while (state.deep)
		section(true);
	alarm(60 * patience());
	must(!get_thread_call_rcu_data());
	rcu_barrier();
	queue(1);
	must(!urcu_drain(LIMIT_MS));
	must(__atomic_load_n(&run, __ATOMIC_RELAXED) == __atomic_load_n(&queued, __ATOMIC_RELAXED));
	must(__atomic_load_n(&deferred_run, __ATOMIC_RELAXED) == deferred);
	must(__atomic_load_n(&released, __ATOMIC_RELAXED) == given);
	_exit(0);
}

static void fork_once(void)
{
	int status;
	pid_t child;

	if (state.nested || state.forks++ >= FORKS_MAX)
		return;
	call_rcu_before_fork();
	child = fork();
	must(child >= 0);
	if (!child) {
		call_rcu_after_fork_child();
		end_child();
	}
	call_rcu_after_fork_parent();
	/* A fuzzer's clock interrupts. */
	while (waitpid(child, &status, 0) != child)
		must(errno == EINTR);
	must(WIFEXITED(status) && !WEXITSTATUS(status));
}

static void wait_for_readers(struct input *input)
{
	struct urcu_gp_poll_state poll = start_poll_synchronize_rcu();

	if (state.deep)
		return;
	if (take(input) & 1) {
		synchronize_rcu();
		must(poll_state_synchronize_rcu(poll));
	}
}

/* ---- Inputs ---- */

static void operate(struct input *input)
{
	unsigned int what = take(input);

	switch (what % 16) {
	case 0: case 1: queue(0); break;
	case 2: queue(what >> 4 & 3); break;
	case 3: barrier(input); break;
	case 4: create(input); break;
	case 5: set_own((int)(what >> 4) % (WORKERS + 1) - 1); break;
	case 6: set_cpu(input); break;
	case 7: end_worker(what >> 4 & 3); break;
	case 8: what & 16 ? all_cpus() : section(what & 32); break;
	case 9: give(input); break;
	case 10: defer(input); break;
	case 11: drain(); break;
	case 12: hooks(what & 16); break;
	case 13: what & 16 ? fork_once() : section(what & 32); break;
	case 14: wait_for_readers(input); break;
	default:
		if (what & 16 && !state.deep && !state.nested)
			must(!urcu_stop_default_worker());
		else
			must(get_default_call_rcu_data());
	}
}

static void end(void)
{
	while (state.nested)
		hooks(true);
	while (state.deep)
		section(true);
	set_own(-1);
	if (state.has_all)
		all_cpus();
	for (unsigned int i = 0; i < WORKERS; i++)
		end_worker(i);
	drain();
	must(!__atomic_load_n(&state.reports, __ATOMIC_RELAXED));
}

static void count_report(const char *message)
{
	(void)message;
	__atomic_fetch_sub(&state.reports, 1, __ATOMIC_RELAXED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, data + size };
	static bool is_registered;

	if (!is_registered) {
		put_off_stall_reports();
		quiesce_set_report_handler(count_report);
		rcu_register_thread();
		must(!rcu_defer_register_thread());
		must(!urcu_free_rcu_with(release));
	}
	is_registered = true;
	memset(&state, 0, sizeof(state));
	memset(last_run, 0, sizeof(last_run));
	state.own = -1;
	for (int i = 0; i < OPERATIONS && has_more(&input); i++)
		operate(&input);
	end();
	return 0;
}
