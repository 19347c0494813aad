#!/bin/sh
# SPDX-License-Identifier: MIT
# The code in doc/fork.md compiles, for every flavor. What documents name is there: files, and functions
# of ours; and what they show of programs is in these. TAP. Usage: test-documents.sh [SOURCE-TREE]
set -u
source=$(cd "${1:-${srcdir:-.}}" && pwd)
: "${CC:=cc}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0
failed=0

awk -v work="$work" '
	/^```/ { inside = !inside && $0 == "```c"; if (inside) file = work "/" ++count ".c"; next }
	inside { print > file }
' "$source/doc/fork.md"

for fragment in "$work"/*.c; do
	for flavor in urcu.h urcu-bp.h urcu-qsbr.h "urcu.h -DRCU_MB"; do
		n=$((n + 1))
		# shellcheck disable=SC2086 # a header and flags
		if $CC -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -I"$source/include" \
			-include $flavor -c "$fragment" -o "$work/object" > "$work/log" 2>&1; then
			echo "ok $n - fragment ${fragment##*/} with $flavor"
		else
			failed=1
			echo "not ok $n - fragment ${fragment##*/} with $flavor"
			sed 's/^/# /' "$work/log" | head -20
		fi
	done
done
[ "$n" -ge 12 ] || failed=1

# missing WHAT: of the lines "PLACE NAME" in $work/names, those in $work/log name nothing.
missing() {
	n=$((n + 1))
	if [ -s "$work/names" ] && [ ! -s "$work/log" ]; then
		echo "ok $n - $1 that documents name"
	else
		failed=1
		echo "not ok $n - $1 that documents name"
		sed 's/^/# not there: /' "$work/log"
	fi
}

# named PATTERN FILE...: "FILE:NAME", once each.
named() {
	pattern=$1
	shift
	# shellcheck disable=SC2068 # patterns, of files there
	(cd "$source" && find $@ -type f ! -path 'doc/plots/*' -exec grep -IHoE "$pattern" {} + | LC_ALL=C sort -u)
}

documents="*.md doc examples/README.md"
code="src include tests"

# A path may have a * in it, or be a directory's.
# shellcheck disable=SC2086 # lists
{
	named '\b(src|tests|include|examples|doc)/[A-Za-z0-9_*/.-]*[A-Za-z0-9_*/]' $documents
	named '\b(doc/[A-Za-z0-9_/-]+\.md|(src|include)/[A-Za-z0-9_/-]+\.[ch])\b' $code
} | grep -v 'tests/bin/' > "$work/names"
while IFS=: read -r file name; do
	# shellcheck disable=SC2086 # a pattern
	(cd "$source" && ls -d $name > /dev/null 2>&1) || echo "$name, in $file"
done < "$work/names" > "$work/log"
missing files

# shellcheck disable=SC2086 # lists
named '\bquiesce_[a-z0-9_]*[a-z0-9]' doc $code > "$work/names"
# As code has them, not comments.
cat "$source"/src/*/*.[ch] "$source"/include/quiesce/*.h | grep -vE '^[[:space:]]*/?\*' | grep -oE '\bquiesce_[a-z0-9_]+' |
	LC_ALL=C sort -u > "$work/ours"
awk -F: 'NR == FNR { ours[$1] = 1; next } !($2 in ours) { print $2 ", in " $1 }' "$work/ours" "$work/names" > "$work/log"
missing "functions of ours"
# Names of the interface, in pages for those who are new to it.
named '\b(cds|cmm|caa|uatomic|urcu)_[a-z0-9_]*[a-z0-9]\b' doc/first-steps.md doc/tutorial.md doc/flavors.md \
	doc/coming-from.md > "$work/names"
cat "$source"/include/*.h "$source"/include/urcu/*.h "$source"/include/urcu/map/*.h | grep -oE '\b[a-z]+_[a-z0-9_]+\b' |
	LC_ALL=C sort -u > "$work/ours"
awk -F: 'NR == FNR { ours[$1] = 1; next } !($2 in ours) { print $2 ", in " $1 }' "$work/ours" "$work/names" > "$work/log"
missing "names of the interface"

# shellcheck disable=SC2086 # lists
named '\./dev [a-z][a-z-]*' $documents tests/README.md man > "$work/names"
sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p; s/^  \([a-z][a-z-]*\)$/\1/p' "$source/dev" > "$work/ours"
awk 'NR == FNR { ours[$1] = 1; next } $2 != "help" && !($2 in ours) { print $0 }' "$work/ours" "$work/names" > "$work/log"
missing "commands of ./dev"

# shellcheck disable=SC2086 # lists
{
	named '\btest-[a-z0-9]+(-[a-z0-9]+)*\b' doc CONTRIBUTING.md examples src include | grep -v 'test-suite$'
	named '\btest-[a-z0-9]+(-[a-z0-9]+)*\.(sh|c)\b' tests
} > "$work/names"
while IFS=: read -r file name; do
	(cd "$source" && ls tests/*/$name* > /dev/null 2>&1) || echo "$name, in $file"
done < "$work/names" > "$work/log"
missing tests

# shellcheck disable=SC2086 # lists
named '\b(URCU|QUIESCE)_[A-Z_]*[A-Z]\b' $documents man > "$work/names"
cat "$source"/src/*/*.[ch] "$source"/include/*.h "$source"/include/*/*.h "$source"/tests/*.h "$source"/tests/*/*.sh |
	grep -oE '\b(URCU|QUIESCE)_[A-Z_]*[A-Z]\b' | LC_ALL=C sort -u > "$work/ours"
awk -F: 'NR == FNR { ours[$1] = 1; next } !($2 in ours) { print $2 ", in " $1 }' "$work/ours" "$work/names" > "$work/log"
missing "macros and variables of ours"

# Where links lead. Anchors are as GitHub makes them of titles.
# shellcheck disable=SC2086 # lists
named '\]\([^):]*\)' $documents > "$work/names"
while IFS=: read -r file link; do
	target=${link#*(}
	target=${target%)}
	anchor=${target#*#}
	[ "$anchor" != "$target" ] || anchor=
	target=${target%%#*}
	target=${target:+$(dirname "$file")/$target}
	target=$source/${target:-$file}
	[ -e "$target" ] || echo "$link, in $file"
	[ -z "$anchor" ] || sed -n 's/^##* //p' "$target" | tr '[:upper:] ' '[:lower:]-' | tr -d "\`'.,:;()?!\"/" |
		grep -qxF "$anchor" || echo "$link, in $file"
done < "$work/names" > "$work/log"
missing "places that links lead to"

# What the glossary has in the code, word by word, is in it; F stands for a flavor.
awk -F '|' '/^\| / && NF == 5 { print $4 }' "$source/doc/glossary.md" | grep -oE '`[^`]*`' | tr -d '\`' |
	grep -oE '[A-Za-z_][A-Za-z0-9_]+' | grep -vx 'urcu_F_[a-z_]*' | LC_ALL=C sort -u > "$work/names"
{
	cat "$source"/src/*/*.[ch] "$source"/include/*/*.h "$source"/include/urcu/*/*.h
	(cd "$source" && find src include tests -name '[a-z]*')
} | grep -oE '[A-Za-z_][A-Za-z0-9_]+' | LC_ALL=C sort -u > "$work/ours"
LC_ALL=C comm -23 "$work/names" "$work/ours" > "$work/log"
missing "words of the code in the glossary"

# Code below "<!-- shown: FILE -->" is in that file, line by line; a line "..." stands for some that are left out.
(cd "$source" && find doc -name '*.md' -exec awk '
	FNR == 1 { shown = ""; inside = 0 }
	/^<!-- shown: / { shown = $3; next }
	/^```/ { if (inside) { shown = ""; inside = 0 } else inside = shown != ""; next }
	inside { print FILENAME ":" FNR "\t" shown "\t" $0 }
' {} +) > "$work/names"
awk -F '\t' -v source="$source" '
	function meet(file,    line) {
		while ((getline line < (source "/" file)) > 0)
			text[file] = text[file] "\n" line
		text[file] = text[file] "\n"
	}
	{
		split($1, at, ":")
		line = substr($0, length($1) + length($2) + 3)
		if (!($2 in text))
			meet($2)
		if (at[1] != document || at[2] != number + 1 || $2 != file)
			piece = ""
		document = at[1]; number = at[2]; file = $2
		piece = line == "..." ? "" : piece "\n" line
		if (!index(text[file], piece "\n"))
			print file ": \"" line "\", in " $1
	}
' "$work/names" > "$work/log"
missing "lines of programs"
echo "1..$n"
exit $failed
