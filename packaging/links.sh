#!/bin/sh
# SPDX-License-Identifier: MIT
# Links of the documents below a directory that lead to no file there; fails if there are any, or no links at all.
# Usage: links.sh DIRECTORY
set -u
cd "$1" || exit
grep -roE --include='*.md' '\]\([^)#:]+[)#]' . | LC_ALL=C sort -u | sed 's/^\(.*\):](\(.*\)[)#]$/\1 \2/' | {
	count=0
	status=0
	while read -r file target; do
		count=$((count + 1))
		[ -e "${file%/*}/$target" ] || {
			echo "$file: $target"
			status=1
		}
	done
	[ $count -gt 0 ] && exit $status
}
