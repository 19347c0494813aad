#!/bin/sh
# SPDX-License-Identifier: MIT
# What packages say agrees with the rest: the version and the release of liburcu whose place they take, everywhere;
# each symbol that a library exports has a line for Debian's dpkg-shlibdeps. TAP.
# Usage: test-packaging.sh [DIRECTORY], of the libraries, by default $LIBRARIES.
set -u
top=$(cd "${srcdir:-.}" && pwd)
libraries=$(cd "${1:-$LIBRARIES}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$top/tests/tap.inc"

# same WHAT TEXT: lines "WHERE TEXT" of $work/found.
same() {
	awk -v text="$2" '$2 != text { print $1 " says " $2 ", and not " text } END { if (!NR) print "nothing" }' \
		"$work/found" > "$work/log"
	[ -n "$2" ] && [ ! -s "$work/log" ]
	result $? "$1: $2"
}

# found FILE EXPRESSION: what sed finds first.
found() {
	echo "$1 $(sed -n "s/$2/\1/p" "$top/$1" | head -n 1)"
}

version=$(sed -n 's/^AC_INIT(\[quiesce\], \[\([0-9.]*\)\].*/\1/p' "$top/configure.ac")
{
	found debian/changelog '^quiesce (\([^-]*\)-.*'
	found packaging/quiesce.spec '^Version: *\(.*\)'
	found packaging/quiesce.spec '^\* .* - \([0-9.]*\)-.*'
	found packaging/quiesce.wrap '^directory = quiesce-\(.*\)'
	found packaging/quiesce.wrap '^source_filename = quiesce-\(.*\)\.tar\.gz'
	found meson.build "^project.* version: '\([^']*\)'.*"
	found CHANGELOG.md '^## \([0-9.]*\).*'
} > "$work/found"
same "the version" "$version"

interface=$(found debian/rules '^INTERFACE = \(.*\)' | cut -d ' ' -f 2)
{
	found packaging/quiesce.spec '^Provides: *userspace-rcu = \([0-9.]*\),.*'
	found packaging/quiesce.spec '^Provides: *userspace-rcu-devel = \([0-9.]*\),.*'
} > "$work/found"
same "the liburcu in whose place it is" "$interface"
major=$(sed -n 's/^AC_SUBST(\[INTERFACE_VERSION\], \[\([0-9]*\.[0-9]*\)\..*/\1/p' "$top/configure.ac")
echo "debian/rules ${interface%.*}" > "$work/found"
same "its interface" "$major"

sh "$top/debian/symbols.sh" liburcu8 > "$work/symbols"
for name in mb memb bp qsbr common cds; do
	awk -v library="liburcu-$name.so.8" '$1 ~ /^lib/ { inside = $1 == library } inside && /^ / { print $1 }' "$work/symbols"
	readelf -W --dyn-syms "$libraries/liburcu-$name.so.8" |
		awk '$7 != "UND" && $5 == "GLOBAL" && $4 ~ /FUNC|OBJECT|TLS/ { sub(/@.*/, "", $8); print $8 "@Base" }'
done | LC_ALL=C sort | uniq -c | awk '$1 % 2 { print }' > "$work/log"
[ "$(grep -c '^ ' "$work/symbols")" -gt 300 ] && [ ! -s "$work/log" ]
result $? "each exported symbol has its line for dpkg-shlibdeps, and no other has"
plan
