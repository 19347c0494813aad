#!/bin/sh
# SPDX-License-Identifier: MIT
# For two machines: clang compiles the library and unit tests in which one thread is at work, and qemu-user runs them;
# public structures have the layouts of Debian's liburcu for the machine. ./dev check-ports runs all tests. TAP.
# ROOTS/ARCH has the machine's C library, Check and liburcu.
# Usage: units.sh, or units.sh roots DIRECTORY: unpack these there, from Debian's packages, and install nothing.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
: "${CLANG:=clang}"
# Debian's name, clang's target, qemu.
machines="arm64 aarch64-linux-gnu qemu-aarch64
ppc64el powerpc64le-linux-gnu qemu-ppc64le"
# Test, and the one case of it that is run.
tests="uatomic operations
list list
wfcqueue alone
lfstack alone
lfht-change changes"
[ -z "${EVERY:-}" ] || tests="$tests
wfstack alone
wfqueue alone
rculfqueue alone
lfht lookups
lfht-change model
numbers numbers"

# roots DIRECTORY: apt is told of the machines, with lists of its own, and checks what it loads.
roots() {
	mkdir -p "$1/apt/lists/partial" "$1/apt/archives/partial" && cd "$1" || return
	apt-cache madison check | sed -n 's,^.*| *\([^ ]*\) \([^/]*\)/\([^ ]*\).*,deb \1 \2 \3,p' | head -n 1 > sources
	# What the one command has read of the lists is kept for the other.
	set -- -qq -o Dir::Etc::sourcelist="$PWD/sources" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$PWD/apt/lists" \
		-o Dir::State::status=/dev/null -o Dir::Cache="$PWD/apt" -o Dir::Cache::pkgcache=pkgcache.bin \
		-o APT::Sandbox::User=root -o Acquire::Languages=none -o APT::Architecture=arm64 \
		-o APT::Architectures::=arm64 -o APT::Architectures::=ppc64el
	packages=
	for arch in arm64 ppc64el; do
		for package in libc6-dev linux-libc-dev "libgcc-$(gcc -dumpversion)-dev" check libsubunit-dev liburcu-dev; do
			packages="$packages $package:$arch"
		done
	done
	# shellcheck disable=SC2086 # a list of words
	apt-get "$@" update && apt-get "$@" download $packages || return
	for package in *.deb; do
		arch=${package##*_}
		arch=${arch%.deb}
		case $package in liburcu*) arch=$arch/liburcu ;; esac
		mkdir -p "$arch" && dpkg-deb -x "$package" "$arch" || return
	done
	rm -rf apt ./*.deb
}

if [ "${1:-}" = roots ]; then
	roots "$2"
	exit
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$top/tests/tap.inc"

# build: the library, as one archive with one flavor. Not optimized, which takes two thirds of the time.
build() {
	mkdir -p "$work/$arch" && cd "$work/$arch" || return
	sources=
	for source in "$top"/src/*/*.c; do
		case ${source#"$top/src/"} in
		check/*|flavor/mb.c|flavor/qsbr.c|flavor/bp*.c) ;;
		*) sources="$sources $source" ;;
		esac
	done
	# shellcheck disable=SC2086 # lists of words
	$compile -O0 -I"$top/include" -I"$top/src" -c $sources && ar rcs library.a ./*.o
}

# run TEST CASE
run() {
	# shellcheck disable=SC2086 # a list of words
	$compile -O1 -I"$top/include" -I"$top/src" "$top/tests/unit/test-$1.c" "$work/$arch/library.a" -lcheck -lsubunit -lm \
		-o "$work/test" && CK_RUN_CASE=$2 CK_TAP_LOG_FILE_NAME=- limited 60 "$qemu" "$work/test"
}

machine() {
	arch=$1 qemu=$3
	root=${ROOTS:-/nowhere}/$1
	compile="$CLANG --target=$2 --sysroot=$root -fuse-ld=lld -static -std=gnu11 -w -D_GNU_SOURCE -pthread"
	for tool in "$CLANG" ld.lld "$qemu"; do
		command -v "$tool" > /dev/null || { skip "$arch" "no $tool"; return; }
	done
	[ -d "$root" ] || { skip "$arch" "no C library and Check for it"; return; }
	(build) > "$work/log" 2>&1
	result $? "$arch: the library compiles" || return
	CC=$compile RUNNER=$qemu LIBURCU=$root/liburcu/usr limited 60 "$top/tests/abi/test-layout.sh" > "$work/log" 2>&1 &&
		! grep -q 'SKIP no' "$work/log"
	result $? "$arch: layouts are those of liburcu"
	echo "$tests" > "$work/tests"
	while read -r test case <&4; do
		run "$test" "$case" > "$work/log" 2>&1
		result $? "$arch: $test, $case"
	done 4< "$work/tests"
}

echo "$machines" > "$work/machines"
while read -r arch target qemu <&3; do
	machine "$arch" "$target" "$qemu"
done 3< "$work/machines"
plan
