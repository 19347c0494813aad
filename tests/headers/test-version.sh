#!/bin/sh
# SPDX-License-Identifier: MIT
# Each header alone, in C and C++, says which version this is, as configure.ac has it; each library alone,
# shared and static, says the same to a program that runs; names that begin with QUIESCE_ are defined
# once. The interface's version stays liburcu's. TAP.
# Usage: test-version.sh [DIRECTORY], of the libraries; by default $LIBRARIES.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
libraries=$(cd "${1:-$LIBRARIES}" && pwd)
# shellcheck source=tests/headers/headers.inc
. "$here/headers.inc"

version=$(sed -n 's/^AC_INIT(\[quiesce\], \[\([0-9.]*\)\].*/\1/p' "$top/configure.ac")
as_number=$(echo "$version" | awk -F . 'NF == 3 { print $1 * 10000 + $2 * 100 + $3 }')
status=0
[ -n "$as_number" ] || status=1
result $status "configure.ac has a version, $version" || :

compiler() { # language
	case $1 in c) echo "${CC:-cc} -std=gnu89" ;; *) echo "${CXX:-c++} -std=gnu++11" ;; esac
}

# ---- Headers ----

# says LANGUAGE HEADER
says() {
	# shellcheck disable=SC2046 # words
	printf '#include <%s>\n#if QUIESCE_VERSION != %s\n#error "not %s"\n#endif\n' "$2" "$as_number" "$version" |
		timeout 60 $(compiler "$1") -I"$include" -x "$1" -fsyntax-only - 2>&1
}

sed -n 's,^.*include/\([^ ]*\.h\).*$,\1,p' "$top/include/headers.inc" > "$work/headers"
for language in c c++; do
	while read -r header; do
		says $language "$header" > "$work/errors" || { echo "$header"; cat "$work/errors"; }
	done < "$work/headers" > "$work/log"
	status=0
	[ -s "$work/headers" ] && [ ! -s "$work/log" ] || status=1
	result $status "each of $(grep -c . "$work/headers") headers alone says $as_number, $language" || :
done

grep -rhoE '^#[[:space:]]*define[[:space:]]+QUIESCE_[A-Z_]*' "$include" | awk '{ print $NF }' |
	LC_ALL=C sort > "$work/names"
uniq -d "$work/names" > "$work/log"
status=0
grep -qx QUIESCE_VERSION "$work/names" && [ ! -s "$work/log" ] || status=1
result $status "names are defined once" || :

# ---- Libraries ----

cat > "$work/program.c" <<'TXTC'
#include <quiesce/version.h>
#include <stdio.h>
#include <string.h>
int main(int count, char **argument)
{
	const char *(*ask)(void) = quiesce_version;
	char of_headers[40];

	sprintf(of_headers, "%d.%d.%d", QUIESCE_VERSION / 10000, QUIESCE_VERSION / 100 % 100, QUIESCE_VERSION % 100);
	printf("library %s, headers %s\n", ask(), of_headers);
	return count != 2 || strcmp(ask(), argument[1]) != 0 || strcmp(of_headers, argument[1]) != 0;
}
TXTC

# run LANGUAGE WHAT TO LINK...
run() {
	language=$1
	shift
	# shellcheck disable=SC2046 # words
	timeout 60 $(compiler "$language") -Wall -Wextra -Werror -I"$include" -o "$work/program" \
		-x "$language" "$work/program.c" -x none "$@" -lpthread && limited 20 "$work/program" "$version"
}

for name in urcu-mb urcu-memb urcu-bp urcu-qsbr urcu-common urcu-cds; do
	for language in c c++; do
		status=0
		run $language -L"$libraries" -Wl,-rpath,"$libraries" -l$name > "$work/log" 2>&1 || status=1
		result $status "$name shared, $language" || :
		if [ -e "$libraries/lib$name.a" ]; then
			status=0
			run $language "$libraries/lib$name.a" > "$work/log" 2>&1 || status=1
			result $status "$name static, $language" || :
		else
			skip "$name static, $language" "no archive"
		fi
	done
done

# ---- The interface ----

for file in liburcu-mb liburcu-memb liburcu-bp liburcu-qsbr liburcu-common liburcu-cds; do
	readelf -d "$libraries/$file.so" | grep -q "SONAME.*\[$file\.so\.8\]" || echo "$file"
done > "$work/log"
for module in liburcu liburcu-mb liburcu-memb liburcu-bp liburcu-qsbr liburcu-cds; do
	grep -qx 'Version: 0\.15\.0' "$libraries/../$module.pc" || echo "$module.pc"
done >> "$work/log" 2>&1
status=0
[ ! -s "$work/log" ] || status=1
result $status "sonames end in 8, and pkg-config says 0.15.0" || :
plan
