/* SPDX-License-Identifier: MIT */
#include <urcu/assert.h>
#include <stdlib.h>

static int half(int even)
{
	urcu_posix_assert(even % 2 == 0);	/* unless NDEBUG is defined */
	urcu_assert_debug(even >= 0);		/* only if DEBUG_RCU is defined */
	return even / 2;
}

int main(void)
{
	return half(6) == 3 ? EXIT_SUCCESS : EXIT_FAILURE;
}
