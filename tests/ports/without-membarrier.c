/* SPDX-License-Identifier: MIT */
/* without-membarrier PROGRAM ARGUMENTS...: run it as on a kernel that has no sys_membarrier. */
#include "../unit/harness.h"

int main(int argc, char **argv)
{
	want(argc > 1);
	refuse(SYS_membarrier, -1, 0, ENOSYS, 0);
	execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 127;
}
