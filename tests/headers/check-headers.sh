#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every header that a program may include (tests/abi/headers.tsv) is here, or left out on purpose
# (tests/abi/left-out.tsv). Each public header, compiled alone, twice, by each compiler, with and without
# _LGPL_SOURCE, gives no warning; nor do all in one file, twice, as every supported language version,
# and for debugging. Prints TAP.
#
# What a header includes depends on _LGPL_SOURCE and, through the C library, on the language's version. So they
# are compiled alone as the oldest and the newest version of C and C++ by gcc, and as the newest by clang;
# which has no others than the oldest and newest at all. With EVERY each is alone in all.
#
# usage: check-headers.sh [include-dir...]
#
# The headers are those that include/headers.inc installs, looked for in the first directory, by
# default that of the source tree. The others are searched too. JOBS says how many run at once.

here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || set -- "$here/../../include"
abi=$here/../abi

tmp=$(mktemp -d "${TMPDIR:-/tmp}/check-headers.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'exit 99' HUP INT TERM

root=$(cd "$1" && pwd) || exit 99
includes=
for dir; do
	includes="$includes -I$(cd "$dir" && pwd)" || exit 99
done

sed -n 's,^.*include/\([^ ]*\.h\).*$,\1,p' "$here/../../include/headers.inc" |
	LC_ALL=C sort > "$tmp/headers"
{
	cat "$tmp/headers"
	awk -F '\t' '$1 == "headers" { print $2 }' "$abi/left-out.tsv"
} | LC_ALL=C sort > "$tmp/known"
grep -v '^#' "$abi/headers.tsv" | cut -f 1 | LC_ALL=C sort | LC_ALL=C comm -23 - "$tmp/known" \
	> "$tmp/missing"

# One translation unit a header. Twice, for the guard; the declaration, so that none is empty.
mkdir "$tmp/alone" "$tmp/together"
while read -r header; do
	[ -f "$root/$header" ] || echo "$header" >> "$tmp/missing"
	unit=$tmp/alone/$(echo "$header" | tr / _)
	printf '#include <%s>\n#include <%s>\nextern int urcu_not_empty;\n' \
		"$header" "$header" > "$unit.c"
	# As C++ a program may name the linkage itself.
	printf 'extern "C" {\n#include <%s>\n}\n#include <%s>\nextern int urcu_not_empty;\n' \
		"$header" "$header" > "$unit.cc"
done < "$tmp/headers"
{
	for _ in once twice; do sed 's/.*/#include <&>/' "$tmp/headers"; done
	echo 'extern int urcu_not_empty;'
} > "$tmp/together/headers.c"
cp "$tmp/together/headers.c" "$tmp/together/headers.cc"
# Two that use the headers, so that macros are expanded as well.
for use in vocabulary structures; do
	cp "$here/$use.cc" "$tmp/alone/$use.cc"
	cp "$here/$use.cc" "$tmp/together/$use.cc"
done
cp "$here/vocabulary.cc" "$tmp/alone/vocabulary.c"
cp "$here/vocabulary.cc" "$tmp/together/vocabulary.c"

how() { # compiler:standard:flag
	case ${EVERY:+every}:$1 in
	every:* | *:17:*_LGPL_SOURCE | *:++20:*_LGPL_SOURCE) echo alone ;;
	*clang*) echo together ;;
	*:89:*_LGPL_SOURCE | *:++11:*_LGPL_SOURCE) echo alone ;;
	*) echo together ;;
	esac
}

# number, compiler, language suffix, standard, flag, alone or together
n=1
for std in 89 99 11 17 ++11 ++17 ++20; do
	for cc in "${CHECK_GCC:-gcc}" "${CHECK_CLANG:-clang}"; do
		case $cc:$std:${EVERY:-} in *clang*:99:|*clang*:11:|*clang*:++17:) continue ;; esac
		suffix=c
		case $std in ++*) suffix=cc ;; esac
		case $std in
		89) flags="gnu:-U_LGPL_SOURCE gnu:-D_LGPL_SOURCE" ;;	# strictly C89 has no inline
		17 | ++20) flags="c:-U_LGPL_SOURCE c:-D_LGPL_SOURCE gnu:-DURCU_NO_INLINE gnu:-DDEBUG_RCU" ;;
		*) flags="c:-U_LGPL_SOURCE c:-D_LGPL_SOURCE gnu:-DURCU_NO_INLINE" ;;
		esac
		for flag in $flags; do
			n=$((n + 1))
			dialect=${flag%%:*}$std
			echo "$n $cc $suffix $dialect ${flag#*:} $(how "$cc:$std:${flag#*:}")"
		done
	done
done > "$tmp/settings"

cat > "$tmp/check" <<'END_CHECK'
# One setting: all units in one run of the compiler. Its output and verdict go to files.
n=$1 cc=$2 suffix=$3 std=$4 flag=$5 how=$6
command -v "$cc" > /dev/null || { echo "ok $n - $cc $std $flag # SKIP no $cc" > "$tmp/$n"; exit 0; }
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wredundant-decls"
[ "$suffix" != c ] || warnings="$warnings -Wstrict-prototypes -Wdeclaration-after-statement"
# That version has no long long, and macros that take a varying number of arguments are an extension.
[ "$std" != gnu89 ] || warnings=$(echo "$warnings" | sed 's/ -Wpedantic//')
if timeout 300 "$cc" -fsyntax-only -std="$std" "$flag" $warnings -Werror $includes \
		"$tmp/$how"/*."$suffix" > "$tmp/$n.log" 2>&1; then
	echo "ok $n - $cc $std $flag, $how" > "$tmp/$n"
else
	echo "not ok $n - $cc $std $flag, $how" > "$tmp/$n"
	grep -E ": (fatal )?(error|warning):" "$tmp/$n.log" | sort -u | head -n 20 |
		sed 's/^/# /' >> "$tmp/$n"
fi
exit 0
END_CHECK
export tmp includes
xargs -P "${JOBS:-$(getconf _NPROCESSORS_ONLN)}" -L 1 sh "$tmp/check" < "$tmp/settings"

echo "1..$n"
echo "# $(wc -l < "$tmp/headers") headers"
if [ -s "$tmp/missing" ]; then
	echo "not ok 1 - every header is here"
	sed 's/^/# missing: /' "$tmp/missing"
	failed=1
else
	echo "ok 1 - every header is here"
	failed=0
fi
i=1
while [ $i -lt $n ]; do
	i=$((i + 1))
	cat "$tmp/$i" || echo "not ok $i - did not run"
	grep -q '^ok' "$tmp/$i" || failed=1
done
exit $failed
