#!/bin/sh
# SPDX-License-Identifier: MIT
# The floors of src/: a room includes and calls what is on its floor or below, never what is above, and
# no two files need each other in a circle. What is called is read from the objects' symbols. TAP.
# Usage: srcdir=... builddir=... layers.sh
set -u
: "${srcdir:?}" "${builddir:?}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# shellcheck source=tests/tap.inc
. "$srcdir/tests/tap.inc"

# Each room with those that it may know besides itself.
cat > "$work/rooms" <<'TXT'
system
grace system
callbacks system grace
process system grace callbacks
flavor system grace callbacks process
cds system
lfht system
check
TXT

# FILE FILE: the first needs the second, both as ROOM/NAME without their endings.
includes() {
	for file in $(cd "$srcdir/src" && find . -name '*.[ch]' | sed 's|^\./||' | LC_ALL=C sort); do
		sed -n "s|^#include \"\\([^\"]*\\)\".*|$file \\1|p" "$srcdir/src/$file"
	done
}

# What each object defines and needs; a symbol that several define is each room's own (compat-futex). Objects of
# sources that are gone are left over in an old build.
calls() {
	find "$builddir/src" -name .libs -prune -o -name '*.o' -print | LC_ALL=C sort | while read -r object; do
		name=${object#"$builddir/src/"}
		name=${name%.o}
		[ -e "$srcdir/src/$name.c" ] || continue
		nm -g "$object" | awk -v name="$name" '
			NF == 3 && $2 != "U" { print name, "defines", $3 }
			NF == 2 && $1 == "U" { print name, "needs", $2 }'
	done | awk '
		$2 == "defines" { where[$3] = where[$3] == "" ? $1 : "several" }
		$2 == "needs" { need[++n] = $1 " " $3 }
		END {
			for (i = 1; i <= n; i++) {
				split(need[i], word, " ")
				if (where[word[2]] != "" && where[word[2]] != "several")
					print word[1], where[word[2]]
			}
		}' | LC_ALL=C sort -u
}

# Those of "FILE FILE" lines that go to a room that FILE's may not know.
upward() {
	awk 'NR == FNR { for (i = 1; i <= NF; i++) knows[$1, $i] = 1; room[$1] = 1; next }
		{
			from = to = ""
			if (index($1, "/")) { from = $1; sub(/\/.*/, "", from) }
			if (index($2, "/")) { to = $2; sub(/\/.*/, "", to) }
			if (!((from, to) in knows)) print
		}' "$work/rooms" "$1"
}

includes > "$work/includes"
calls > "$work/calls"
for kind in includes calls; do
	[ -s "$work/$kind" ]
	result $? "there are $kind to look at"
	upward "$work/$kind" > "$work/log"
	[ ! -s "$work/log" ]
	result $? "no room $kind what is above it"
	tsort "$work/$kind" > /dev/null 2> "$work/log"
	result $? "no circle of $kind"
done
(cd "$srcdir/src" && find . -name '*.[ch]' | awk -F/ 'NF != 3') > "$work/log"
[ ! -s "$work/log" ]
result $? "each file is in a room"
(cd "$srcdir/src" && for room in */; do
	grep -qx "${room%/}\( .*\)\?" "$work/rooms" || echo "$room"
done) > "$work/log"
[ ! -s "$work/log" ]
result $? "each room has its floor"
plan
