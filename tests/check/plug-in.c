/* SPDX-License-Identifier: MIT */
/*
 * With -DPLUG_IN a plug-in, which brings the library along; without, a program that knows nothing of RCU, and
 * loads the plug-in, calls it and lets it go, three times. usage: plug-in FILE [mistake]
 */
#ifdef PLUG_IN
#include "bugs.h"

extern void plug_in(int mistake);

void plug_in(int mistake)
{
	struct object *object = new_object();
	struct cds_lfht *table = new_table();

	rcu_register_thread();
	rcu_read_lock();
	cds_lfht_add(table, 1, &object->node);
	if (mistake)
		free(object);
	cds_lfht_del(table, &object->node);
	rcu_read_unlock();
	call_rcu(&object->head, free_object);
	rcu_barrier();
	cds_lfht_destroy(table, NULL);
	rcu_unregister_thread();
}

#else
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	void (*plug_in)(int mistake);
	void *file;
	int i;

	for (i = 0; i < 3; i++) {
		file = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
		plug_in = file ? (void (*)(int))dlsym(file, "plug_in") : NULL;
		if (!plug_in) {
			fprintf(stderr, "%s\n", dlerror());
			return 1;
		}
		plug_in(argc > 2);
		dlclose(file);
	}
	return 0;
}
#endif
