#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Compile each public header alone, and the vocabulary test, as every supported language version,
# with each compiler, with and without _LGPL_SOURCE. No warning may come of it. Prints TAP.
#
# usage: check-headers.sh [include-dir...]
#
# The headers are those under the first directory, by default that of the source tree. The others
# are searched too. JOBS says how many run at once.

here=$(dirname "$0")
[ $# -gt 0 ] || set -- "$here/../../include"
vocabulary=$here/vocabulary.cc

tmp=$(mktemp -d "${TMPDIR:-/tmp}/check-headers.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'exit 99' HUP INT TERM

root=$(cd "$1" && pwd) || exit 99
includes=
for dir; do
	includes="$includes -I$(cd "$dir" && pwd)" || exit 99
done
cp "$vocabulary" "$tmp/vocabulary.c"
cp "$vocabulary" "$tmp/vocabulary.cc"

# One translation unit a header. Twice, for the guard; the declaration, so that none is empty.
(cd "$root" && find . -name '*.h') | sed 's,^\./,,' | sort > "$tmp/headers"
while read -r header; do
	unit=$tmp/$(echo "$header" | tr / _)
	printf '#include <%s>\n#include <%s>\nextern int urcu_not_empty;\n' \
		"$header" "$header" > "$unit.c"
	cp "$unit.c" "$unit.cc"
done < "$tmp/headers"

# number, compiler, language suffix, standard, flag
n=0
for std in c99 c11 c17 c++11 c++17 c++20; do
	for cc in "${CHECK_GCC:-gcc}" "${CHECK_CLANG:-clang}"; do
		suffix=c
		case $std in c++*) suffix=cc ;; esac
		for flag in -U_LGPL_SOURCE -D_LGPL_SOURCE; do
			n=$((n + 1))
			echo "$n $cc $suffix $std $flag"
		done
	done
done > "$tmp/settings"

cat > "$tmp/check" <<'END'
# One setting: all units in one run of the compiler. Its output and verdict go to files.
n=$1 cc=$2 suffix=$3 std=$4 flag=$5
command -v "$cc" > /dev/null || { echo "ok $n - $cc $std $flag # SKIP no $cc" > "$tmp/$n"; exit 0; }
if "$cc" -fsyntax-only -std="$std" "$flag" -Wall -Wextra -Wpedantic -Werror $includes \
		"$tmp"/*."$suffix" > "$tmp/$n.log" 2>&1; then
	echo "ok $n - $cc $std $flag" > "$tmp/$n"
else
	echo "not ok $n - $cc $std $flag" > "$tmp/$n"
	grep -E ": (fatal )?(error|warning):" "$tmp/$n.log" | sort -u | head -n 20 |
		sed 's/^/# /' >> "$tmp/$n"
fi
exit 0
END
export tmp includes
xargs -P "${JOBS:-$(getconf _NPROCESSORS_ONLN)}" -L 1 sh "$tmp/check" < "$tmp/settings"

echo "1..$n"
echo "# $(wc -l < "$tmp/headers") headers"
i=0
failed=0
while [ $i -lt $n ]; do
	i=$((i + 1))
	cat "$tmp/$i" || echo "not ok $i - did not run"
	grep -q '^ok' "$tmp/$i" || failed=1
done
exit $failed
