#!/bin/sh
# SPDX-License-Identifier: MIT
# A program compiled with DEBUG_RCU, or RCU_DEBUG, its old name, is aborted by its readers where it
# misuses them, optimized or not, and nowhere else; without either, or with NDEBUG, it is not. TAP.
# Usage: test-debug.sh [DIRECTORY], of the libraries; by default $LIBRARIES.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
libraries=$(cd "${1:-$LIBRARIES}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$here/../tap.inc"

cat > "$work/misuse.c" <<'TXT'
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include HEADER

/* Letters: register, lock, unlock, quiescent state, offline, oNline. */
int main(int argc, char **argv)
{
	const struct rlimit none = { 0, 0 };

	(void) argc;
	setrlimit(RLIMIT_CORE, &none);
	for (const char *p = argv[1]; *p; p++) {
		switch (*p) {
		case 'r': rcu_register_thread(); break;
		case 'l': rcu_read_lock(); break;
		case 'u': rcu_read_unlock(); break;
		case 'q': rcu_quiescent_state(); break;
		case 'o': rcu_thread_offline(); break;
		case 'n': rcu_thread_online(); break;
		}
	}
	_Exit(0);
}
TXT

build() { # flavor, flags ...
	flavor=$1
	shift
	header="<urcu-$flavor.h>"
	case $flavor in memb) header="<urcu.h>" ;; mb) header="<urcu.h>"; set -- "$@" -DRCU_MB ;; esac
	timeout 60 "${CC:-cc}" -std=gnu11 "$@" -DHEADER="$header" -I"$here/../../include" -o "$work/misuse" \
		"$work/misuse.c" -L"$libraries" -Wl,-rpath,"$libraries" "-lurcu-$flavor" -lurcu-common -lpthread
}

# Every sequence ends as it should: those of the first list by abort, those of the second well.
end_so() {
	failures=0
	for sequence in $1; do
		ended=0
		(timeout 60 "$work/misuse" "$sequence") > "$work/output" 2>&1 || ended=$?
		[ $ended = 134 ] && grep -q Assertion "$work/output" || {
			echo "$sequence: $ended"; failures=1; }
	done
	for sequence in $2; do
		timeout 60 "$work/misuse" "$sequence" || { echo "$sequence: $?"; failures=1; }
	done
	return $failures
}

wrong_mb="l u ru rluu lu" right_mb="rlu rllulu q o n"
wrong_memb=$wrong_mb right_memb=$right_mb
wrong_bp="u ru rluu luu" right_bp="lu rlu llulu q o n"
wrong_qsbr="l u q o n rol rou" right_qsbr="rlu rqluq roq ronlu"

attempt() { # flavor, wrong, right, flags ...
	flavor=$1 wrong=$2 right=$3
	shift 3
	status=0
	{ build "$flavor" "$@" && end_so "$wrong" "$right"; } > "$work/log" 2>&1 || status=1
	result $status "$flavor $*" || :
}

for flavor in mb memb bp qsbr; do
	eval "wrong=\$wrong_$flavor right=\$right_$flavor"
	for flag in -DDEBUG_RCU -DRCU_DEBUG; do
		attempt $flavor "$wrong" "$right" $flag -O0
		attempt $flavor "$wrong" "$right" $flag -O2 -D_LGPL_SOURCE
	done
	# bp's first unlock without any lock before has no reader to look at.
	[ $flavor != bp ] || wrong="ru rluu luu"
	attempt $flavor "" "$wrong $right" -O2
	attempt $flavor "" "$wrong $right" -DDEBUG_RCU -DNDEBUG -O0
done
plan
