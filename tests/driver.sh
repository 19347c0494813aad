#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: driver.sh TAP-DRIVER "TRS-FILE..." BEGAN OPTIONS...
# Automake's TAP driver for one test. Of its lines only those that do not pass are shown, then one for
# the test: how many of all are over by now, and how long it took. TRS-FILE: those that all leave,
# where the time is put as ":seconds:". BEGAN: when all began, by the first word of /proc/uptime.
set -u
driver=$1 files=$2 began=$3
shift 3
test="" trs=""
take() {
	while [ $# -gt 1 ]; do
		case $1 in
		--test-name) test=$2 ;;
		--trs-file) trs=$2 ;;
		--) break ;;
		esac
		shift
	done
}
take "$@"

hundredths() {
	if [ -r /proc/uptime ]; then read -r now _ < /proc/uptime; else now=0.00; fi
	echo "${now%.*}${now#*.}"
}

count() {
	grep -c "^:test-result: $1" "$trs"
}

start=$(hundredths)
sh "$driver" "$@" | sed "/^\\($(printf '\033')\\[[0-9;]*m\\)*PASS/d"
[ -s "$trs" ] || exit 1
took=$(($(hundredths) - start))
echo ":seconds: $((took / 100)).$((took / 10 % 10))" >> "$trs"
# shellcheck disable=SC2086 # a list of files
set -- $files
all=$#
over=0
for file; do [ ! -e "$file" ] || over=$((over + 1)); done
elapsed=$((($(hundredths) - ${began%.*}${began#*.}) / 100))
printf '[%d of %d, %d:%02d] %s: %s, %s, %d.%d s\n' "$over" "$all" $((elapsed / 60)) $((elapsed % 60)) \
	"$test" "$(count PASS) passed" "$(count '[FE]') failed" $((took / 100)) $((took / 10 % 10))
