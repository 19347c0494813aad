#!/bin/sh
# SPDX-License-Identifier: MIT
# Other ways in, all from the tarball: with nothing but a compiler, make and the tools of POSIX; in and out of the
# source tree, into other directories, without static or without shared libraries; for another machine, with another C
# library; found by CMake and by Meson, built as Meson's subproject; as RPM packages. What cannot be had here is skipped.
# TAP. Run by ./dev ways, some minutes.
# Usage: ways.sh TARBALL [WAY...]
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
tarball=$(readlink -f "$1")
shift
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$top/tests/tap.inc"
unset MAKEFLAGS MFLAGS MAKELEVEL CC CXX CPPFLAGS CFLAGS LIBRARIES PKG_CONFIG_PATH
mkdir "$work/source" && tar -xzf "$tarball" -C "$work/source" --strip-components=1 || exit 1
chmod -R a-w "$work/source"
source=$work/source

show_log() {
	tail -n 20 "$work/log" | sed 's/^/# /'
}

try() { # what, command ...
	what=$1
	shift
	("$@") > "$work/log" 2>&1
	result $? "$what"
}

there() { # command, what
	command -v "$1" > /dev/null || { skip "$2" "no $1"; return 1; }
}

# build NAME CONFIGURE-ARGUMENT...: into $work/NAME, for the prefix $work/NAME/root.
build() {
	mkdir -p "$work/$1" && cd "$work/$1" || return 1
	shift
	"$source/configure" -q --prefix="$PWD/root" "$@" && make -s V=0 && make -s install V=0
}

cat > "$work/user.c" <<'TXT'
#include <urcu.h>
#include <urcu/rculfhash.h>
#include <stdlib.h>
static void release(struct rcu_head *head) { free(head); }
int main(void)
{
	struct cds_lfht *table;

	rcu_register_thread();
	table = cds_lfht_new(1, 1, 0, 0, NULL);
	call_rcu(malloc(sizeof(struct rcu_head)), release);
	rcu_barrier();
	rcu_unregister_thread();
	return !table || cds_lfht_destroy(table, NULL);
}
TXT

# ---- Bare ----

# A path with these alone; a symbolic link is enough for all but compilers, which look beside themselves.
tools="[ ar as awk basename cat chmod cmp cp cut date dirname echo env expr false grep egrep fgrep head hostname id
	install ld ln ls make mkdir mktemp mv nm od printf pwd ranlib readelf objdump rm rmdir sed sh sleep sort strip tail
	test touch tr true uname uniq wc"

bare_path() {
	mkdir "$work/bin"
	for tool in $tools; do
		path=$(command -v "$tool") || continue
		case $path in /*) ln -s "$path" "$work/bin/$tool" ;; *) ln -s "/usr/bin/$tool" "$work/bin/$tool" ;; esac
	done
	printf '#!/bin/sh\nexec %s "$@"\n' "$(command -v gcc)" > "$work/bin/gcc"
	chmod +x "$work/bin/gcc"
	! (PATH=$work/bin; command -v autoconf || command -v pkg-config || command -v perl || command -v m4)
}

# No network, if that can be had, and the source tree cannot be written to.
bare_build() {
	bare_path || return 1
	closed=
	! unshare -n true 2> /dev/null || closed="$(command -v unshare) -n"
	mkdir "$work/bare" && cd "$work/bare" || return 1
	# shellcheck disable=SC2086 # a command
	$closed env -i PATH="$work/bin" HOME=/nowhere "$work/bin/sh" -e -c '
		"$1/configure" -q --prefix="$PWD/root" CC=gcc
		make -s V=0
		make -s install V=0
	' bare "$source" && gcc -o user "$work/user.c" -Iroot/include -Lroot/lib -Wl,-rpath,"$PWD/root/lib" \
		-lurcu -lurcu-cds -lurcu-common && limited 20 ./user
}

way_bare() {
	try "builds and installs with a compiler and make alone, offline, out of a tree that is read-only" bare_build
}

# ---- Directories ----

directories() {
	build directories CFLAGS=-O0 --libdir='${prefix}/lib/machine' --includedir='${prefix}/headers' --disable-static &&
		make -s install DESTDIR="$work/dest" V=0 || return 1
	(cd root && find . ! -type d | sort) > "$work/installed"
	(cd "$work/dest$PWD/root" && find . ! -type d | sort) | diff "$work/installed" - || return 1
	! grep -vE '^\./(bin|lib/machine|headers|share)/' "$work/installed" || return 1
	! grep '\.l*a$' "$work/installed" || return 1
	# shellcheck disable=SC2046 # words
	PKG_CONFIG_PATH=$PWD/root/lib/machine/pkgconfig && export PKG_CONFIG_PATH &&
		gcc -o user "$work/user.c" $(pkg-config --cflags --libs liburcu liburcu-cds) \
			-Wl,-rpath,"$PWD/root/lib/machine" && limited 20 ./user && make -s uninstall &&
		test -z "$(find root ! -type d)"
}

in_tree() {
	cp -R "$source" "$work/in-tree" && chmod -R u+w "$work/in-tree" && cd "$work/in-tree" &&
		./configure -q --prefix="$PWD/root" --disable-shared CFLAGS=-O0 && make -s V=0 && make -s install V=0 &&
		! find root -name '*.so*' | grep . && gcc -static -pthread -o user "$work/user.c" -Iroot/include \
		-Lroot/lib -lurcu -lurcu-cds -lurcu-common && limited 20 ./user
}

way_directories() {
	try "--libdir, --includedir, --disable-static, DESTDIR, uninstall" directories
	try "in the source tree, static libraries alone" in_tree
}

# ---- Machines and C libraries ----

cross() {
	build cross --host=aarch64-linux-gnu CFLAGS=-O0 && readelf -h root/lib/liburcu-memb.so.8 | grep -q AArch64 &&
		aarch64-linux-gnu-gcc -static -pthread -o user "$work/user.c" -Iroot/include -Lroot/lib \
			-lurcu -lurcu-cds -lurcu-common || return 1
	! command -v qemu-aarch64 > /dev/null || limited 60 qemu-aarch64 ./user
}

# Beside musl the kernel's headers are missing.
musl() {
	mkdir -p "$work/kernel"
	for directory in /usr/include/linux /usr/include/asm-generic /usr/include/*-linux-gnu/asm; do
		ln -sfn "$directory" "$work/kernel/"
	done
	build musl CC=musl-gcc CFLAGS="-O0 -isystem $work/kernel" &&
		readelf -d root/lib/liburcu-memb.so.8 | grep -q 'NEEDED.*\[libc\.so\]' || return 1
	for link in "" -static; do
		# shellcheck disable=SC2086 # a flag or none
		musl-gcc $link -pthread -isystem "$work/kernel" -o user "$work/user.c" -Iroot/include -Lroot/lib \
			-Wl,-rpath,"$PWD/root/lib" -lurcu -lurcu-cds -lurcu-common && limited 20 ./user || return 1
	done
}

way_machines() {
	! there aarch64-linux-gnu-gcc "--host=aarch64-linux-gnu" || try "--host=aarch64-linux-gnu" cross
	! there musl-gcc "musl" || try "musl, shared and static" musl
}

# ---- CET ----

cet() {
	build cet CFLAGS='-O1 -fcf-protection' && FLAGS="-fcf-protection -fstack-protector-strong -D_FORTIFY_SOURCE=3" \
		sh "$here/test-hardening.sh" root/lib
}

way_cet() {
	case $(uname -m) in
	x86_64) try "-fcf-protection is in all of it" cet ;;
	*) skip "-fcf-protection" "only x86 has it" ;;
	esac
}

# ---- CMake and Meson ----

installed() { # once
	[ -e "$work/plain/root/lib/liburcu.so" ] || (build plain CFLAGS=-O0)
}

cmake_way() {
	installed || return 1
	sh "$here/cmake.sh" "$work/plain/root" "$work/cmake"
}

meson_project() { # directory
	mkdir -p "$1" && cp "$work/user.c" "$1" && cat > "$1/meson.build" <<'TXT'
project('user', 'c')
test('user', executable('user', 'user.c', dependencies: [dependency('liburcu-memb'), dependency('liburcu-cds')]))
TXT
}

meson_found() {
	installed && meson_project "$work/meson" && cd "$work/meson" &&
		PKG_CONFIG_PATH=$work/plain/root/lib/pkgconfig meson setup out &&
		LD_LIBRARY_PATH=$work/plain/root/lib meson test -C out && ldd out/user | grep -q "$work/plain/root/lib"
}

meson_subproject() {
	meson_project "$work/wrapped" && cd "$work/wrapped" && mkdir -p subprojects/packagefiles &&
		cp "$tarball" subprojects/packagefiles && cp "$source/packaging/quiesce.wrap" subprojects &&
		CFLAGS=-O0 meson setup --wrap-mode=forcefallback out && meson compile -C out || return 1
	LD_LIBRARY_PATH=$(dirname "$(find "$PWD/out" -name liburcu-memb.so.8 -path '*dist*' | head -n 1)")
	export LD_LIBRARY_PATH
	limited 20 out/user && ldd out/user | grep -q "liburcu-memb.so.8 => $work/wrapped/out"
}

way_finders() {
	! there cmake "CMake" || try "CMake finds it: each target, shared and static" cmake_way
	there meson "Meson" || return
	try "Meson finds it" meson_found
	try "Meson builds it as a subproject" meson_subproject
}

# ---- RPM ----

rpm_way() {
	nodeps=
	[ ! -e /etc/debian_version ] || nodeps=--nodeps
	rpmbuild -ta $nodeps --define "_topdir $work/rpm" --define 'debug_package %{nil}' "$tarball" &&
		find "$work/rpm" -name 'libquiesce8-*.rpm' | grep . > "$work/rpms" &&
		find "$work/rpm" -name 'libquiesce-devel-*.rpm' | grep . >> "$work/rpms" &&
		rpm -qp --provides "$(head -n 1 "$work/rpms")" | grep -F 'liburcu-memb.so.8()'
}

way_rpm() {
	! there rpmbuild "RPM packages" || try "rpmbuild takes the tarball" rpm_way
}

[ $# != 0 ] || set -- bare directories machines cet finders rpm
for way; do
	"way_$way"
done
plan
