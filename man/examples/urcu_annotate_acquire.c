/* SPDX-License-Identifier: MIT */
#include <urcu/annotate.h>
#include <urcu/arch.h>
#include <urcu/system.h>
#include <pthread.h>
#include <stdlib.h>

static int data, flag;

static void *publish(void *arg)
{
	(void)arg;
	data = 3;
	urcu_annotate_release(&flag);	/* no code, but under ThreadSanitizer */
	cmm_smp_wmb();
	CMM_STORE_SHARED(flag, 1);
	return NULL;
}

int main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, publish, NULL))
		return EXIT_FAILURE;
	while (!CMM_LOAD_SHARED(flag))
		caa_cpu_relax();
	cmm_smp_rmb();
	urcu_annotate_acquire(&flag);
	if (data != 3)
		return EXIT_FAILURE;
	pthread_join(thread, NULL);
	return EXIT_SUCCESS;
}
