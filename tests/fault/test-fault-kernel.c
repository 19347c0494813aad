/* SPDX-License-Identifier: MIT */
/* A kernel whose futexes do less than they should, by seccomp(2): for everybody in the process. */
#include "../unit/harness.h"

#include <linux/futex.h>
#include <urcu/futex.h>

/* The call that programs make where time_t is wider than long. */
#ifdef SYS_futex_time64
#define FUTEX_CALL (sizeof(time_t) > sizeof(long) ? SYS_futex_time64 : SYS_futex)
#else
#define FUTEX_CALL SYS_futex
#endif

static const int passing[] = { EINTR, EAGAIN };

/* Nobody sleeps any more, in the middle of everything. */
START_TEST(waits_that_return_at_once_are_repeated)
{
	struct tally tally = { 0, 0 };
	static struct stress s;

	stress_begin(&s, 3, 2);
	queue_jobs(&tally, 1000);
	for (unsigned int scope = 0; scope <= FUTEX_PRIVATE_FLAG; scope += FUTEX_PRIVATE_FLAG)
		refuse(FUTEX_CALL, 1, FUTEX_WAIT_BITSET | scope, passing[_i],
		       SECCOMP_FILTER_FLAG_TSYNC);
	stress_go_on(200);
	for (int i = 0; i < 100; i++) {
		queue_jobs(&tally, 100);
		rcu_barrier();
		all_ran_once(&tally);
	}
	stress_end(&s);
	check_that_no_section_hides(100);
}
END_TEST

/* ---- urcu/futex.h, for programs ---- */

typedef int (*futex_call)(int32_t *word, int op, int32_t value, const struct timespec *timeout,
		int32_t *word2, int32_t value3);

static const futex_call calls[] = { futex_noasync, futex_async };

struct exchange {
	futex_call call;
	int32_t word;
};

/* Two threads take turns, and sleep until it is theirs. */
static void take_turns(struct exchange *exchange, int32_t own)
{
	for (int i = 0; i < 200; i++) {
		while (get(exchange->word) != own)
			want(exchange->call(&exchange->word, FUTEX_WAIT, !own, NULL, NULL, 0) == 0 ||
			     errno == EAGAIN || errno == EINTR);
		put(exchange->word, !own);
		want(exchange->call(&exchange->word, FUTEX_WAKE, 1, NULL, NULL, 0) >= 0);
	}
}

static void *take_other_turns(void *arg)
{
	take_turns(arg, 1);
	return NULL;
}

START_TEST(programs_futexes_work_with_the_call_and_without_it)
{
	struct exchange exchange = { .call = calls[_i & 1] };
	pthread_t other;

	if (_i & 2) {
		refuse(FUTEX_CALL, 1, FUTEX_WAIT, ENOSYS, 0);
		refuse(FUTEX_CALL, 1, FUTEX_WAKE, ENOSYS, 0);
		want(futex(&exchange.word, FUTEX_WAKE, 1, NULL, NULL, 0) < 0 && errno == ENOSYS);
	}
	other = start(take_other_turns, &exchange);
	take_turns(&exchange, 0);
	pthread_join(other, NULL);
	want(exchange.word == 0);
}
END_TEST

START_TEST(the_fallback_refuses_what_it_cannot_do)
{
	struct timespec limit = { .tv_nsec = 1 };
	int32_t word = 0;

	refuse(FUTEX_CALL, 1, FUTEX_WAIT, ENOSYS, 0);
	errno = 0;
	want(calls[_i](&word, FUTEX_WAIT, 0, &limit, NULL, 0) == -1 && errno == EINVAL);
	errno = 0;
	want(calls[_i](&word, FUTEX_WAIT, 0, NULL, &word, 0) == -1 && errno == EINVAL);
	want(calls[_i](&word, FUTEX_WAIT, 1, NULL, NULL, 0) == 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fault-kernel-" FLAVOR);
	TCase *tc = add_case(suite, "futex", 60);

	tcase_add_loop_test(tc, waits_that_return_at_once_are_repeated, 0, 2);
	tcase_add_loop_test(tc, programs_futexes_work_with_the_call_and_without_it, 0, 4);
	tcase_add_loop_test(tc, the_fallback_refuses_what_it_cannot_do, 0, 2);
	return run_suite(suite);
}
