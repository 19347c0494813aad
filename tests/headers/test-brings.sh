#!/bin/sh
# SPDX-License-Identifier: MIT
# A header brings along the standard headers that liburcu's does (tests/abi/includes.tsv), with and without
# _LGPL_SOURCE: programs take them for granted. TAP.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/headers/headers.inc
. "$here/headers.inc"

brings() { # header, macro or -, standard headers ...
	header=$1
	[ "$2" = - ] && macro=-U_LGPL_SOURCE || macro=-D$2
	shift 2
	echo "#include <$header>" | timeout 60 "${CC:-cc}" $macro -I"$include" -M -MG -x c - |
		tr -d '\\' | tr ' ' '\n' > "$work/read"
	for name; do
		grep -q "/include.*/$name\.h\$" "$work/read" || echo "no $name.h"
	done > "$work/log"
	! grep -q . "$work/log"
}

tail -n +2 "$here/../abi/includes.tsv" > "$work/rows"
while IFS="$(printf '\t')" read -r header macro names; do
	status=0
	# shellcheck disable=SC2086 # a list
	brings "$header" "$macro" $names || status=1
	result $status "$header ${macro#-}" || :
done < "$work/rows"
plan
