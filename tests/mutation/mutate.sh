#!/bin/sh
# SPDX-License-Identifier: MIT
# Breaks the library in one place at a time, as tests/mutation/list says, and shows which test
# notices. Writes a table; fails if a mutation does not apply or build, or if no test notices one
# that is not listed as equivalent.
# Usage: mutate.sh DIRECTORY [NAME...]: everything is made below DIRECTORY; the table is
# DIRECTORY/mutations.md. LIST names another list.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$1
shift
list=${LIST:-$source/tests/mutation/list}
mkdir -p "$work"
work=$(cd "$work" && pwd)
tree=$work/tree
LIMIT=60			# seconds a test may take; longer is a hang
: "${jobs:=$(nproc)}"
# Check's own limits are generous; a test that hangs is caught sooner.
CK_TIMEOUT_MULTIPLIER=0.5 CK_TAP_LOG_FILE_NAME=- srcdir=$tree builddir=$work/build
export CK_TIMEOUT_MULTIPLIER CK_TAP_LOG_FILE_NAME srcdir builddir

# ---- The list ----

names() {
	sed -n 's/^= //p' "$list"
}

# The record of a mutation; one of its fields; the text before and after.
record() {
	awk -v name="$1" '/^= / { on = $2 == name } on' "$list" > "$work/record"
}

field() {
	sed -n "s/^$1 //p" "$work/record"
}

text() {
	sed -n "s/^[ $1]//p" "$work/record" > "$work/$2"
}

# Put the text after in the place of the text before, which must be there once.
replace() {
	text - before
	text + after
	perl -0777 -e '
		sub slurp { local @ARGV = $_[0]; <> }
		my ($file, $before, $after) = ($ARGV[0], slurp($ARGV[1]), slurp($ARGV[2]));
		s/\n\z// for $before, $after;	# the last line may be the beginning of one
		my $text = slurp($file);
		my $times = () = $text =~ /\Q$before\E/g;
		exit 1 if $times != 1 || $before eq "";
		substr($text, index($text, $before), length $before) = $after;
		open my $out, ">", $file or exit 1;
		print $out $text;
	' "$tree/$1" "$work/before" "$work/after"
}

# ---- Builds: as it is, and with ThreadSanitizer ----

configure() {
	mkdir -p "$work/$1"
	[ -f "$work/$1/Makefile" ] ||
		(cd "$work/$1" && "$tree/configure" -q "${3:---disable-urcu-check}" CFLAGS="$2" > configure.log 2>&1) || { cat "$work/$1/configure.log" >&2; exit 1; }
}

copy() {
	rm -rf "$tree.new"
	mkdir -p "$tree.new" "$tree"
	(cd "$source" && tar -cf - --exclude=./out --exclude=./.git .) |
		(cd "$tree.new" && tar -xf -)
	# Only what differs, so that only that is built again: also what a run that was cut off has
	# left broken, and built.
	# shellcheck disable=SC2086 # one word or none
	(cd "$tree.new" && find . -type f | while read -r new; do
		[ -e "$tree/$new" ] && times= || times=-p
		cmp -s "$new" "$tree/$new" || { mkdir -p "$tree/${new%/*}" && cp $times "$new" "$tree/$new"; }
	done)
	# Of sources that are gone the checker would make objects, too.
	(cd "$tree" && find src include tests tools -type f | while read -r old; do
		[ -e "$tree.new/$old" ] || rm "$old"
	done)
	rm -rf "$tree.new"
	[ -x "$tree/configure" ] || (cd "$tree" && autoreconf -i > /dev/null 2>&1)
}

# The directory and the program of a test.
directory_of() {
	case $1 in sanitized:*) echo sanitized ;; check:*) echo checked ;; *) echo build ;; esac
}

program_of() {
	case $1 in
	check:*) echo "env BUGS=${1#check:} sh $tree/tests/check/test-bugs.sh" ;;
	*) echo "tests/bin/${1#sanitized:}.t" ;;
	esac
}

# parts-FLAVOR is tests/sanitize/parts.c.
make_parts() {
	{
		make -s -j"$jobs" V=0 -C "$work/sanitized" && (cd "$work/sanitized" && mkdir -p tests/bin &&
			gcc -std=gnu11 -O1 -g -fsanitize=thread -I"$tree/include" -pthread \
				-o "tests/bin/parts-$1.t" "$tree/tests/sanitize/parts.c" -L.libs \
				-Wl,-rpath,"$PWD/.libs" "-lurcu-$1" -lurcu-cds -lurcu-common)
	} > "$work/make.log" 2>&1
}

make_test() {
	case $1 in
	sanitized:parts-*) make_parts "${1#sanitized:parts-}"; return ;;
	script:*) make -s -j"$jobs" V=0 -C "$work/build" > "$work/make.log" 2>&1; return ;;
	check:*) make -s -j"$jobs" V=0 -C "$work/checked" > "$work/make.log" 2>&1; return ;;
	esac
	make -s -j"$jobs" V=0 -C "$work/$(directory_of "$1")" "$(program_of "$1")" > "$work/make.log" 2>&1
}

# ---- Tests ----

# What a test has left behind is of its session.
end_session() {
	processes=$(ps -o pid= -s "$1" || true)
	# shellcheck disable=SC2086 # a list of words
	[ -z "$processes" ] || kill -9 $processes 2> /dev/null || true
}

if setarch -R true 2> /dev/null; then fixed="setarch -R"; else fixed=; fi

# A script that prints TAP: all of it is run.
script_passes() {
	(cd "$work/build" && LIBRARIES=$work/build/.libs timeout -k 5 $((10 * LIMIT)) sh "$tree/$1" < /dev/null \
		> "$work/log" 2>&1) || return 1
	noticed=$(sed -n 's/^not ok [0-9]* - //p' "$work/log" | sed -n 1p)
	[ -z "$noticed" ] && grep -q '^ok' "$work/log"
}

# Run a test up to its first failure; what noticed is in $noticed.
passes() {
	case $1 in script:*) script_passes "${1#script:}"; return ;; esac
	directory=$(directory_of "$1")
	program=$(program_of "$1")
	[ "$directory" = build ] && prefix= || prefix=$fixed
	status=0
	# shellcheck disable=SC2016,SC2086 # the inner shell's; a list of words
	(cd "$work/$directory" && export builddir="$PWD" LIBRARIES="$PWD/.libs" && exec setsid sh -c 'echo $$ > "$0/session"; timeout -k 5 "$@"' \
		"$work" $LIMIT $prefix $program < /dev/null > "$work/log" 2>&1) || status=$?
	end_session "$(cat "$work/session")"
	[ "$status" != 0 ] || return 0
	noticed=$(sed -n '/^not ok/{s/^not ok [0-9]* - [^:]*:[^:]*:\([^:]*\):.*/\1/p;q;}' "$work/log")
	if grep -q 'WARNING: ThreadSanitizer' "$work/log"; then
		noticed=${noticed:-ThreadSanitizer}
	elif [ "$status" = 124 ]; then
		noticed=${noticed:-hangs}
	fi
	noticed=${noticed:-status $status}
	return 1
}

# Whether the checker finds a fault of the code as it is now in a scenario.
checker_finds() {
	make -s -f "$tree/tests/checker/checker.mk" OUT="$work/checker-$1" NAMES="$1" > "$work/make.log" 2>&1 &&
		! timeout $LIMIT "$work/checker-$1/checker" -b -n 100000 -s 60 "$1" > "$work/log" 2>&1 &&
		grep -q '^# FAULT' "$work/log"
}

# Whether the models find a mutant of that name, and there is one. Asked once.
model_finds() {
	log=$work/model-$1
	[ -s "$log" ] || sh "$tree/tests/model/test-models.sh" "$1" > "$log" 2>&1 || true
	grep -q '^ok' "$log" && ! grep -q -e '^not ok' -e SKIP "$log"
}

# Whether the models that a mutation names can be run at all.
noticed_by() {
	for test in $(field tests); do
		case $test in
		model:*)
			if model_finds "${test#model:}"; then
				verdict="the model's ${test#model:}"
				return 0
			fi ;;
		checker:*)
			if checker_finds "${test#checker:}"; then
				verdict="the checker's ${test#checker:}"
				return 0
			fi ;;
		*)
			if ! make_test "$test"; then
				verdict="does not build"
				return 2
			fi
			if ! passes "$test"; then
				verdict="$test: $noticed"
				return 0
			fi ;;
		esac
	done
	return 1
}

# ---- All of it ----

say() {
	printf '%-9s %-34s %s\n' "$1" "$name" "$2"
	printf '| %s | %s | %s | %s |\n' "$name" "$file" "$(field breaks)" "$2" >> "$work/rows"
}

attempt() {
	name=$1
	record "$name"
	file=$(field in)
	[ -n "$file" ] || { say stale "there is none of that name"; return; }
	reason=$(field equivalent)
	cp -p "$tree/$file" "$work/original"
	if ! replace "$file"; then
		say stale "its text is not in $file, or not once"
		return
	fi
	outcome=0
	noticed_by || outcome=$?
	cp "$work/original" "$tree/$file"
	case $outcome in
	0) case $verdict in
	   "the model's"*) say by-model "$verdict" ;;
	   *) say caught "$verdict" ;;
	   esac ;;
	2) say broken "$verdict" ;;
	*) if [ -n "$reason" ]; then say same "equivalent: $reason"; else say MISSED "nothing notices"; fi ;;
	esac
}

# Before anything is broken every test that is named passes.
begin() {
	copy
	configure build "-O2 -g"
	tests=$(for name in $names; do record "$name" && field tests; done | tr ' ' '\n' |
		grep -v -e '^model:' -e '^checker:' -e '^$' | sort -u)
	! echo "$tests" | grep -q "^sanitized:" || configure sanitized "-O1 -g -fsanitize=thread"
	! echo "$tests" | grep -q "^check:" || configure checked "-O2 -g" --enable-urcu-check
	for test in $tests; do
		make_test "$test" || { cat "$work/make.log"; echo "mutate: $test does not build" >&2; exit 1; }
		passes "$test" || passes "$test" || {
			cat "$work/log"
			echo "mutate: $test fails although nothing is broken" >&2
			exit 1
		}
	done
	echo "$(echo "$tests" | wc -l) tests pass before anything is broken"
}

names=${*:-$(names)}
begin
rm -f "$work"/model-* "$work/rows" "$work/verdicts"
for mutation in $names; do
	attempt "$mutation"
done | tee "$work/verdicts"
count() {
	grep -c "^$1 " "$work/verdicts" || true
}
total="$(wc -l < "$work/verdicts") mutations: $(count caught) caught by tests, $(count by-model) by models, \
$(count same) equivalent, $(count MISSED) missed, $(count stale) stale, $(count broken) broken"
{
	echo "# Mutations"
	echo
	echo "What \`./dev mutate\` breaks on purpose, one place after the other (\`tests/mutation/list\`), and what"
	echo "notices it: the first test of those that run for it, or a model's mutant of the same kind."
	echo
	echo "$total."
	sh "$source/tests/bench/commit.sh"
	echo
	echo "| mutation | file | what it breaks | what notices |"
	echo "| --- | --- | --- | --- |"
	cat "$work/rows"
} > "$work/mutations.md"
echo "$total"
! grep -qE '^(MISSED|stale|broken) ' "$work/verdicts"
