#!/bin/sh
# SPDX-License-Identifier: MIT
# Manual pages: they are what man/pages.awk makes of the headers, mandoc has nothing to say against them,
# each public name has a page and no page another, prototypes are those of the headers, links lead somewhere,
# and every example compiles, runs and is content, in each flavor that it is for. TAP.
# Usage: test-man.sh [DIRECTORY], of the libraries; by default $LIBRARIES.
set -u
source=$(cd "${srcdir:-.}" && pwd)
libraries=$(cd "${1:-$LIBRARIES}" && pwd)
: "${CC:=cc}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$source/tests/tap.inc"
man=$source/man
abi=$source/tests/abi

# empty FILE WHAT: ok if there is nothing in it.
empty() {
	mv "$1" "$work/log" 2>/dev/null
	status=0
	[ ! -s "$work/log" ] || status=1
	result $status "$2" || :
}

# ---- Made ----

made=$work/made
mkdir "$made"
# The build's own rule, into another directory.
(cd "${builddir:-.}" && make -s V=0 make-man MAN_INTO="$made") > "$work/log" 2>&1
result $? "pages are made of the headers" || :
pages=$(cd "$made" && ls ./*.3 | sed 's,^\./\(.*\)\.3$,\1,')

for page in $pages; do
	cmp "$made/$page.3" "${builddir:-.}/man/$page.3"
done > "$work/differ" 2>&1
cmp "$made/links" "${builddir:-.}/man/links" >> "$work/differ" 2>&1
empty "$work/differ" "those of the build are the same"

for page in $pages; do
	grep -qE "man/$page\.3( |\$)" "$man/Makefile.inc" || echo "$page.3 is not installed"
	[ "$(grep -cE "(^|[: ])$page( |\$)" "$man/index")" = 1 ] || echo "$page is not once in man/index"
done > "$work/unlisted"
(cd "$man" && ls ./*.[17]) | sed 's,^\./,,' | while read -r page; do
	grep -qE "man/$page( |\$)" "$man/Makefile.inc" || echo "$page is not installed"
	grep -qE "[: ]${page%.*}\(${page##*.}\)( |\$)" "$man/index" || echo "$page is not in man/index"
done >> "$work/unlisted"
empty "$work/unlisted" "all are installed, and in the index"

if command -v mandoc > /dev/null; then
	# References are looked up below: mandoc knows only what is installed.
	mandoc -Tlint -W style "$made"/*.3 "$man"/*.[17] 2> /dev/null |
		grep -v 'STYLE: referenced manual not found' > "$work/lint"
	empty "$work/lint" "mandoc has nothing to say against them"
else
	skip "mandoc" "not installed"
fi

if command -v mandoc > /dev/null; then
	sh "$man/html.sh" "$made" "$work/html" > "$work/log" 2>&1
	result $? "HTML is made of them" || :
	grep -ohE 'href="[^"#]+' "$work"/html/*.html | sed 's/^href="//' | LC_ALL=C sort -u | while read -r target; do
		[ -e "$work/html/$target" ] || echo "$target"
	done > "$work/nowhere"
	# Each of a page's links leads to something on the page.
	awk '{
			while (match($0, / (id|href)="[^"]*"/)) {
				text = substr($0, RSTART + 1, RLENGTH - 2)
				$0 = substr($0, RSTART + RLENGTH)
				page = FILENAME
				sub(/.*\//, "", page)
				if (sub(/^id="/, "", text)) has[page "#" text] = 1
				else if (sub(/^href="/, "", text) && text !~ /:/ && text ~ /#/) wants[text ~ /^#/ ? page text : text] = 1
			}
		}
		END { for (place in wants) if (!(place in has)) print place }' "$work"/html/*.html >> "$work/nowhere"
	[ "$(grep -c 'href=' "$work/html/index.html")" -gt 400 ] || echo "index.html" >> "$work/nowhere"
	empty "$work/nowhere" "its links lead somewhere"
else
	skip "HTML" "no mandoc"
fi

# ---- Names ----

# What is public: exported, declared, defined. One underscore in front, or three, is internal, unless it is exported.
public() {
	cat "$source"/src/*.sym
	find "$source/include" -name '*.h' ! -path "$source/include/urcu/static/*" -exec cat {} + > "$work/headers"
	grep -oE '^[[:space:]]*#[[:space:]]*define[[:space:]]+[A-Za-z_0-9]+' "$work/headers" | awk '{ print $NF }' |
		grep -vE '_H$'
	grep -hoE '^(extern|static inline|_CDS_[A-Z]*_API) .*' "$work/headers" | sed 's/__attribute__ *((.*))//' |
		grep -oE '[A-Za-z_0-9]+\(' | tr -d '('
	tail -qn +2 "$abi/functions.tsv" "$abi/ours-functions.tsv" "$abi/macros.tsv" | cut -f 2
	tail -qn +2 "$abi/names.tsv" "$abi/ours-names.tsv" | cut -f 1
	grep -hoE 'CMM_[A-Z_]+ =|^	(CDS|QUIESCE)_LFHT_[A-Z_]+' "$work/headers" | tr -d '	 ='
	sed -n 's/^static inline.*[ *]\([a-z_]*\)(.*/\1/p' "$source/include/urcu/static/pointer.h"
}

grep -v '^#' "$man/unlisted.tsv" | cut -f 1 | sed 's/.*/^(&)$/' > "$work/unlisted"
awk -F '\t' '$1 ~ /^(functions|macros|names)$/ { print $2 }' "$abi/left-out.tsv" > "$work/left-out"
{
	public | grep -vE '^(_[^_]|___|__attribute__|__asm__|__tsan|__CAA|__NR)'
	grep -hE '^_' "$source"/src/*.sym
} | LC_ALL=C sort -u | grep -vEf "$work/unlisted" > "$work/wanted"

{ cut -d ' ' -f 2 "$made/names"; cut -d ' ' -f 1 "$made/links"; } | LC_ALL=C sort -u > "$work/have"
LC_ALL=C comm -23 "$work/wanted" "$work/have" | grep -vxFf "$work/left-out" > "$work/missing"
empty "$work/missing" "each of $(grep -c . "$work/wanted") public names has a page"
LC_ALL=C comm -13 "$work/wanted" "$work/have" > "$work/foreign"
empty "$work/foreign" "no page has a name that is not public"

awk '{ print $2 }' "$made/links" | LC_ALL=C sort -u | while read -r page; do
	[ -e "$made/$page.3" ] || echo "$page"
done > "$work/nowhere"
sed -nE 's/^\.(Pf [^ ]+ )?Xr ([^ ]+) ([137])( .*)?$/\2 \3/p' "$made"/*.3 "$man"/*.[17] |
	LC_ALL=C sort -u | while read -r name section; do
	case $section:$name in
	3:atexit|3:exit|3:abort|3:quick_exit|3:dlclose|3:malloc*|3:free|3:pthread_*) ;;
	3:*) grep -qx "$name" "$work/have" || echo "$name(3)" ;;
	1:addr2line|1:gdb|1:man) ;;
	[17]:*) [ -e "$man/$name.$section" ] || echo "$name($section)" ;;
	esac
done >> "$work/nowhere"
empty "$work/nowhere" "references lead to a page"

# Reports that urcu-debugging(7) explains are in the code, whatever stands for a function's or another name.
cat "$source"/src/*/*.c | tr -d '\n\t' | sed -e 's/" *"//g' -e 's/%[a-z]*/%/g' > "$work/code"
sed -n '/^\.Ss Reports/,/^\.Ss What is not/s/^\.It //p' "$man/urcu-debugging.7" | sed -e 's/^[a-z_.]*: //' -e 's/\.\.\./%/g' \
	-e 's/urcu_memb_/urcu_%_/g' > "$work/reports"
while read -r report; do
	grep -qF "$report" "$work/code" || echo "$report"
done < "$work/reports" > "$work/unsaid"
[ "$(grep -c . "$work/reports")" -gt 10 ] || echo "too few" >> "$work/unsaid"
empty "$work/unsaid" "$(grep -c . "$work/reports") reports that are explained are in the code"

# ---- Prototypes ----

# A pointer of each function's type, as a page's synopsis has it, is made to point to the function.
prototypes() {
	cat <<-'TXT'
	#define CDS_WFQ_DEPRECATED
	#define CDS_LFS_RCU_DEPRECATED
	#include <urcu/urcu-bp.h>
	#include <urcu.h>
	TXT
	sed -n 's/^\.In \([^ ]*\)$/#include <\1>/p' "$made"/*.3 | grep -v 'urcu-qsbr\|<urcu\.h>' | LC_ALL=C sort -u
	awk '
	function unquoted(s) { sub(/^[^"]*"/, "", s); sub(/"$/, "", s); return s }
	/^\.Ft / { type = unquoted($0) }
	/^\.Fo / { name = $2; arguments = "" }
	/^\.Fa / { arguments = arguments (arguments == "" ? "" : ", ") unquoted($0) }
	/^\.Fc/ {
		# Casts are other functions in C and in C++.
		if (type != "" && name !~ /_cast(_cpp)?$/)
			printf "extern __typeof__(%s) *pointer_%d;\n%s (*pointer_%d)(%s) = %s;\n",
				name, ++n, type, n, arguments, name
		type = ""
	}' "$made"/*.3
	echo 'int main(void) { return 0; }'
}

prototypes > "$work/prototypes.c"
[ "$(grep -c '^extern' "$work/prototypes.c")" -gt 150 ] &&
	$CC -std=gnu11 -Wall -Werror -DURCU_NO_INLINE -I"$source/include" -fsyntax-only "$work/prototypes.c" \
		> "$work/log" 2>&1
result $? "$(grep -c '^extern' "$work/prototypes.c") prototypes are those of the headers" || :

# liburcu's, or ours: as tests/abi has it.
tail -qn +2 "$abi/ours-functions.tsv" | cut -f 2 | while read -r name; do
	page=$(awk -v name="$name" '$2 == name { print $1 }' "$made/names")
	sed -n 's/^ours: //p' "$man/$page.3.in" | grep -qE "^all\$|(^| )$name( |\$)" || echo "$page does not say that $name is ours"
done > "$work/ours"
tail -qn +2 "$abi/functions.tsv" | cut -f 2 | LC_ALL=C sort -u | while read -r name; do
	page=$(awk -v name="$name" '$2 == name { print $1 }' "$made/names")
	[ -z "$page" ] || ! sed -n 's/^ours: //p' "$man/$page.3.in" | grep -qE "^all\$|(^| )$name( |\$)" ||
		echo "$page says that $name is ours"
done >> "$work/ours"
empty "$work/ours" "what is liburcu's and what is ours"

# ---- Examples ----

# flavors PAGE: those that its example is for.
flavors() {
	case $1 in
	rcu_quiescent_state) echo qsbr ;;
	rcu_init) echo memb mb qsbr ;;	# bp has no rcu_exit
	*) grep -q '^link: flavor' "$man/$1.3.in" && echo memb mb bp qsbr || echo memb ;;
	esac
}

# runs PAGE FLAVOR
runs() {
	header=urcu.h mode=
	case $2 in mb) mode=-DRCU_MB ;; bp|qsbr) header=urcu-$2.h ;; esac
	sed "s/<urcu\.h>/<$header>/" "$man/examples/$1.c" > "$work/example.c"
	# shellcheck disable=SC2086 # a flag or none
	$CC -std=gnu11 -Wall -Wextra -Werror $mode -I"$source/include" -o "$work/example" "$work/example.c" -L"$libraries" \
		-Wl,-rpath,"$libraries" "-lurcu-$2" -lurcu-cds -lurcu-common -pthread && limited 10 "$work/example"
}

for page in $pages; do
	for flavor in $(flavors "$page"); do
		runs "$page" "$flavor" > "$work/log" 2>&1
		result $? "the example of $page, $flavor" || :
	done
done
plan
