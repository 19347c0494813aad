/* SPDX-License-Identifier: MIT */
/*
 * For tools that look at sources: sparse is to complain of the lines that end in SPARSE, clang's -Wthread-safety
 * of those that end in CLANG, and of no other.
 */
#include <stdlib.h>

#include <urcu.h>

struct item {
	int value;
};

static struct item __rcu *shared;

extern int find(void), plain(void), early(void), outside(void);
extern void publish(struct item *item), store(struct item *item), waits(void);
extern int needs(void) URCU_IN_SECTION(rcu_read_lock);

int find(void)
{
	int value;

	rcu_read_lock();
	value = rcu_dereference(shared)->value + needs();
	rcu_read_unlock();
	synchronize_rcu();
	return value;
}

void publish(struct item *item)
{
	rcu_assign_pointer(shared, item);
}

int plain(void)
{
	return shared->value;	/* SPARSE */
}

void store(struct item *item)
{
	shared = item;	/* SPARSE */
}

int early(void)
{
	rcu_read_lock();
	return 1;
}	/* CLANG */

void waits(void)
{
	rcu_read_lock();
	synchronize_rcu();	/* CLANG */
	rcu_barrier();	/* CLANG */
	rcu_read_unlock();
}

int outside(void)
{
	return needs();	/* CLANG */
}
