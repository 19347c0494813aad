#!/bin/sh
# SPDX-License-Identifier: MIT
# Two builds in different directories, as different users, at different times, in different languages and time zones:
# tarball, bill of materials and packages are the same to the bit. TAP. Usage: reproducible.sh
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$top/tests/tap.inc"
chmod 755 "$work"

show_log() {
	tail -n 20 "$work/log" | sed 's/^/# /'
}

# The tree as git has it, without what is built.
tree() { # directory
	mkdir -p "$1" && (cd "$top" && git ls-files -z | xargs -0 tar -cf -) | tar -xf - -C "$1"
}

# As root and in the future, if that can be had, and then as nobody.
as_first() {
	if command -v faketime > /dev/null; then faketime -f +500d "$@"; else "$@"; fi
}

as_second() {
	if [ "$(id -u)" = 0 ]; then setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else "$@"; fi
}

# shellcheck disable=SC2016 # for the shell that runs it
steps='set -e
	cd "$1"
	umask "$2"
	autoreconf -i
	mkdir build
	cd build
	../configure -q
	export DEB_BUILD_OPTIONS=nocheck
	tarball=$(../packaging/dist.sh .)
	sh ../packaging/sbom.sh "$tarball" > quiesce.spdx
	LINTIAN=no ../packaging/deb.sh "$tarball" deb
	mkdir results
	cp "$tarball" quiesce.spdx deb/*.deb deb/*.dsc deb/*.debian.tar.* results'

first=$work/a
second=$work/another/directory/with/a/longer/name
tree "$first"
tree "$second"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$second"
(as_first env -u MAKEFLAGS HOME=/root LC_ALL=C TZ=UTC sh -c "$steps" first "$first" 022) > "$work/log" 2>&1
result $? "the first build"
(as_second env -u MAKEFLAGS HOME=/nonexistent USER=somebody LOGNAME=somebody LC_ALL=C.UTF-8 TZ=Asia/Kathmandu \
	sh -c "$steps" second "$second" 077) > "$work/log" 2>&1
result $? "the second build"
for file in "$first"/build/results/*; do
	name=${file##*/}
	cmp "$file" "$second/build/results/$name" > "$work/log" 2>&1
	result $? "$name is the same"
done
[ "$(find "$first/build/results" -type f | wc -l)" -ge 8 ]
result $? "there are tarball, bill of materials, source and binary packages"
plan
