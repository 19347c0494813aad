#!/bin/sh
# SPDX-License-Identifier: MIT
# paste.sh FILE NAME PART: put the file PART between FILE's lines "<!-- NAME: begin -->" and
# "<!-- NAME: end -->", in place of what stands there, and of which commit it is.
set -eu

for mark in begin end; do
	grep -qx "<!-- $2: $mark -->" "$1" || {
		echo "paste.sh: $1 has no place for $2" >&2
		exit 1
	}
done
awk -v name="$2" -v part="$3" -v commit="$("$(dirname "$0")/commit.sh")" '
	$0 == "<!-- " name ": end -->" { between = 0 }
	!between { print }
	$0 == "<!-- " name ": begin -->" {
		between = 1
		if (commit != "")
			print commit "\n"
		while ((getline line < part) > 0)
			print line
	}' "$1" > "$1.new"
mv "$1.new" "$1"
