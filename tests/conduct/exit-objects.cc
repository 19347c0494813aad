// SPDX-License-Identifier: MIT
// A program of objects that callbacks use, as C++ programs have them (test-exit-objects.sh). As a
// plug-in (-DPLUG_IN) it does the same from within a shared library. Ends by 7 if all went well.
#if defined(TEST_BP)
#include <urcu-bp.h>
#elif defined(TEST_QSBR)
#include <urcu-qsbr.h>
#else
#include <urcu.h>
#endif

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <unistd.h>

namespace {

const int callbacks = 50;
int ran;		// one worker's, one at a time

struct Table {
	std::map<int, std::string> rows;
	bool alive = true;
	bool waits = false;	// for the callbacks that use it, before it goes

	Table()
	{
		for (int i = 0; i < 1000; i++)
			rows[i] = std::string(100, 'x');
	}
	~Table()
	{
		if (waits)
			rcu_barrier();
		alive = false;
	}
};

struct Node {
	struct rcu_head head;
	Table *table;
	int key;
};

// The object's memory is static: what is seen here of a dead one is what its destructor left.
void erase(struct rcu_head *head)
{
	Node *node = reinterpret_cast<Node *>(head);

	usleep(100);
	if (!*const_cast<volatile bool *>(&node->table->alive)) {
		static const char text[] = "a callback uses an object that was destroyed\n";

		if (write(2, text, sizeof(text) - 1) < 0)
			_exit(2);
		_exit(1);
	}
	node->table->rows.erase(node->key);
	delete node;
	ran++;
}

// So that RCU has been used before what is made after.
struct rcu_head first;

void do_nothing(struct rcu_head *)
{
}

void erase_some(Table &table)
{
	for (int i = 0; i < callbacks; i++) {
		Node *node = new Node;

		node->table = &table;
		node->key = i;
		call_rcu(&node->head, erase);
	}
}

// The first object that is made, so the last that goes: it sees what the others came to.
struct Last {
	bool counts = false;

	~Last()
	{
		if (counts && ran != callbacks) {
			std::fprintf(stderr, "%d of %d callbacks ran\n", ran, callbacks);
			_exit(3);
		}
	}
} last;

Table table;

Table &local()
{
	static Table table;

	return table;
}

void wait_at_exit()
{
	erase_some(table);
	rcu_barrier();
}

} // namespace

extern "C" int act(const char *how)
{
	last.counts = true;
	rcu_register_thread();
	if (std::strcmp(how, "global") == 0) {
		erase_some(table);
	} else if (std::strcmp(how, "local") == 0) {
		erase_some(local());
	} else if (std::strcmp(how, "later") == 0) {
		call_rcu(&first, do_nothing);
		local().waits = true;
		erase_some(local());
	} else if (std::strcmp(how, "at-exit") == 0) {
		std::atexit(wait_at_exit);
	} else if (std::strcmp(how, "waits") == 0) {
		table.waits = true;
		erase_some(table);
	} else {
		return 8;
	}
	rcu_unregister_thread();
	return 7;
}

#ifndef PLUG_IN
int main(int argc, char **argv)
{
	alarm(20);
	return argc > 1 ? act(argv[1]) : 9;
}
#endif
