// SPDX-License-Identifier: MIT
/*
 * RCU in C++: headers and libraries are the same. A section, a registration and what is published are objects here, so
 * that each way out of a block, an exception too, leaves the section and unregisters. What was replaced is
 * deleted by a callback, or handed to urcu_free_rcu if it was malloc's and has no destructor.
 *
 * c++ cplusplus.cc -lurcu -lpthread
 */
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <urcu.h>
#include <urcu/uatomic.h>

struct registered {
	registered() { rcu_register_thread(); }
	~registered() { rcu_unregister_thread(); }
	registered(const registered &) = delete;
};

struct section {
	section() { rcu_read_lock(); }
	~section() { rcu_read_unlock(); }
	section(const section &) = delete;
};

static int deleted;	// callbacks alone; read after rcu_barrier

// Has a destructor, so that memory alone will not do. rcu_head is a plain structure: no virtual functions beside it.
struct greeting {
	rcu_head head;
	std::string text;

	explicit greeting(std::string words) : head(), text(std::move(words)) {}
	~greeting() { text = "gone"; }
	static void destroy(rcu_head *head)
	{
		delete caa_container_of(head, greeting, head);	// greeting has no base: head has a fixed place
		deleted++;
	}
};

static greeting *current;	// RCU-protected; one writer

// A copy, which is good for longer than the section. May throw.
static std::string look(bool fails)
{
	section inside;
	const greeting *seen = rcu_dereference(current);

	std::this_thread::yield();	// meanwhile it is replaced
	if (fails)
		throw std::runtime_error(seen->text);	// and the section is left
	return seen->text;
}

static void greet(int &wrong)
{
	registered self;

	for (int i = 0; i < 1000; i++) {
		std::string text;

		try {
			text = look(i % 3 == 0);
		} catch (const std::runtime_error &error) {
			text = error.what();
		}
		wrong += text.compare(0, 6, "hello ") != 0;
		wrong += rcu_read_ongoing() != 0;
	}
}

int main()
{
	int wrong = 0, replaced = 0;

	current = new greeting("hello world, and everybody who is in it");
	std::thread reader(greet, std::ref(wrong));
	for (; replaced < 1000; replaced++) {
		greeting *old = current;

		rcu_set_pointer(&current, new greeting("hello " + std::to_string(replaced) + " of them, all the same"));
		call_rcu(&old->head, greeting::destroy);
		if (replaced % 100 == 0)
			synchronize_rcu();
	}
	reader.join();
	rcu_barrier();
	delete current;
	std::printf("%d greetings replaced, %d deleted, %d wrong\n", replaced, deleted, wrong);
	return !wrong && deleted == replaced ? EXIT_SUCCESS : EXIT_FAILURE;
}
