#!/bin/sh
# SPDX-License-Identifier: MIT
# Run by deb-test.sh in a fresh Debian, with the tarball in /debs: with a compiler and make, and none of the autotools,
# pkg-config, Check or Perl's modules, it builds, installs and serves a program. TAP.
set -u
# shellcheck source=packaging/deb-test.inc
. /deb-test.inc

bare() {
	install install gcc libc6-dev make || return 1
	for tool in autoconf automake libtool pkg-config pkgconf m4 g++ python3; do
		! command -v $tool || return 1
	done
}
try "a compiler and make, nothing else" bare

build() {
	mkdir source build && tar -xzf /debs/quiesce_*.orig.tar.gz -C source --strip-components=1 && chmod -R a-w source &&
		cd build && ../source/configure -q --prefix=/opt/quiesce && make -s V=0 && make -s install V=0
}
try "the tarball builds and installs" build

program() {
	gcc source/examples/first-steps.c -I/opt/quiesce/include -L/opt/quiesce/lib -Wl,-rpath,/opt/quiesce/lib -pthread \
		-lurcu -lurcu-common -o first-steps && limited 30 ./first-steps &&
		ldd first-steps | grep -q '=> /opt/quiesce/lib/liburcu-memb\.so\.8'
}
try "a program runs on it" program

uninstall() {
	make -s -C build uninstall && test -z "$(find /opt/quiesce ! -type d)"
}
try "make uninstall leaves nothing" uninstall
plan
