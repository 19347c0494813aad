#!/bin/sh
# SPDX-License-Identifier: MIT
# The ways to build: compilers without a warning, the debug build and what it starts with, what is in the
# tarball (with EVERY=1 that it builds, checks, installs and uninstalls), and programs linked through pkg-config and CMake. TAP.
set -u
top=$(cd "${srcdir:-.}" && pwd)
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$top/tests/tap.inc"
unset MAKEFLAGS MFLAGS MAKELEVEL TESTS TEST_LOGS CC CXX CPPFLAGS CFLAGS LIBRARIES CK_TAP_LOG_FILE_NAME

show_log() {
	tail -n 20 "$work/log" | sed 's/^/# /'
}

# build NAME CONFIGURE-ARGUMENTS...: out of the source tree, into $work/NAME.
build() {
	name=$1
	shift
	mkdir "$work/$name" && cd "$work/$name" &&
		"$top/configure" -q --prefix="$work/root-$name" "$@" && make -s -j2 V=0
}

# gcc's is what is installed below. clang's is to show warnings: each file is compiled once.
for compiler in gcc clang; do
	command -v $compiler >/dev/null || continue
	[ $compiler = clang ] && static=--disable-static || static=
	# shellcheck disable=SC2086 # a word or none
	build $compiler $static CC=$compiler CFLAGS='-O2 -Werror' > "$work/log" 2>&1
	result $? "builds with $compiler, without a warning"
done

build debug --enable-rcu-debug --disable-shared --disable-urcu-check > "$work/log" 2>&1 &&
	make -s check TESTS='tests/bin/engine-memb-static.t tests/bin/readers-memb.t tests/bin/readers-mb.t' \
		>> "$work/log" 2>&1
result $? "the debug build passes with numbers that wrap"

# What git keeps, or is to keep, and what the autotools made. That it builds, too, is for ./dev ways, or EVERY=1.
in_tarball() {
	make -s -C "$work/gcc" distdir && (cd "$work/gcc"/quiesce-*/ && find . -type f | sed 's/^..//' | LC_ALL=C sort) |
		grep -vE '^(build-aux|m4)/|^(configure|aclocal.m4|Makefile.in)$' > "$work/packed"
	(cd "$top" && git ls-files -co --exclude-standard | grep -v '^\.' | LC_ALL=C sort) | diff - "$work/packed"
}
if [ -n "${EVERY:-}" ]; then
	make -s -C "$work/gcc" distcheck AM_MAKEFLAGS=TESTS= DISTCHECK_CONFIGURE_FLAGS=CFLAGS=-O0 > "$work/log" 2>&1
	result $? "make distcheck"
fi
if (cd "$top" && git ls-files --error-unmatch configure.ac) > /dev/null 2>&1; then
	in_tarball > "$work/log" 2>&1
	result $? "the tarball has what git keeps, and nothing that was built"
else
	skip "the tarball has what git keeps" "no git"
fi

cat > "$work/user.c" <<'TXT'
#include <urcu.h>
#include <stdlib.h>
static void release(struct rcu_head *head) { free(head); }
int main(void)
{
	rcu_register_thread();
	call_rcu(malloc(sizeof(struct rcu_head)), release);
	rcu_barrier();
	rcu_unregister_thread();
	return 0;
}
TXT
cd "$work/gcc" && make -s install DESTDIR="$work/dest" > "$work/log" 2>&1
result $? "make install DESTDIR="
make -s install >> "$work/log" 2>&1
export PKG_CONFIG_PATH="$work/root-gcc/lib/pkgconfig"
for link in shared static; do
	for module in liburcu liburcu-memb; do
		# shellcheck disable=SC2046 # lists of words
		gcc -o "$work/user" "$work/user.c" $([ $link = shared ] || echo -static) \
			$(pkg-config $([ $link = shared ] || echo --static) --cflags --libs $module) \
			> "$work/log" 2>&1 &&
			LD_LIBRARY_PATH="$work/root-gcc/lib" "$work/user" >> "$work/log" 2>&1
		result $? "a $link program through pkg-config $module"
	done
done
if command -v cmake > /dev/null; then
	sh "$top/tests/build/cmake.sh" "$work/root-gcc" "$work/cmake" memb qsbr-static > "$work/log" 2>&1
	result $? "CMake finds it, shared and static"
else
	skip "CMake finds it" "no cmake"
fi
make -s uninstall > "$work/log" 2>&1 && [ -z "$(find "$work/root-gcc" -name '*urcu*.*')" ]
result $? "make uninstall leaves nothing"
plan
