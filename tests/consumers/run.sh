#!/bin/sh
# SPDX-License-Identifier: MIT
# Debian's own programs, unmodified, on our libraries: fetched and unpacked (not installed: nothing
# is started or configured by it), and run with LD_LIBRARY_PATH. Prints TAP, then as the last line
# "N passed, N failed", where skipped ones count as neither.
#
#	run.sh LIBRARY-DIRECTORY WORK-DIRECTORY [CONSUMER ...]
#
# Packages stay in the work directory for the next run. No root is needed.
set -u

here=$(cd "$(dirname "$0")" && pwd)
libraries=$(cd "${1:?library directory}" && pwd -P) || exit 2
mkdir -p "${2:?work directory}"
store=$(cd "$2" && pwd -P)
shift 2
[ $# -gt 0 ] || set -- knot gdnsd xfs lttng
root=$store/root
packages="knot knot-dnsutils gdnsd xfsprogs lttng-tools"
work=$(mktemp -d)
daemons=

# By id, those that were started here and are still there.
clean_up()
{
	: > "$work/stop"
	for daemon in $daemons; do kill -9 "$daemon" 2>/dev/null; done
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

: > "$work/skipped"
# shellcheck source=tests/consumers/harness.sh
. "$here/harness.sh"

# The named packages, and of what they need the libraries that this system does not have.
unpack()
{
	rm -rf "$store/debs" "$store/complete" "$root"
	mkdir -p "$store/debs" "$root" && cd "$store/debs" || return 1
	tracer=$(apt-cache pkgnames liblttng-ust1 | grep -x 'liblttng-ust1\(t64\)*')
	# shellcheck disable=SC2086 # a list
	missing=$(apt-get -s install --no-install-recommends $packages $tracer |
		awk '$1 == "Inst" && $2 ~ /^lib/ { print $2 }') || return 1
	# shellcheck disable=SC2046,SC2086 # lists
	apt-get download -qq $(printf '%s\n' $packages $tracer $missing | sort -u) || return 1
	for package in *.deb; do dpkg-deb -x "$package" "$root" || return 1; done
	rm -rf "$store/debs"
	echo "$packages" > "$store/complete"
}

# On a new machine apt knows no packages yet.
refresh()
{
	if [ "$(id -u)" = 0 ]; then apt-get update -qq; else sudo -n apt-get update -qq; fi
}

fetch()
{
	[ "$(cat "$store/complete" 2>/dev/null)" != "$packages" ] || return 0
	command -v apt-get > /dev/null && command -v dpkg-deb > /dev/null || return 1
	( unpack || { refresh && unpack; } ) > "$store/log" 2>&1
}

path=$libraries
become() # command ...: in place of this shell, on our libraries, with the rest from the unpacked
{
	PATH=$root/usr/sbin:$root/usr/bin:$root/sbin:$root/bin:$PATH
	LD_LIBRARY_PATH=$path
	MALLOC_PERTURB_=165	# what is freed too early is seen to be
	export PATH LD_LIBRARY_PATH MALLOC_PERTURB_
	# ./dev checked-consumers
	[ -z "${CONSUMERS_PRELOAD:-}" ] || export LD_PRELOAD="$CONSUMERS_PRELOAD"
	exec "$@"
}

consumer() # command ...
{
	( become "$@" )
}

if fetch; then
	for directory in "$root"/usr/lib/*-linux-gnu* "$root"/lib/*-linux-gnu*; do
		[ ! -d "$directory" ] || path=$path:$directory
	done
	for name; do
		# shellcheck source=/dev/null
		. "$here/$name.sh"
	done
else
	skip "real programs" "no packages to be had: $(tail -n 1 "$store/log" 2>/dev/null)"
fi
echo "1..$number"
skipped=$(wc -l < "$work/skipped")
echo "$((number - failed - skipped)) passed, $failed failed"
[ "$failed" = 0 ]
