#!/bin/sh
# SPDX-License-Identifier: MIT
# urcu-check finds the mistake in each program of bugs/, by its name, with the place of the call and, where there
# is one, of what came before; it ends with status 66, or goes on where that is asked for; and it finds nothing
# in the examples. TAP. With a directory as argument the programs' reports are left there. BUGS names programs that
# alone are to be run.
set -u
: "${srcdir:?}" "${builddir:?}" "${LIBRARIES:?}"
here=$srcdir/tests/check
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
logs=${1:-$work}
# shellcheck source=tests/tap.inc
. "$srcdir/tests/tap.inc"
# shellcheck source=tests/check/bugs.inc
. "$here/bugs.inc"

if [ ! -e "$LIBRARIES/liburcu-check.so" ]; then
	echo "1..0 # SKIP urcu-check is not built"
	exit 0
fi
URCU_CHECK_LIBRARY=$LIBRARIES/liburcu-check.so
export URCU_CHECK_LIBRARY

# under_check OPTIONS COMMAND...
under_check() {
	options=$1
	shift
	URCU_CHECK_OPTIONS=$options limited 20 sh "$builddir/tools/urcu-check" "$@"
}

# What a report has to have. FILE, NAME, what was to be found
is_report_of() {
	kind=${3%%,*}
	grep -q "^==[0-9]*==ERROR: urcu-check: $kind: " "$1" || return 1
	grep -q "^  in thread [0-9]* (.*):\$" "$1" || return 1
	grep -q "    #[0-9] .* ($work/$2+0x[0-9a-f]*)\$" "$1" || return 1
	grep -qx "SUMMARY: urcu-check: $kind" "$1" || return 1
	case $3 in
	*", both places") grep -q "^  .*, by thread [0-9]* (.*):\$" "$1" ;;
	*) ! grep -q "^  .*, by thread " "$1" ;;
	esac
}

# What looks like a mistake and is none.
right() {
	cp "$here/right.c" "$work"
	build_bug "$work" right -L"$LIBRARIES" -Wl,-rpath,"$LIBRARIES" > "$work/log" 2>&1 &&
		under_check symbols=0 "$work/right" > "$work/log" 2>&1 && [ "$(wc -l < "$work/log")" = 11 ]
	result $? "nothing is found where all is right"
}

# Of a program that was not compiled for it, too: it gives by what was inlined (urcu/static/free-rcu.h).
inlined() {
	build_bug "$work" 33-give-twice -O1 -DBUG_INLINED -L"$LIBRARIES" -Wl,-rpath,"$LIBRARIES" > "$work/log" 2>&1 &&
		! under_check symbols=0 "$work/33-give-twice" > "$work/log" 2>&1 &&
		is_report_of "$work/log" 33-give-twice "freed-twice, both places"
	result $? "33-give-twice, inlined: freed-twice, both places"
}

prepare_bugs "$here" "$work"
for name in ${BUGS:-$(cd "$here/bugs" && printf '%s\n' [0-9]*.c | sed 's/\.c$//')}; do
	[ "$name" != right ] || continue
	bug=$here/bugs/$name.c
	build_bug "$work" "$name" -L"$LIBRARIES" -Wl,-rpath,"$LIBRARIES" > "$work/log" 2>&1 || {
		result 1 "$name builds"
		continue
	}
	under_check "symbols=0:$(bug_says OPTIONS "$bug")" "$work/$name" > "$logs/$name.log" 2>&1
	status=$?
	cp "$logs/$name.log" "$work/log" 2> /dev/null
	[ $status = 66 ] && is_report_of "$logs/$name.log" "$name" "$(bug_says FOUND "$bug")"
	result $? "$name: $(bug_says FOUND "$bug")"
done

case "${BUGS:-right}" in *right*) right ;; esac
case "${BUGS:-33-give-twice}" in *33-give-twice*) inlined ;; esac
if [ -n "${BUGS:-}" ]; then
	plan
	exit
fi

if command -v addr2line > /dev/null; then
	under_check "" "$work/04-call-rcu-twice" > "$work/log" 2>&1
	grep -q '#0 .* in main at 04-call-rcu-twice.c:20 ' "$work/log" &&
		grep -q '#0 .* in main at 04-call-rcu-twice.c:21 ' "$work/log"
	result $? "both places have names and lines"
else
	skip "both places have names and lines" "no addr2line"
fi
under_check symbols=0:go_on=1 "$work/13-register-twice" > "$work/log" 2>&1 &&
	[ "$(grep -c SUMMARY "$work/log")" = 1 ]
result $? "go_on=1 reports and goes on"
under_check symbols=0:exit_status=7:log="$work/file" "$work/13-register-twice" > "$work/log" 2>&1
[ $? = 7 ] && [ ! -s "$work/log" ] && grep -q SUMMARY "$work/file"
result $? "exit_status and log"
# 512 would be 0 to who waits for the program, and a negative stall a watcher that never sleeps.
under_check symbols=0:exit_status=512:stall=-1:frames=x "$work/13-register-twice" > "$work/log" 2>&1
[ $? = 66 ] && [ "$(grep -c 'is a number from 0 to' "$work/log")" = 3 ]
result $? "numbers that are none are left out"
under_check symbols=0:abort=1 "$work/13-register-twice" > "$work/log" 2>&1
[ $? = 134 ]
result $? "abort=1 ends by SIGABRT"
limited 20 "$work/32-list-del-twice" > "$work/log" 2>&1
[ $? = 1 ] && [ ! -s "$work/log" ]
result $? "a program compiled with URCU_CHECK runs without urcu-check"

# Of a plug-in that brings the library, and goes.
cp "$here/plug-in.c" "$work"
build_bug "$work" plug-in -L"$LIBRARIES" -Wl,-rpath,"$LIBRARIES" -DPLUG_IN -fPIC -shared > "$work/log" 2>&1 &&
	mv "$work/plug-in" "$work/plug-in.so" &&
	build_program -o "$work/plug-in" "$work/plug-in.c" -ldl >> "$work/log" 2>&1 &&
	under_check symbols=0 "$work/plug-in" "$work/plug-in.so" > "$work/log" 2>&1 && [ ! -s "$work/log" ]
result $? "nothing is found in a plug-in that brings the library"
under_check symbols=0 "$work/plug-in" "$work/plug-in.so" mistake > "$work/log" 2>&1
[ $? = 66 ] && grep -q "SUMMARY: urcu-check: freed-while-in-table" "$work/log"
result $? "a plug-in's mistake is"

# What cannot be checked is refused, or said: the program would run, and nothing be found in it.
says() { # status, text, command...
	wanted=$1 text=$2
	shift 2
	under_check symbols=0 "$@" > "$work/log" 2>&1
	[ $? = "$wanted" ] && grep -q "$text" "$work/log"
}
printf 'int main(void) { return 0; }\n' > "$work/plain.c"
if build_program -static -o "$work/static" "$work/plain.c" 2> /dev/null; then
	says 2 "is linked statically" "$work/static"
	result $? "a program that is linked statically is refused"
else
	skip "a program that is linked statically is refused" "no static C library"
fi
build_program -o "$work/plain" "$work/plain.c" && says 0 "nothing was checked in plain: it has loaded no" "$work/plain"
result $? "a program without the libraries is told from one without mistakes"
says 2 "there is no program" "$work/none"
result $? "so is a program that is not there"
cp "$work/plain" "$work/other"
if chown 65534 "$work/other" 2> /dev/null && chmod 4755 "$work/other"; then
	says 2 "runs as another user" "$work/other"
	result $? "a program of another user's is refused"
else
	skip "a program of another user's is refused" "not root"
fi
printf 'int main(void) { return 0; } void *malloc(unsigned long); void free(void *p) { (void)p; }\n' > "$work/allocator.c"
build_program -w -fPIC -shared -o "$work/allocator.so" "$work/allocator.c" &&
	LD_PRELOAD=$work/allocator.so says 66 "free is not checked" "$work/13-register-twice"
result $? "an allocator that tells no sizes does without checks of free"

# The examples, as any program is compiled, and with URCU_CHECK.
example() { # name, sources...
	name=$1
	shift
	# shellcheck disable=SC2086 # words
	build_program -o "$work/$name" $flags "$@" -L"$LIBRARIES" -Wl,-rpath,"$LIBRARIES" \
		"-lurcu-$flavor" -lurcu-cds -lurcu-common > "$work/log" 2>&1 &&
		under_check symbols=0 "$work/$name" $arguments > "$work/log" 2>&1
	result $? "nothing is found in $name $flags"
}
cd "$srcdir/examples" || exit 99
flavor=memb arguments=""
for flags in "" -DURCU_CHECK; do
	for lesson in rculfhash rculist; do example $lesson $lesson.c; done
done
for lesson in defer rcuhlist ref; do example $lesson $lesson.c; done
arguments="-t 1"
example snapshot-memb snapshot*.c
flavor=qsbr flags=-DSNAPSHOT_QSBR
example snapshot-qsbr snapshot*.c
plan
