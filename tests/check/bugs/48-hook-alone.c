/* SPDX-License-Identifier: MIT */
/* BUG: call_rcu_after_fork_parent without call_rcu_before_fork */
/* FOUND: hook-without-before */
#include "bugs.h"

int main(void)
{
	call_rcu_after_fork_parent();
	return 0;
}
