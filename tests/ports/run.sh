#!/bin/sh
# SPDX-License-Identifier: MIT
# Build the library and run its C tests as ports.tsv says: for other machines, with other compilers
# and on poorer systems. left-out.tsv names the tests that a port does not run, and why. TAP, a
# result for each test program of each port.
# Usage: run.sh ports, run.sh packages PORT, or run.sh OUT [PORT...]. PORT_TESTS narrows the tests, an extended
# regular expression of their names.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=tests/tap.inc
. "$top/tests/tap.inc"
unset MAKEFLAGS MFLAGS MAKELEVEL TESTS CC CXX CPPFLAGS CFLAGS
export CK_TAP_LOG_FILE_NAME=-

# field PORT NUMBER: of its line.
field() {
	awk -F '\t' -v port="$1" -v number="$2" -v out="${work:-}" \
		'$1 == port { gsub("@out@", out, $number); print $number == "-" ? "" : $number }' \
		"$here/ports.tsv"
}

ports() {
	sed -n 's/^\([^#\t][^\t]*\)\t.*/\1/p' "$here/ports.tsv"
}

# Check's own source, from Debian, for machines other than this one. Nothing is installed.
check_source() {
	[ ! -d "$out/check-source" ] || return 0
	rm -rf "$out/apt"
	mkdir -p "$out/apt/lists/partial" "$out/apt/cache" "$out/apt/unpacked" && cd "$out/apt" &&
		apt-cache madison check | sed -n 's,^.*| *\([^ ]*\) \([^/]*\)/\([^ ]*\).*,deb-src \1 \2 \3,p' |
			head -n 1 > sources || return 1
	for command in update 'source --download-only check'; do
		# shellcheck disable=SC2086 # words
		apt-get -qq -o Dir::Etc::sourcelist="$PWD/sources" -o Dir::Etc::sourceparts=- \
			-o Dir::State::lists="$PWD/lists" -o Dir::Cache="$PWD/cache" \
			-o APT::Sandbox::User=root $command || return 1
	done
	tar -xzf check_*.orig.tar.gz -C unpacked && mv unpacked/check-* "$out/check-source"
}

# foreign_check COMPILER HOST FLAGS: into out/check/COMPILER.
foreign_check() {
	[ ! -f "$out/check/$1/src/.libs/libcheck.a" ] || return 0
	(check_source) && mkdir -p "$out/check/$1" && cd "$out/check/$1" &&
		"$out/check-source/configure" -q ${2:+--host="$2"} CC="$1" CFLAGS="$3 -fPIC" \
			--disable-shared --disable-subunit --disable-timeout-tests --disable-build-docs \
			ac_cv_func_malloc_0_nonnull=yes ac_cv_func_realloc_0_nonnull=yes &&
		make -s -C lib && make -s -C src libcheck.la
}

# The kernel's headers, beside a C library of its own.
kernel_headers() {
	mkdir -p "$work/kernel"
	for directory in /usr/include/linux /usr/include/asm-generic /usr/include/*-linux-gnu/asm; do
		ln -sfn "$directory" "$work/kernel/"
	done
}

# build PORT
build() {
	compiler=$(field "$1" 3)
	host=$(field "$1" 4)
	flags=$(field "$1" 5)
	set --
	kernel_headers
	case $compiler in
	gcc|clang) ;;
	*)
		foreign_check "$compiler" "$host" "$flags" || return 1
		set -- CHECK_CFLAGS="-I$out/check/$compiler -I$out/check/$compiler/src -I$out/check-source/src" \
			CHECK_LIBS="$out/check/$compiler/src/.libs/libcheck.a -lrt -lm -pthread"
		;;
	esac
	mkdir -p "$work/build" && cd "$work/build" || return 1
	# shellcheck disable=SC2046 # a list of words
	[ -f Makefile ] || "$top/configure" -q ${host:+--host="$host"} CC="$compiler" CFLAGS="$flags" \
		"$@" $(field "$port" 6) || return 1
	make -s -j"$(nproc)" V=0
}

# The runner that is ours.
build_runner() {
	case $(field "$1" 7) in
	"$work"/*)
		# shellcheck disable=SC2046 # a list of words
		gcc -O2 -D_GNU_SOURCE -I"$top/include" -o "$work/without-membarrier" \
			"$here/without-membarrier.c" $(pkg-config --cflags --libs check)
		;;
	esac
}

# left_out PORT TEST: why the port does not run it, if it does not.
left_out() {
	awk -F '\t' -v port="$1" -v test="$2" '
		$3 == "*" && port ~ "^(" $1 ")$" && test ~ "^(" $2 ")$" { print $4; exit }
	' "$here/left-out.tsv"
}

# judge PORT TEST LOG: whether it came to its end, and all that failed may fail on this port.
judge() {
	awk -F '\t' -v port="$1" -v test="$2" '
		FNR == NR {
			if ($3 != "*" && port ~ "^(" $1 ")$" && test ~ "^(" $2 ")$")
				may[$3] = $4
			next
		}
		function case_of(line) {
			sub(/.*\.[ch]:/, "", line)
			sub(/: .*/, "", line)
			return line
		}
		function excuse(text,    name) {
			for (name in may)
				if (text ~ ":" name)
					return may[name]
			return ""
		}
		/^(not )?ok / { count++ }
		/^not ok / {
			why = excuse($0)
			if (why == "")
				failed++
			else
				print "# " test ": without " case_of($0) ": " why
		}
		/^1\.\.[0-9]+$/ { planned = substr($0, 4) }
		END { exit !(planned > 0 && planned == count && !failed) }
	' "$here/left-out.tsv" "$3"
}

# All of Makefile.inc.
tests_of_build() {
	# shellcheck disable=SC2016 # a make variable
	make -s -C "$work/build" --eval='list-tests: ; @printf "%s\n" $(BUILT_TESTS)' list-tests
}

# results TEST...
results() {
	for test in "$@"; do
		name=${test#tests/bin/}
		log=$work/build/${test%.t}.log
		judge "$port" "$name" "$log" 2>&1
		status=$?
		{ grep -a '^not ok' "$log"; tail -n 3 "$log"; } > "$work/log" 2>&1
		result $status "$port: $name"
	done
}

# There is no port without thread-local storage, and configure says so.
refuses_no_tls() {
	mkdir -p "$work/build" && cd "$work/build" || return 1
	! "$top/configure" -q CC=gcc CFLAGS="$(field "$port" 5)" &&
		grep -q 'no thread-local storage' config.log
}

run_port() {
	work=$out/$port
	mkdir -p "$work"
	if [ "$port" = no-tls ]; then
		(refuses_no_tls) > "$work/log" 2>&1
		result $? "$port: configure refuses, with the reason"
		return
	fi
	runner=$(field "$port" 7)
	for tool in "$(field "$port" 3)" ${runner%% *}; do
		case $tool in
		"$work"/*) ;;
		*) command -v "$tool" >/dev/null || { skip "$port" "no $tool"; return; } ;;
		esac
	done
	(build "$port" && build_runner "$port") > "$work/log" 2>&1
	result $? "$port: builds" || return
	tests=
	for test in $(tests_of_build); do
		name=${test#tests/bin/}
		why=$(left_out "$port" "$name")
		if [ -n "$why" ]; then
			skip "$port: $name" "$why"
		elif echo "$name" | grep -qE "${PORT_TESTS:-}"; then
			tests="$tests $test"
		fi
	done
	[ -n "$tests" ] || return
	(cd "$work/build" && rm -f tests/bin/*.log tests/bin/*.trs)
	# As by make check, and longer under an emulator.
	slowness=
	case $runner in qemu*) slowness=$(($("$top/tests/patience.sh") * 5 / 2)) ;; esac
	CK_TIMEOUT_MULTIPLIER=$slowness make -k -s -j"$(nproc)" -C "$work/build" check V=0 \
		TESTS="$tests" T_LOG_COMPILER="timeout -k 5 1800 $runner" \
		> "$work/check.log" 2>&1
	# shellcheck disable=SC2086 # a list of words
	results $tests
}

case $1 in
ports) ports; exit ;;
packages) field "$2" 2; exit ;;
esac
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
# shellcheck disable=SC2046 # a list of words
[ $# != 0 ] || set -- $(ports)
for port in "$@"; do
	run_port
done
plan
