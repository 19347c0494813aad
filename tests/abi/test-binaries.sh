#!/bin/sh
# SPDX-License-Identifier: MIT
# A program notices nothing: compiled with the headers of Debian's liburcu, linked against its
# libraries, run on ours under load. Every flavor, readers inlined and called, with copy relocations
# and without, as a plug-in, and all at once. TAP.
# Usage: test-binaries.sh [DIRECTORY], by default $LIBRARIES. LIBURCU names the other's prefix.
set -u
here=$(cd "$(dirname "$0")" && pwd)
libraries=$(cd "${1:-$LIBRARIES}" && pwd -P)
liburcu=${LIBURCU:-}
: "${CC:=cc}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$here/../tap.inc"

include="-I$liburcu/include"
[ ! -e "$liburcu/include/urcu/urcu-poll.h" ] || include="$include -DHAS_POLLING"
link=
for directory in "$liburcu"/include/*-linux-gnu*; do
	[ ! -d "$directory" ] || include="$include -I$directory"
	# Asked here and not by __has_include, which finds those of a library that is installed, too.
	[ ! -e "$directory/urcu/urcu-poll.h" ] || include="$include -DHAS_POLLING"
done
for directory in "$liburcu"/lib "$liburcu"/lib/*-linux-gnu*; do
	[ ! -e "$directory/liburcu-memb.so" ] || link="-L$directory -Wl,-rpath-link,$directory"
done
if [ -z "$liburcu" ] || [ -z "$link" ]; then
	echo "1..0 # SKIP no liburcu to link with (LIBURCU=PREFIX)"
	exit 0
fi

# An uninstalled tree has no liburcu.so.8, which is a link that "make install" makes.
mkdir "$work/lib"
for file in "$libraries"/liburcu*.so.8; do
	ln -s "$(readlink -f "$file")" "$work/lib/${file##*/}"
done
ln -sf "$(readlink -f "$libraries/liburcu-memb.so.8")" "$work/lib/liburcu.so.8"
LIBRARIES=$libraries
export LIBRARIES

# The dynamic linker says so where a release added members at the end of the flavor's structure; all
# that an older program knows is copied.
known='_flavor. has different size in shared object'

run() # program ...
{
	LD_LIBRARY_PATH=$work/lib timeout 60 "$@" > "$work/log" 2>&1 &&
		! grep -v "$known" "$work/log"
}

define() # flavor
{
	case $1 in
	mb) echo -DRCU_MB ;;
	bp) echo -DTEST_BP ;;
	qsbr) echo -DTEST_QSBR ;;
	esac
}

compile() # source, object, flags
{
	# shellcheck disable=SC2086 # lists
	$CC -std=gnu11 -w -pthread $include $3 -c "$here/$1" -o "$work/$2" >> "$work/log" 2>&1
}

build() # name, what to link, flags, objects ...
{
	program=$work/$1
	libs=$2
	flags=$3
	shift 3
	# shellcheck disable=SC2086 # lists
	$CC -pthread $flags "$@" -o "$program" $link $libs -ldl >> "$work/log" 2>&1
}

# An inlined reader of a program that is not position-independent uses copies of the library's data.
has_copies() # program, flavor
{
	readelf -rW "$work/$1" | grep -q "COPY.*urcu_$2_gp"
}

one_flavor() # name of the library, flavor
{
	for optimize in -O0 -O2; do
		for readers in "" -D_LGPL_SOURCE -DURCU_INLINE_SMALL_FUNCTIONS; do
			for pie in "-fPIE -pie" "-fno-pie -no-pie"; do
				what="$1 $optimize ${readers:--Dcalled} ${pie##* }"
				: > "$work/log"
				flags="$optimize $readers ${pie% *}"
				compile binary-main.c main.o "$flags -DLOADS=load_$2" &&
					compile binary-load.c load.o \
						"$flags -DLOAD=load_$2 $(define "$2")" &&
					build program "-l$1" "${pie##* }" "$work/main.o" "$work/load.o" &&
					run "$work/program"
				result $? "$what"
			done
		done
	done
	compile binary-main.c main.o "-O2 -D_LGPL_SOURCE -fno-pie -DLOADS=load_$2" &&
		compile binary-load.c load.o \
			"-O2 -D_LGPL_SOURCE -fno-pie -DLOAD=load_$2 $(define "$2")" &&
		build program "-l$1" -no-pie "$work/main.o" "$work/load.o" && has_copies program "$2"
	result $? "$1: the program with inlined readers holds copies of the library's data"
}

plug_in() # flavor, readers
{
	: > "$work/log"
	compile binary-load.c plug.o "-O2 -fPIC $2 -DLOAD=load $(define "$1")" &&
		build plug.so "-lurcu-$1" "-shared -Wl,-z,defs" "$work/plug.o" &&
		compile binary-main.c main.o "-O2 -fPIE -DPLUG_IN" &&
		build program "" "-pie -Wl,--no-as-needed" "$work/main.o" &&
		run "$work/program" "$work/plug.so"
	result $? "a plug-in with $1 ${2:--Dcalled}, in a program without"
}

table=
if grep -q cds_lfht_add "$libraries/liburcu-cds.so.8"; then
	table=-DWITH_TABLE
fi

structures() # readers
{
	: > "$work/log"
	compile binary-structures.c structures.o "-O2 $1 $table" &&
		compile binary-main.c main.o "-O2 -DLOADS=load_structures" &&
		build program "-lurcu-cds -lurcu-common -lurcu" "" "$work/main.o" "$work/structures.o" &&
		run "$work/program"
	result $? "queues, stacks, lists${table:+ and the hash table} ${1:--Dcalled}"
}

all_at_once() # readers, pie
{
	: > "$work/log"
	for flavor in mb memb bp qsbr; do
		compile binary-load.c "load-$flavor.o" \
			"-O2 $1 ${2% *} -DLOAD=load_$flavor $(define $flavor)" || break
	done &&
		compile binary-structures.c structures.o "-O2 $1 ${2% *} $table" &&
		compile binary-main.c main.o \
			"-O2 ${2% *} -DLOADS=load_mb,load_memb,load_bp,load_qsbr,load_structures" &&
		build program \
			"-lurcu-mb -lurcu-memb -lurcu-bp -lurcu-qsbr -lurcu-cds -lurcu-common -lurcu" \
			"${2##* }" "$work"/load-*.o "$work/structures.o" "$work/main.o" &&
		run "$work/program"
	result $? "all flavors and structures in one process ${1:--Dcalled} ${2##* }"
}

for flavor in mb memb bp qsbr; do
	one_flavor "urcu-$flavor" $flavor
	plug_in $flavor ""
	plug_in $flavor -D_LGPL_SOURCE
done
one_flavor urcu memb
for readers in "" -D_LGPL_SOURCE; do
	structures "$readers"
	all_at_once "$readers" "-fPIE -pie"
	all_at_once "$readers" "-fno-pie -no-pie"
done
plan
