#!/bin/sh
# SPDX-License-Identifier: MIT
# What packages say agrees with the rest: the version and the release of liburcu whose place they take, everywhere;
# each symbol that a library exports has a line for Debian's dpkg-shlibdeps; links lead somewhere in quiesce-doc. TAP.
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

# As debhelper lays them out.
mkdir -p "$work/doc/examples"
# shellcheck disable=SC2046 # lists, with patterns
(cd "$top" && cp -R $(cat debian/quiesce-doc.docs) "$work/doc" && cp -R $(cat debian/quiesce-doc.examples) "$work/doc/examples")
sh "$top/packaging/links.sh" "$work/doc" > "$work/log"
result $? "links of the documents lead somewhere in quiesce-doc"

# ---- What a package asks for that is built with ours ----

# depends NAME: of the program made of standard input, as dpkg-shlibdeps says; into $work/depends.
depends() {
	cat > "$work/$1.c"
	# shellcheck disable=SC2046 # words
	${CC:-cc} -D_GNU_SOURCE -I"$top/include" -o "$work/$1" "$work/$1.c" -Wl,-rpath-link,"$libraries" \
		$(ls "$libraries"/liburcu-memb.so "$libraries"/liburcu-cds.so "$libraries"/liburcu-common.so) -pthread &&
		(cd "$work" && dpkg-shlibdeps -O -Sdebian/libquiesce8 --warnings=0 "$1") | tr ',' '\n' |
			sed -n 's/^.*[ =]\(lib\(urcu\|quiesce\).*\)/\1/p' | LC_ALL=C sort > "$work/depends"
}

if command -v dpkg-shlibdeps > /dev/null; then
	package=$work/debian/libquiesce8
	mkdir -p "$package/DEBIAN" "$package/usr/lib" && cp -L "$libraries"/liburcu-*.so.8 "$package/usr/lib"
	cp "$work/symbols" "$package/DEBIAN/symbols"
	printf 'Source: test\n\nPackage: test\nArchitecture: any\n' > "$work/debian/control"
	printf 'Package: libquiesce8\nVersion: %s\n' "$version" > "$package/DEBIAN/control"
	depends either <<'TXT' > "$work/log" 2>&1
#include <urcu.h>
#include <urcu/rculfhash.h>
static void nothing(struct rcu_head *head) { (void)head; }
int main(void)
{
	struct cds_lfht *table = cds_lfht_new(1, 1, 0, CDS_LFHT_AUTO_RESIZE, NULL);
	struct rcu_head head;

	rcu_register_thread();
	rcu_read_lock();
	rcu_read_unlock();
	call_rcu(&head, nothing);
	rcu_barrier();
	rcu_unregister_thread();
	return cds_lfht_destroy(table, NULL);
}
TXT
	cat "$work/depends" >> "$work/log"
	[ "$(cat "$work/depends")" = "liburcu8 (>= 0.13.0)" ]
	result $? "what uses liburcu's interface asks for liburcu8"
	depends ours <<'TXT' > "$work/log" 2>&1
#include <urcu.h>
int main(void)
{
	rcu_register_thread();
	urcu_free_rcu(NULL);
	return 0;
}
TXT
	cat "$work/depends" >> "$work/log"
	grep -qx "libquiesce8 (>= $version)" "$work/depends"
	result $? "what uses ours alone asks for libquiesce8"
	for directory in "${LIBURCU:-/nowhere}"/lib "${LIBURCU:-/nowhere}"/lib/*-linux-gnu*; do
		[ ! -e "$directory/liburcu-memb.so.8" ] || theirs=$directory
	done
	if [ -n "${theirs:-}" ]; then
		LD_LIBRARY_PATH=$theirs limited 20 "$work/either" > "$work/log" 2>&1 &&
			LD_LIBRARY_PATH=$libraries limited 20 "$work/either" >> "$work/log" 2>&1
		result $? "the first runs on liburcu and on ours"
	else
		skip "it runs on either" "no liburcu (LIBURCU=PREFIX)"
	fi
else
	skip "what packages ask for" "no dpkg-shlibdeps"
fi
plan
