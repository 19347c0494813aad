/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <stdlib.h>

struct route {
	int gateway;
};

static struct route *route;

int main(void)
{
	struct route *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b)), *old, *seen;
	int gateway;

	if (!a || !b)
		return EXIT_FAILURE;
	rcu_register_thread();
	a->gateway = 1;
	rcu_assign_pointer(route, a);		/* after what was written to *a */
	b->gateway = 2;
	old = rcu_cmpxchg_pointer(&route, a, b);	/* unless another writer was faster */
	if (!cmm_ptr_eq(old, a))
		return EXIT_FAILURE;

	rcu_read_lock();
	seen = rcu_dereference(route);		/* once, then used as often as one likes */
	gateway = seen->gateway;
	rcu_read_unlock();

	synchronize_rcu();
	free(old);
	free(rcu_xchg_pointer(&route, NULL));	/* here nobody else reads it */
	rcu_unregister_thread();
	return gateway == 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
