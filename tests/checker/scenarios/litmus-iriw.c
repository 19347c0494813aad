/* SPDX-License-Identifier: MIT */
/* Independent reads of independent writes: two readers see them in different orders, unless all is seq_cst. */
#include "checker/scenario.h"

int x, y, a, b, c, d;

static void *write_x(void *arg)
{
	SET(x, 1, STORE);
	return arg;
}

static void *read_xy(void *arg)
{
	a = GET(x, LOAD);
	FENCE();
	b = GET(y, LOAD);
	return arg;
}

static void *read_yx(void *arg)
{
	c = GET(y, LOAD);
	FENCE();
	d = GET(x, LOAD);
	return arg;
}

/* The main thread is the one who writes y. */
int main(void)
{
	pthread_t threads[3];

	if (pthread_create(&threads[0], NULL, write_x, NULL) != 0 ||
	    pthread_create(&threads[1], NULL, read_xy, NULL) != 0 ||
	    pthread_create(&threads[2], NULL, read_yx, NULL) != 0)
		abort();
	SET(y, 1, STORE);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert(!(a && !b && c && !d));
	return 0;
}
