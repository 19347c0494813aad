#!/bin/sh
# SPDX-License-Identifier: MIT
#
# urcu_atfork_enable beside allocators that have fork handlers of their own, or none: glibc's, musl's,
# jemalloc, tcmalloc, mimalloc; linked, and preloaded. tests/fork/allocators.c says what is run.
# Prints TAP.
#
#	test-allocators.sh [SOURCE-TREE BUILD-TREE [FORKS [ALLOCATOR ...]]]
#
# or with the two in $srcdir and $builddir, with the compiler in $CC, and FORKS in $ALLOCATOR_FORKS;
# ./dev storm runs more than the 150 of ./dev check. Packages are fetched and
# unpacked below the build tree, not installed, and stay there for the next run.
set -u

source=$(cd "${1:-${srcdir:?}}" && pwd)
build=$(cd "${2:-${builddir:?}}" && pwd)
forks=${3:-${ALLOCATOR_FORKS:-150}}
shift $(($# < 3 ? $# : 3))
[ $# -gt 0 ] || set -- glibc jemalloc tcmalloc mimalloc musl
libraries=$build/.libs
: "${CC:=cc}"
store=$build/tests/allocators
root=$store/root
flavors="memb bp"
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$source/tests/tap.inc"

# ---- Packages ----

fetch() # package ...: into $root; false if it cannot be had
{
	for package; do
		[ ! -e "$store/$package" ] || continue
		mkdir -p "$store/debs" "$root" || return 1
		(cd "$store/debs" && rm -f ./*.deb && apt-get download -qq "$package" &&
			dpkg-deb -x ./*.deb "$root") > "$work/log" 2>&1 || return 1
		: > "$store/$package"
	done
}

# The paths of what is found in $root, first match first.
found() # name
{
	find "$root" -name "$1" 2>/dev/null | LC_ALL=C sort | head -n 1
}

# ---- The programs ----

compile() # object, moment, flavor, compiler ...
{
	object=$1 moment=$2 flavor=$3
	shift 3
	set -- "$@" -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -I"$source/include"
	[ "$moment" = main ] || set -- "$@" -DEARLY
	[ "$flavor" != bp ] || set -- "$@" -DTEST_BP
	"$@" -c -o "$work/$object" "$source/tests/fork/allocators.c" > "$work/log" 2>&1
}

link() # program, object, flavor, inputs ...
{
	program=$1 object=$2 flavor=$3
	shift 3
	$CC -o "$work/$program" "$work/$object" "$@" -L"$libraries" -Wl,-rpath,"$libraries" \
		-lurcu-"$flavor" -pthread > "$work/log" 2>&1
}

run() # what, preloaded or empty, program
{
	status=0
	limited 600 env LD_PRELOAD="$2" "$work/$3" "$forks" > "$work/log" 2>&1 || status=$?
	result "$status" "$1, $forks forks"
}

when() # moment
{
	[ "$1" = main ] && echo "enabled in main" || echo "enabled by a constructor"
}

# $work/MOMENT-FLAVOR, to which an allocator is preloaded, and its object, to link with one.
programs()
{
	for flavor in $flavors; do
		for moment in main constructor; do
			program=$moment-$flavor
			# shellcheck disable=SC2086 # a list of words
			compile "$program.o" $moment "$flavor" $CC || result 1 "compiling $program"
			link "$program" "$program.o" "$flavor" || result 1 "linking $program"
		done
	done
}

# ---- Allocators beside glibc ----

glibc()
{
	for flavor in $flavors; do
		for moment in main constructor; do
			run "$flavor, glibc, $(when $moment)" "" "$moment-$flavor"
		done
	done
}

# "link": among the first of the linked libraries; the preloaded one comes before all.
beside() # flavor, name, library
{
	for moment in main constructor; do
		run "$1, $2 preloaded, $(when $moment)" "$3" "$moment-$1"
		link linked "$moment-$1.o" "$1" -Wl,--no-as-needed "$3" -Wl,-rpath,"${3%/*}"
		run "$1, $2 linked, $(when $moment)" "" linked
	done
}

allocator() # name, package, library
{
	if fetch "$2" && library=$(found "$3") && [ -n "$library" ]; then
		for flavor in $flavors; do
			beside "$flavor" "$1" "$library"
		done
	else
		skip "$1" "no package $2 to be had"
	fi
}

# ---- musl ----

# gcc's specs for musl name its installed place; the kernel's headers come after musl's own.
musl_compiler()
{
	specs=$(found musl-gcc.specs)
	[ -n "$specs" ] || return 1
	sed "s|/usr/|$root/usr/|g" "$specs" > "$work/specs"
	musl="$CC -specs $work/specs -idirafter /usr/include"
	musl="$musl -idirafter /usr/include/$($CC -print-multiarch) -isystem $root/usr/include"
}

# The library itself, as far as a program of one flavor needs it.
musl_library()
{
	mkdir -p "$work/musl" || return 1
	(cd "$work/musl" && $musl -std=gnu11 -D_GNU_SOURCE -O2 -I"$source/include" -I"$source/src" \
		-c "$source"/src/system/*.c "$source"/src/grace/*.c "$source"/src/callbacks/*.c \
		"$source"/src/process/*.c "$source"/src/flavor/*.c) > "$work/log" 2>&1
}

musl_run() # flavor
{
	for moment in main constructor; do
		# shellcheck disable=SC2046,SC2086 # lists of words
		compile musl.o $moment "$1" $musl && $musl -static -o "$work/musl-program" \
			"$work/musl.o" $(musl_objects "$1") > "$work/log" 2>&1
		run "$1, musl, $(when $moment)" "" musl-program
	done
}

musl_objects() # flavor
{
	for object in "$work"/musl/*.o; do
		case $object in
		*/"$1".o) echo "$object" ;;
		*/mb.o | */memb.o | */bp.o | */qsbr.o) ;;
		*) echo "$object" ;;
		esac
	done
}

musl()
{
	if ! fetch musl-tools musl-dev || ! musl_compiler ||
	   ! echo 'int main(void) { return 0; }' |
		$musl -static -x c -o "$work/tried" - > "$work/log" 2>&1 || ! "$work/tried"; then
		skip musl "no musl to be had, or not for this compiler"
		return
	fi
	musl_library
	result $? "the library is built with musl"
	for flavor in $flavors; do
		musl_run "$flavor"
	done
}

programs
for name; do
	case $name in
	glibc) glibc ;;
	jemalloc) allocator jemalloc libjemalloc2 libjemalloc.so.2 ;;
	tcmalloc) allocator tcmalloc libtcmalloc-minimal4 libtcmalloc_minimal.so.4 ;;
	mimalloc) allocator mimalloc libmimalloc2.0 'libmimalloc.so.2*' ;;
	musl) musl ;;
	esac
done
plan
