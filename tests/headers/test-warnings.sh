#!/bin/sh
# SPDX-License-Identifier: MIT
# A program that asks its compiler for every warning there is gets no more of them for our headers than for
# liburcu's: uses.cc, and every header beside it, with all flags at once. Flags that may warn are in warnings.tsv;
# LIBURCU=PREFIX, of Debian's files, is compiled too, and must warn of those that do. TAP.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/headers/headers.inc
. "$here/headers.inc"

both="-Wall -Wextra -Wpedantic -Wshadow -Wcast-qual -Wcast-align -Wcast-align=strict -Wconversion -Wsign-conversion
	-Warith-conversion -Wfloat-conversion -Wdouble-promotion -Wfloat-equal -Wundef -Wredundant-decls
	-Wmissing-declarations -Wmissing-include-dirs -Wswitch-default -Wswitch-enum -Wunused -Wunused-macros
	-Wunused-const-variable=2 -Wnull-dereference -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wformat=2
	-Wformat-signedness -Wwrite-strings -Wpointer-arith -Winit-self -Wstrict-overflow=5 -Wstrict-aliasing=1
	-Wstringop-overflow=4 -Wstringop-truncation -Walloca -Walloc-zero -Wvla -Wdate-time -Wdisabled-optimization
	-Wpacked -Wpadded -Waggregate-return -Wattribute-alias=2 -Warray-bounds=2 -Wshift-overflow=2 -Wtrampolines
	-Wvector-operation-performance -Winvalid-pch -Wstack-protector -Wlong-long -Wvariadic-macros
	-Wimplicit-fallthrough=5 -Wsuggest-attribute=noreturn -Wsuggest-attribute=format -Wunsafe-loop-optimizations
	-Wdeprecated -Wbidi-chars=any -Wmultichar -Wtype-limits -Wunused-parameter -Wunused-local-typedefs"
c="-Wdeclaration-after-statement -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wnested-externs
	-Wbad-function-cast -Wjump-misses-init -Wc++-compat -Wunsuffixed-float-constants -Wtraditional
	-Wtraditional-conversion -Wc90-c99-compat -Wc99-c11-compat -Wc11-c2x-compat -Wabsolute-value"
cxx="-Wold-style-cast -Wuseless-cast -Wzero-as-null-pointer-constant -Weffc++ -Wnon-virtual-dtor -Woverloaded-virtual
	-Wctor-dtor-privacy -Wnoexcept -Wsign-promo -Wextra-semi -Wsuggest-override -Wsuggest-final-types
	-Wsuggest-final-methods -Wstrict-null-sentinel -Wcomma-subscript -Wredundant-tags -Wmismatched-tags -Wvolatile
	-Wconditionally-supported -Wmultiple-inheritance -Wvirtual-inheritance -Wnamespaces -Wtemplates
	-Wcatch-value=3 -Wplacement-new=2 -Wdeprecated-copy-dtor -Wabi-tag -Wclass-conversion"

# The unit: uses.cc of a flavor, behind or before all other headers.
headers=$(sed -n 's,^.*include/\([^ ]*\.h\).*$,\1,p' "$here/../../include/headers.inc" | grep -v 'urcu/map/')
unit() { # flavor's header
	printf '#include <%s>\n' "$1"
	# shellcheck disable=SC2086 # a list of words
	[ "$2" = alone ] || printf '#include <%s>\n' $headers
	cat "$here/uses.cc"
}

# shellcheck disable=SC2086 # lists of words
# warned COMPILER DIRECTORY FLAG HEADER WHAT: flags that warn, a line each; what is said is in $work/log.
warned() {
	case $1 in
	gcc) set -- "$@" -x c -std=gnu11 $both $c ;;
	g++) set -- "$@" -x c++ -std=gnu++17 $both $cxx ;;
	clang) set -- "$@" -x c -std=gnu11 -Weverything -ferror-limit=0 ;;
	clang++) set -- "$@" -x c++ -std=gnu++17 -Weverything -ferror-limit=0 ;;
	esac
	unit "$4" "$5" > "$work/unit"
	compiler=$1 directory=$2 flag=$3 header=$4
	shift 5
	timeout 120 "$compiler" "$@" "$flag" -DHEADER="<$header>" -O2 -c -o "$work/object" -I"$directory" \
		"$work/unit" > "$work/log" 2>&1
	compiled=$?
	grep -oE '\[-W[^],=]*' "$work/log" | tr -d '[' | sort -u
}

allowed() { # compiler
	awk -F '\t' -v compiler="$1" '(" " $2 " ") ~ (" " (compiler == "g++" ? "g\\+\\+" : compiler == "clang++" ? \
		"clang\\+\\+" : compiler) " ") && !/^#/ { print $1 }' "$here/warnings.tsv" | sort
}

# One compilation; its name says of what.
quiet() { # compiler, flag, header, alone or all
	warned "$1" "$include" "$2" "$3" "$4" > "$work/warned"
	allowed "$1" > "$work/allowed"
	cat "$work/warned" >> "$work/ours"
	status=$compiled
	for new in $(comm -23 "$work/warned" "$work/allowed"); do
		status=1
		grep -F -m 3 "[$new" "$work/log"
	done > "$work/new"
	[ "$compiled" = 0 ] || grep -E 'error' "$work/log" >> "$work/new"
	mv "$work/new" "$work/log"
	result $status "no more warnings than liburcu's, $*" || :
}

# liburcu 0.13 does not compile all of uses.cc as C++, so that what it would warn of as C counts, too.
for compiler in gcc g++ clang clang++; do
	command -v $compiler > /dev/null || { skip "$compiler" "no $compiler"; continue; }
	: > "$work/ours"
	case $compiler in *++) ;; *) : > "$work/theirs" ;; esac
	quiet $compiler -U_LGPL_SOURCE urcu.h all
	quiet $compiler -D_LGPL_SOURCE urcu.h alone
	quiet $compiler -D_LGPL_SOURCE urcu-qsbr.h all
	quiet $compiler -DURCU_NO_INLINE urcu-bp.h alone
	if [ -z "${LIBURCU:-}" ]; then
		skip "liburcu's warnings, $compiler" "no LIBURCU"
		continue
	fi
	theirs=$LIBURCU/include/x86_64-linux-gnu
	[ -d "$theirs" ] || theirs=$LIBURCU/include
	for flag in -U_LGPL_SOURCE -D_LGPL_SOURCE; do
		warned $compiler "$theirs" $flag urcu.h alone
	done >> "$work/theirs"
	sort -u -o "$work/theirs" "$work/theirs"
	sort -u "$work/ours" | comm -23 - "$work/theirs" | while read -r flag; do
		grep -qE "^$flag	.*from 0\.15 on" "$here/warnings.tsv" || echo "$flag"
	done > "$work/log"
	[ ! -s "$work/log" ]
	result $? "liburcu's headers warn of the same, $compiler" || :
done
plan
