/* SPDX-License-Identifier: MIT */
/*
 * Loads a plug-in of exit-objects.cc and has it act: exit-objects-host PLUG-IN HOW END. END is return, or
 * close: by dlclose.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int (*act)(const char *how), status;
	void *plug_in, *found;

	if (argc < 4)
		return 9;
	alarm(20);
	plug_in = dlopen(argv[1], RTLD_NOW);
	found = plug_in ? dlsym(plug_in, "act") : NULL;
	if (!found) {
		fprintf(stderr, "%s\n", dlerror());
		return 10;
	}
	memcpy(&act, &found, sizeof(act));
	status = act(argv[2]);
	if (strcmp(argv[3], "close") == 0 && dlclose(plug_in) != 0)
		return 11;
	return status;
}
