#!/bin/sh
# SPDX-License-Identifier: MIT
# The functions that a flavor's library exports are functions to a program too. Each is declared as one,
# in every language, and bindgen finds it; its address is that of the library's; the readers are inlined,
# and called where a program asks for that or does not optimize; and a program may define them
# itself, as stubs, without the library. TAP.
# Usage: test-functions.sh [DIRECTORY], of the libraries; by default $LIBRARIES.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
include=$here/../../include
libraries=$(cd "${1:-$LIBRARIES}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$here/../tap.inc"

# attempt WHAT COMMAND...
attempt() {
	what=$1
	shift
	status=0
	"$@" > "$work/log" 2>&1 || status=$?
	result "$status" "$what" || :
}

compile() { # compiler, standard, flags ...: ends in the source
	compiler=$1 standard=$2
	shift 2
	case $compiler in *++) language=c++ ;; *) language=c ;; esac
	timeout 60 "$compiler" -x "$language" -std="$standard" -Wall -Wextra -Werror -I"$include" "$@"
}

link() { # the library's flavor; object, program
	timeout 60 "${CC:-cc}" -o "$3" "$2" -L"$libraries" -Wl,-rpath,"$libraries" "-lurcu-$1" -lurcu-common -lpthread -ldl
}

exported() { # flavor
	readelf --dyn-syms -W "$libraries/liburcu-$1.so" |
		awk '$4 == "FUNC" && $5 == "GLOBAL" && $7 != "UND" { sub(/@.*/, "", $8); print $8 }' |
		LC_ALL=C sort -u
}

readers() { # flavor: return type, name
	for name in read_lock read_unlock; do echo "void urcu_$1_$name"; done
	echo "int urcu_$1_read_ongoing"
	[ "$1" != qsbr ] || for name in quiescent_state thread_offline thread_online; do
		echo "void urcu_$1_$name"
	done
}

settings="gcc:gnu89 gcc:c99 gcc:gnu17 clang:c99 g++:c++11 g++:c++20 clang++:c++17"

# ---- Declared, and with the library's address ----

addresses() { # flavor
	cat <<-TXT
	#ifndef _GNU_SOURCE
	#define _GNU_SOURCE
	#endif
	#include <urcu/urcu-$1.h>
	#include <urcu/futex.h>
	#include <quiesce/report.h>
	#include <quiesce/stall.h>
	#include <quiesce/stats.h>
	#include <dlfcn.h>
	#include <stdio.h>
	#include <string.h>
	static int differs(const char *name, void *here)
	{
		return dlsym(RTLD_DEFAULT, name) != here && printf("# %s\n", name) > 0;
	}
	int main(void)
	{
		int wrong = 0;
	TXT
	for name in $(cat "$work/exported"); do
		# A function's type as it is declared; not that of a macro of this name.
		echo "{ __typeof__(($name)) *f = $name; void *p; memcpy(&p, &f, sizeof(p)); wrong += differs(\"$name\", p); }"
	done
	echo '	return wrong != 0; }'
}

same_addresses() { # flavor, compiler, standard
	compile "$2" "$3" -O1 -fPIE -c -o "$work/addresses.o" "$work/addresses.c" &&
		link "$1" "$work/addresses.o" "$work/addresses" && timeout 60 "$work/addresses"
}

found_by_bindgen() { # flavor
	timeout 60 bindgen --allowlist-function "urcu_.*" "$include/urcu/urcu-$1.h" -- -I"$include" > "$work/bindings" &&
		sed -n 's/^ *pub fn \([a-z_0-9]*\).*/\1/p' "$work/bindings" | LC_ALL=C sort -u > "$work/found" &&
		grep "^urcu_$1_" "$work/exported" > "$work/wanted" &&
		! LC_ALL=C comm -13 "$work/found" "$work/wanted" | grep .
}

# What bindgen and others go by: a declaration that is not inline, nor becomes so.
declared_for_tools() { # flavor
	timeout 60 clang -fsyntax-only -Xclang -ast-dump -fno-color-diagnostics -I"$include" \
		"$include/urcu/urcu-$1.h" > "$work/tree" &&
		readers "$1" | while read -r type name; do
			grep -q "FunctionDecl .* $name '$type (void)' extern\$" "$work/tree" || echo "$name"
			! grep "FunctionDecl .* $name '$type (void)'.* inline" "$work/tree"
		done > "$work/undeclared" && ! grep . "$work/undeclared"
}

for flavor in mb memb bp qsbr; do
	exported $flavor > "$work/exported"
	# What a flavor has no use for is exported for old binaries, and inline in the header.
	sed -n 's/^static inline [a-z]* \(urcu_[a-z_]*\)(.*/\1/p' "$include/urcu/urcu-$flavor.h" |
		LC_ALL=C sort > "$work/inline"
	LC_ALL=C comm -23 "$work/exported" "$work/inline" > "$work/these"
	mv "$work/these" "$work/exported"
	addresses $flavor > "$work/addresses.c"
	for setting in gcc:gnu11 clang:c99 g++:c++11 clang++:c++17; do
		command -v "${setting%%:*}" > /dev/null || { skip "$flavor $setting" "no compiler"; continue; }
		attempt "$flavor: $(grep -c . "$work/exported") functions have the library's address, $setting" \
			same_addresses $flavor "${setting%%:*}" "${setting#*:}"
	done
	if command -v bindgen > /dev/null; then
		attempt "$flavor: bindgen finds all of them" found_by_bindgen $flavor
	else
		skip "$flavor: bindgen" "no bindgen"
	fi
	if command -v clang > /dev/null; then
		attempt "$flavor: tools see the readers as functions" declared_for_tools $flavor
	else
		skip "$flavor: tools" "no clang"
	fi
done

# ---- Inlined or called ----

users() { # flavor: a function that uses each reader, and the body's own name
	echo "#include <urcu/urcu-$1.h>"
	readers "$1" | while read -r type name; do
		echo "extern $type use_$name(void); $type use_$name(void) { return $name(); }"
		echo "extern $type use_$name""_body(void); $type use_$name""_body(void) { return _$name(); }"
	done
	echo 'int main(void) { return 0; }'
}

calls() { # the undefined symbols of an object that are readers of the flavor
	nm -u "$work/users.o" | grep -cE "U urcu_$1_(read|quiescent|thread)_" || :
}

inlined() { # flavor, compiler, standard
	compile "$2" "$3" -O2 -c -o "$work/users.o" "$work/users.c" && [ "$(calls "$1")" = 0 ] &&
		compile "$2" "$3" -O2 -DURCU_NO_INLINE -c -o "$work/users.o" "$work/users.c" &&
		[ "$(calls "$1")" = "$(readers "$1" | grep -c .)" ] &&
		compile "$2" "$3" -O0 -c -o "$work/users.o" "$work/users.c" &&
		link "$1" "$work/users.o" "$work/users" && timeout 60 "$work/users"
}

# ---- Given to be freed ----

# Where it is inlined, one call in four is to the function: each is enough for a compiler to mistake the two.
giver() { # flavor
	cat <<-TXT
	#include <stdlib.h>
	#include <urcu/urcu-$1.h>
	int main(void)
	{
		int count;

		urcu_$1_register_thread();
		for (count = 0; count < 1000; count++)
			urcu_$1_free_rcu(malloc(16));
		urcu_$1_free_rcu(NULL);
		urcu_$1_unregister_thread();
		urcu_$1_free_rcu(malloc(16));
		urcu_$1_barrier();
		return 0;
	}
	TXT
}

given() { # flavor, compiler, standard
	for level in -O0 -O1 -O2 -O3 "-O2 -DURCU_NO_INLINE" "-O2 -fPIC"; do
		# shellcheck disable=SC2086 # words
		compile "$2" "$3" $level -c -o "$work/giver.o" "$work/giver.c" && link "$1" "$work/giver.o" "$work/giver" &&
			timeout 60 "$work/giver" || { echo "$level"; return 1; }
	done
}

# ---- Stubs ----

stubs() { # flavor
	cat <<-TXT
	#include <urcu/urcu-$1.h>
	#ifdef __cplusplus
	extern "C" {
	#endif
	static int stub_calls;
	TXT
	readers "$1" | sed -n 's/^void \(.*\)/void \1(void) { stub_calls++; }/p; s/^int \(.*\)/int \1(void) { return ++stub_calls; }/p'
	cat <<-TXT
	#ifdef __cplusplus
	}
	#endif
	int main(void)
	{
		void (*lock)(void) = urcu_$1_read_lock;

		lock();
		urcu_$1_read_lock();
		(void) urcu_$1_read_ongoing();
		urcu_$1_read_unlock();
		return stub_calls != 4;
	}
	TXT
}

stubbed() { # compiler, standard
	for level in -O0 -O2 -DDEBUG_RCU; do
		compile "$1" "$2" $level -o "$work/stubs" "$work/stubs.c" && timeout 60 "$work/stubs" || return
	done
}

for flavor in mb memb bp qsbr; do
	users $flavor > "$work/users.c"
	stubs $flavor > "$work/stubs.c"
	giver $flavor > "$work/giver.c"
	for setting in $settings; do
		compiler=${setting%%:*} standard=${setting#*:}
		if command -v "$compiler" > /dev/null; then
			attempt "$flavor: readers are inlined, or called, $setting" \
				inlined $flavor "$compiler" "$standard"
			attempt "$flavor: a program's own readers, $setting" stubbed "$compiler" "$standard"
			attempt "$flavor: free_rcu is called, and comes back, $setting" given $flavor "$compiler" "$standard"
		else
			skip "$flavor: readers, $setting" "no $compiler"
		fi
	done
done
plan
