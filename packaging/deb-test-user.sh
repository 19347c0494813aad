#!/bin/sh
# SPDX-License-Identifier: MIT
# Run by deb-test.sh in a fresh Debian, with our packages in /debs: somebody who has never seen the project installs
# them beside compilers, and builds programs of his own, in C and in C++, by pkg-config, CMake and Meson; he reads the
# manual, builds the lessons, and looks at his programs with the tools. TAP.
set -u
# shellcheck source=packaging/deb-test.inc
. /deb-test.inc
flavors="memb mb bp qsbr"

# shellcheck disable=SC2086 # a list
try "compilers and debuggers" install install gcc g++ make pkgconf cmake meson man-db gdb binutils
try "apt install ./*.deb" install install /debs/*.deb

# ---- A program ----

cat > user.c <<'TXT'
#ifdef USER_BP
#include <urcu-bp.h>
#elif defined(USER_QSBR)
#include <urcu-qsbr.h>
#else
#include <urcu.h>
#endif
#include <urcu/rculfhash.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct entry {
	unsigned long key;
	struct cds_lfht_node node;
	struct rcu_head head;
};

static struct cds_lfht *table;
static unsigned long freed;
static volatile unsigned long found;

static int is_key(struct cds_lfht_node *node, const void *key)
{
	return caa_container_of(node, struct entry, node)->key == *(const unsigned long *)key;
}

static void release(struct rcu_head *head)
{
	free(caa_container_of(head, struct entry, head));
	freed++;
}

extern "C" void seen(void) __attribute__((noinline));
void seen(void)
{
	found++;
}

static void *read_all(void *unused)
{
	struct cds_lfht_iter iter;
	unsigned long key;

	rcu_register_thread();
	for (key = 0; key < 1000; key++) {
		rcu_read_lock();
		cds_lfht_lookup(table, key, is_key, &key, &iter);
		if (cds_lfht_iter_get_node(&iter))
			seen();
		rcu_read_unlock();
		rcu_quiescent_state();
	}
	rcu_unregister_thread();
	return unused;
}

int main(int count, char **arguments)
{
	struct cds_lfht_iter iter;
	struct entry *entry;
	pthread_t reader;
	unsigned long key;

	rcu_register_thread();
	table = cds_lfht_new(16, 16, 0, CDS_LFHT_AUTO_RESIZE, NULL);
	for (key = 0; key < 1000; key++) {
		entry = (struct entry *)malloc(sizeof(*entry));
		entry->key = key;
		cds_lfht_node_init(&entry->node);
		rcu_read_lock();
		cds_lfht_add(table, key, &entry->node);
		rcu_read_unlock();
	}
	rcu_thread_offline();
	pthread_create(&reader, NULL, read_all, NULL);
	pthread_join(reader, NULL);
	rcu_thread_online();
	rcu_read_lock();
	cds_lfht_for_each_entry(table, &iter, entry, node) {
		cds_lfht_del(table, &entry->node);
		call_rcu(&entry->head, release);
	}
	rcu_read_unlock();
	rcu_barrier();
	printf("%lu found, %lu freed\n", found, freed);
	fflush(stdout);
	if (count > 1 && arguments[1])
		sleep(600);
	rcu_unregister_thread();
	return cds_lfht_destroy(table, NULL) || freed != 1000 || found != 1000;
}
TXT
cp user.c user.cc
sed -i 's/^extern "C" //' user.c

# runs PROGRAM FLAVOR: on our library, or on none if it is static.
runs() {
	limited 30 "$1" || return 1
	[ "${3:-}" = static ] || { linked "$1" libquiesce8 && ldd "$1" | grep -q "liburcu-$2\.so\.8"; }
}

# ---- pkg-config ----

flags="-Wall -Wextra -Werror -O2 -g"
define() { # flavor
	case $1 in mb) echo -DRCU_MB ;; bp) echo -DUSER_BP ;; qsbr) echo -DUSER_QSBR ;; esac
}

by_pkg_config() { # flavor, compiler, source, static or nothing
	# shellcheck disable=SC2046,SC2086 # words
	$2 $flags $(define $1) ${4:+-static} "$3" $(pkg-config ${4:+--static} --cflags --libs liburcu-$1 liburcu-cds) \
		-o "pkg-$1" && runs "./pkg-$1" "$1" "${4:-}"
}
for flavor in $flavors; do
	try "$flavor, C, by pkg-config" by_pkg_config "$flavor" gcc user.c
	try "$flavor, C++, by pkg-config" by_pkg_config "$flavor" g++ user.cc
	try "$flavor, C, by pkg-config, static" by_pkg_config "$flavor" gcc user.c static
done

# ---- CMake ----

mkdir cmake && cp user.c user.cc cmake && cat > cmake/CMakeLists.txt <<'TXT'
cmake_minimum_required(VERSION 3.13)
project(user C CXX)
find_package(urcu CONFIG REQUIRED)
foreach(flavor memb mb bp qsbr)
	string(TOUPPER ${flavor} name)
	foreach(language c cc)
		add_executable(${language}-${flavor} user.${language})
		target_compile_definitions(${language}-${flavor} PRIVATE USER_${name})
		target_link_libraries(${language}-${flavor} PRIVATE urcu::${flavor} urcu::cds)
	endforeach()
endforeach()
find_package(PkgConfig REQUIRED)
pkg_check_modules(URCU REQUIRED IMPORTED_TARGET liburcu-memb liburcu-cds)
add_executable(module-memb user.c)
target_link_libraries(module-memb PRIVATE PkgConfig::URCU)
TXT
all_run() { # directory, program ...
	directory=$1
	shift
	for program; do
		runs "$directory/$program" "${program#*-}" || return 1
	done
}
by_cmake() {
	cmake -S cmake -B cmake/out && cmake --build cmake/out &&
		all_run cmake/out c-memb c-mb c-bp c-qsbr cc-memb cc-mb cc-bp cc-qsbr module-memb
}
try "CMake: find_package(urcu), each flavor, C and C++; and pkg_check_modules" by_cmake

# ---- Meson ----

mkdir meson && cp user.c user.cc meson && cat > meson/meson.build <<'TXT'
project('user', 'c', 'cpp', default_options: ['warning_level=2', 'werror=true'])
cds = dependency('liburcu-cds')
define = {'memb': [], 'mb': ['-DRCU_MB'], 'bp': ['-DUSER_BP'], 'qsbr': ['-DUSER_QSBR']}
foreach flavor, flags : define
	foreach language : ['c', 'cc']
		executable(language + '-' + flavor, 'user.' + language, c_args: flags, cpp_args: flags,
			dependencies: [dependency('liburcu-' + flavor), cds, dependency('threads')])
	endforeach
endforeach
TXT
by_meson() {
	(cd meson && meson setup out && meson compile -C out) &&
		all_run meson/out c-memb c-mb c-bp c-qsbr cc-memb cc-mb cc-bp cc-qsbr
}
try "Meson: each flavor, C and C++" by_meson

# ---- Documents ----

first_steps() {
	cp /usr/share/doc/quiesce-doc/examples/first-steps.c . &&
		cc first-steps.c $(pkg-config --cflags --libs liburcu-memb) -pthread -o first-steps && limited 30 ./first-steps
}
try "the first steps, from the documents" first_steps

lessons() {
	make -s -f /usr/share/doc/quiesce-doc/examples/Makefile.user OUT="$work/lessons" CFLAGS=-O1 || return 1
	for lesson in "$work/lessons"/*; do
		case $lesson in */snapshot-*) set -- -t 1 ;; *) set -- ;; esac
		limited 30 "$lesson" "$@" || { echo "$lesson failed"; return 1; }
	done
	[ "$(ls "$work/lessons" | wc -l)" -ge 20 ]
}
try "the lessons, and the main job" lessons

manual() {
	for name in urcu-top urcu-check rcu urcu-flavors urcu-fork urcu-exit urcu-memory urcu-debugging cds_lfht call_rcu \
		cds_lfht_add_replace rcu_read_lock urcu_free_rcu urcu_memb_barrier quiesce_version; do
		man "$name" | grep -q "$name" || { echo "man $name"; return 1; }
	done
}
try "man finds pages" manual

pages() {
	dpkg -L libquiesce-dev quiesce-tools | grep '/man/man[1-8]/.' > pages
	[ "$(wc -l < pages)" -gt 300 ] || return 1
	xargs readlink -f < pages | sort -u | while read -r page; do
		case $page in */man/man*) ;; *) echo "$page: no page"; continue ;; esac
		# A word too long for its column: groff 1.22 "can't break" the line, 1.23 "cannot break" or "cannot adjust" it.
		man --warnings -E UTF-8 -l "$page" 2>&1 > page |
			sed "/can.*t break line/d; /cannot adjust line/d; s|^|$page: |"
		[ "$(wc -l < page)" -gt 20 ] || echo "$page: empty"
	done > complaints
	cat complaints
	[ ! -s complaints ]
}
try "man shows every page without a warning" pages

# ---- Tools ----

running() { # command ...: on the program that sleeps at its end
	./pkg-user stay > out 2>&1 &
	pid=$!
	until_ok grep -q freed out && "$@" $pid
	status=$?
	kill $pid
	wait $pid
	return $status
}
gcc -O1 -g user.c $(pkg-config --cflags --libs liburcu-memb liburcu-cds) -o pkg-user > "$work/log" 2>&1
top_once() {
	urcu-top -1 "$1" | tee top && grep -qE '1[0-9]{3} have run' top && urcu-top -1 --json "$1" | grep -q '"grace_periods"'
}
try "urcu-top shows it" running top_once

in_gdb() {
	gdb -q -nx -batch -iex 'set debuginfod enabled off' -ex 'set breakpoint pending on' -ex 'break seen' -ex run \
		-ex 'info rcu' -ex 'rcu lfht table' ./pkg-user > gdb 2>&1 < /dev/null
	cat gdb
	grep -q 'in a section' gdb && grep -q 'in seen at' gdb
}
try "gdb has \"info rcu\", with the symbols from libquiesce8-dbgsym" in_gdb

cat > twice.c <<'TXT'
#include <urcu.h>
static int calls;
static void count(struct rcu_head *head) { (void)head; calls++; }
int main(void)
{
	static struct rcu_head head;

	rcu_register_thread();
	rcu_read_lock();
	call_rcu(&head, count);
	call_rcu(&head, count);
	rcu_read_unlock();
	rcu_barrier();
	rcu_unregister_thread();
	return 0;
}
TXT
checked() {
	urcu-check ./pkg-user || return 1
	gcc -g twice.c $(pkg-config --cflags --libs liburcu-memb) -o twice || return 1
	urcu-check ./twice > report 2>&1
	[ $? = 66 ]
	status=$?
	cat report
	grep -q 'twice\.c:10' report && grep -q 'twice\.c:11' report && [ $status = 0 ]
}
try "urcu-check finds nothing in it, and a head that is queued twice in another" checked
try "apt remove takes all of them away" install remove libquiesce8 libquiesce-dev quiesce-tools quiesce-doc
nothing_left() {
	! find / -xdev \( -path /proc -o -path /debs -o -path /var/cache/man -o -path "$work" \) -prune -o \
		\( -name '*urcu*' -o -name '*quiesce*' \) ! -path '/var/lib/dpkg/*' -print | grep .
}
try "and leaves nothing" nothing_left
plan
