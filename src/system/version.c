/* SPDX-License-Identifier: MIT */
#include <quiesce/version.h>

#define TEXT(number)	TEXT_OF(number)
#define TEXT_OF(number)	#number

const char *quiesce_version(void)
{
	return TEXT(QUIESCE_VERSION_MAJOR) "." TEXT(QUIESCE_VERSION_MINOR) "." TEXT(QUIESCE_VERSION_PATCH);
}
