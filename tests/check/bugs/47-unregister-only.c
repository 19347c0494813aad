/* SPDX-License-Identifier: MIT */
/* BUG: rcu_unregister_thread without rcu_register_thread */
/* FOUND: unregister-without-register */
#include "bugs.h"

int main(void)
{
	rcu_unregister_thread();
	return 0;
}
