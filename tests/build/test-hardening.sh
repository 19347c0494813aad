#!/bin/sh
# SPDX-License-Identifier: MIT
# What configure and the compiler's flags ask for is in each library and in what the tools are: relocations that are
# read-only once it is loaded, all of them bound then, no executable stack, no text relocations; stack protector and
# checked calls where the flags ask for them, and what CET needs where these do. TAP.
# Usage: test-hardening.sh [DIRECTORY], of the libraries, by default $LIBRARIES. FLAGS are those they were built
# with, by default those in the Makefile of $builddir.
set -u
here=$(cd "$(dirname "$0")" && pwd)
libraries=$(cd "${1:-$LIBRARIES}" && pwd)
: "${FLAGS=$(sed -n 's/^\(CC\|CPPFLAGS\|CFLAGS\|HARDENING_CFLAGS\) = //p' "${builddir:-.}/Makefile" | tr '\n' ' ')}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$here/../tap.inc"

asked() { # flag
	case " $FLAGS " in *"$1"*) ;; *) return 1 ;; esac
}

has() { # what, pattern, readelf's options, file
	readelf -W "$3" "$4" | grep -qE "$2" || echo "$1: not there"
}

has_not() { # what, pattern, readelf's options, file
	! readelf -W "$3" "$4" | grep -E "$2" || echo "$1: it is there"
}

# For CET. The mark that turns it on is the linker's, which gives it where the startup files of the system have it, too;
# Debian's have not.
landing_pads() { # file
	{
		objdump -d --no-show-raw-insn "$1" | sed -n 's/^ *\([0-9a-f]*\):[[:space:]]*endbr.*/\1/p'
		echo functions
		readelf -W --dyn-syms "$1" | awk '$7 != "UND" && $4 == "FUNC" { print $2, $8 }'
	} | awk -v program="$(readelf -Wl "$1" | grep -c INTERP)" '
		$1 == "functions" { functions = 1; next }
		!functions { pads[$1] = 1; next }
		{ address = $1; sub(/^0*/, "", address); count++; if (!(address in pads)) print $2 ": begins without endbr" }
		END { if (!count && !program) print "no function" }'
}

# One library may have no array on its stack, or no call that can be checked; not all of them.
somewhere() { # what, pattern
	for library in "$libraries"/liburcu-*.so.8; do
		readelf -W --dyn-syms "$library"
	done | grep -qE "$2" || echo "$1: in no library"
}

report() { # what
	[ ! -s "$work/log" ]
	result $? "$1"
}

file() { # path, what
	{
		has "read-only relocations" '^ *GNU_RELRO' -l "$1"
		has "bound when it is loaded" '\((FLAGS\) .*BIND_NOW|FLAGS_1\) .*NOW|BIND_NOW\))' -d "$1"
		has "a stack that is not executable" '^ *GNU_STACK .* RW  *0x' -l "$1"
		has_not "text relocation" 'TEXTREL' -d "$1"
		! asked -fcf-protection || landing_pads "$1"
	} > "$work/log" 2>&1
	report "$2"
}

for name in mb memb bp qsbr common cds; do
	file "$libraries/liburcu-$name.so.8" "liburcu-$name"
done
# Where they were built, or installed.
for tool in "$libraries/liburcu-check.so" "$libraries/quiesce-check/liburcu-check.so" "$libraries/../tools/urcu-top" \
	"$libraries/../bin/urcu-top"; do
	[ -e "$tool" ] || continue
	file "$tool" "${tool##*/}"
	asked -fstack-protector-strong || continue
	has "stack protector" 'UND __stack_chk_(fail|guard)' --dyn-syms "$tool" > "$work/log"
	report "${tool##*/}: stack protector"
done
if asked -fstack-protector-strong; then
	somewhere "stack protector" 'UND __stack_chk_(fail|guard)' > "$work/log"
	report "stack protector"
else
	skip "stack protector" "the flags do not ask for it"
fi
if ! asked _FORTIFY_SOURCE=; then
	skip "checked calls" "the flags do not ask for them"
elif ! ldd --version 2>&1 | grep -qiE 'glibc|gnu libc' || asked musl; then
	skip "checked calls" "only glibc has them"
else
	somewhere "checked calls" 'UND __[a-z]+_chk@' > "$work/log"
	report "checked calls"
fi
plan
