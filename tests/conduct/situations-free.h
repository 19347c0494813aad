/* SPDX-License-Identifier: MIT */
/* The situations of free_rcu: a part of situations.c. */

/* Of liburcu callbacks stand for it. */
static void give(int count)
{
#ifdef URCU_HAVE_FREE_RCU
	put(called, 0);
	for (int i = 0; i < count; i++)
		urcu_free_rcu(&heads[i]);
#else
	call(count);
#endif
}

static void give_and_wait(int count)
{
	give(count);
	spin_until(get(called) == count);
}

#ifdef URCU_HAVE_FREE_RCU
static void note_freed(void *ptr)
{
	callback(ptr);
}
#endif

static void free_noted(void)
{
	use_registered();
#ifdef URCU_HAVE_FREE_RCU
	want(urcu_free_rcu_with(note_freed) == 0);
#endif
}

static void give_once(void)
{
	give_and_wait(1);
}

static void free_used(void)
{
	free_noted();
	give_once();
}

static void give_again(void)
{
	for (int i = 0; i < 4; i++) {
		give_and_wait(1);
		give_and_wait(300);
	}
	give_and_wait(HEADS / 4);
	rcu_barrier();
}

static void give_one_by_one(void)
{
	for (int i = 0; i < 4; i++) {
		mark("mine");
		give(1);
		mark("done");
		spin_until(get(called) == 1);
		settle();
	}
}
