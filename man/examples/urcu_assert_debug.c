/* SPDX-License-Identifier: MIT */
#include <urcu/annotate.h>
#include <urcu/assert.h>
#include <urcu/system.h>
#include <stdlib.h>

static int data, flag;

static void publish(int value)
{
	urcu_posix_assert(value > 0);	/* unless NDEBUG is defined */
	urcu_assert_debug(!flag);	/* if DEBUG_RCU is */
	data = value;
	cmm_annotate_mem_release(&flag);	/* the fence, told to ThreadSanitizer */
	cmm_smp_wmb();
	CMM_STORE_SHARED(flag, 1);
}

int main(void)
{
	publish(3);
	return data == 3 && CMM_LOAD_SHARED(flag) ? EXIT_SUCCESS : EXIT_FAILURE;
}
