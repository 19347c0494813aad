/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef QUIESCE_VERSION			/* these headers, and not liburcu's */
#include <quiesce/version.h>
#endif

int main(void)
{
#ifdef QUIESCE_VERSION
	printf("compiled for Quiesce %d.%d.%d, runs with %s\n", QUIESCE_VERSION_MAJOR,
	       QUIESCE_VERSION_MINOR, QUIESCE_VERSION_PATCH, quiesce_version());
	return QUIESCE_VERSION >= 10000 ? EXIT_SUCCESS : EXIT_FAILURE;
#else
	puts("compiled for liburcu");
	return EXIT_SUCCESS;
#endif
}
