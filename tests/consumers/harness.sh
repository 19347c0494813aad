#!/bin/sh
# SPDX-License-Identifier: MIT
# What the consumers' scripts share: TAP, waiting without fixed sleeps, free ports, and the proof of
# what a process has mapped. Read by run.sh alone, which sets $libraries, $root and $work.
# shellcheck disable=SC2154 # set by run.sh

# shellcheck source=tests/tap.inc
. "$here/../tap.inc"

# Each consumer says itself what is to be seen.
show_log()
{
	:
}

# Counted apart: what could not be had has not passed.
skip() # what, why
{
	number=$((number + 1))
	echo "ok $number - $1 # SKIP $2"
	echo "$1" >> "$work/skipped"
}

# What goes wrong is said in comments.
show() # file
{
	tail -n 30 "$1" | sed 's/^/# /'
}

# Try a command until it succeeds, on a machine with nothing else to do for at most four minutes: on
# the way lies what is started for it.
until_ok() # command ...
{
	deadline=$(($(date +%s) + 60 * $(sh "$here/../patience.sh")))
	while ! "$@"; do
		[ "$(date +%s)" -lt "$deadline" ] || { echo "# waited in vain: $*"; return 1; }
		sleep 0.02
	done
}

# Where a file of the packages is: a library that this system has already, with its files, was not
# unpacked.
directory_of() # path below /
{
	for directory in "$root" ""; do
		[ ! -e "$directory/$1" ] || { dirname "$directory/$1"; return; }
	done
	echo "# no $1 in $root or /" >&2
}

# A port of the loopback that nobody listens on. TCP and UDP, IPv4 and IPv6.
port=$((20000 + $$ % 10000))
free_port()
{
	port=$((port + 1))
	while grep -qi ":$(printf '%04x' "$port") " /proc/net/udp /proc/net/tcp /proc/net/udp6 \
		/proc/net/tcp6 2>/dev/null; do
		port=$((port + 1))
	done
}

# Every liburcu that a process has mapped is ours, and the one it is linked with is among them.
is_ours() # pid, library
{
	mapped=$(sed -n '/liburcu-check/d; s|^[^/]*\(/.*liburcu.*\)$|\1|p' "/proc/$1/maps" | sort -u)
	for file in $mapped; do
		echo "# process $1 ($(cat "/proc/$1/comm")) has mapped $file"
	done
	case $mapped in *"/$2.so.8"*) ;; *) return 1 ;; esac
	for file in $mapped; do
		[ "${file%/*}" = "$libraries" ] || return 1
	done
}

# By urcu-top, if it was built: grace periods, and nothing that could not be read.
is_seen() # pid, flavor
{
	top=${libraries%/*}/bin/urcu-top
	[ -x "$top" ] || { echo "# no urcu-top"; return 0; }
	"$top" -1 "$1" > "$work/seen" 2>&1 || { sed 's/^/# /' "$work/seen"; return 1; }
	sed 's/^/# /' "$work/seen"
	grep -q "^$2  " "$work/seen" && grep -q 'grace periods  [1-9]' "$work/seen" && ! grep -q incomplete "$work/seen"
}

# Ended, if not yet waited for by its parent.
is_gone() # pid
{
	! grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status" 2>/dev/null
}

# Every line is a zone and a serial; for each zone the serials never fall. Prints what is wrong.
judge() # file
{
	awk '
		!/^"[a-z]+[0-9]* [0-9]+"$/ { print "not an answer: " $0; next }
		$2 + 0 < last[$1] { print $1 " fell from " last[$1] " to " $2 }
		{ last[$1] = $2 + 0 }
	' "$1"
}
