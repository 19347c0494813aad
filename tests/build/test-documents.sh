#!/bin/sh
# SPDX-License-Identifier: MIT
# The code in doc/fork.md compiles, for every flavor. TAP. Usage: test-documents.sh [SOURCE-TREE]
set -u
source=${1:-${srcdir:-.}}
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
echo "1..$n"
exit $failed
