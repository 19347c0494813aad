/* SPDX-License-Identifier: MIT */
/* A program that knows no RCU, and its plug-in that does: situations-host [OPTION...] NAME PLUG-IN. */
#include <dlfcn.h>

#include "situations.h"

static const char *path;
static void *plug_in;

static void open_plug_in(void)
{
	plug_in = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!plug_in)
		fprintf(stderr, "%s\n", dlerror());
	want(plug_in);
}

static void open_and_do(const char *what)
{
	void (*function)(void);
	void *found;

	open_plug_in();
	found = dlsym(plug_in, what);
	want(found);
	memcpy(&function, &found, sizeof(found));
	function();
}

static void open_and_use(void)
{
	open_and_do("plug_in_use");
}

static void open_and_use_worker(void)
{
	open_and_do("plug_in_use_worker");
}

static void close_plug_in(void)
{
	want(dlclose(plug_in) == 0);
}

static const struct situation situations[] = {
	{ "dlopen", "dlopen of a plug-in that is linked with the library", .run = open_plug_in },
	{ "dlclose", "dlclose, never used", open_plug_in, close_plug_in },
	{ "dlclose-used", "dlclose, after grace periods", open_and_use, close_plug_in },
	{ "dlclose-called", "dlclose, after callbacks", open_and_use_worker, close_plug_in },
};

/* The last argument is the plug-in. */
int main(int argc, char **argv)
{
	path = argv[argc - 1];
	return main_of(situations, sizeof(situations) / sizeof(*situations), argv);
}
