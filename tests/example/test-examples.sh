#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: test-examples.sh [DIRECTORY]
# Runs the lessons among the examples of a directory and the steps of the tutorial, as examples/Makefile.user
# builds them, plainly and under valgrind. Without a directory it installs the library of $builddir for itself and
# builds them against that; then it does what doc/first-steps.md says, too, and what that warns of. Prints TAP.
set -u

here=$(dirname "$0")
source=$here/../../examples
limit=120

. "$here/install.inc"

# run DESCRIPTION COMMAND...: it succeeds, and says so.
run()
{
	description=$1
	shift
	timeout $limit "$@" >"$work/out" 2>&1 </dev/null
	status=$?
	[ "$status" -eq 0 ] || echo "status $status" >>"$work/out"
	result "$status" "$description"
}

# lesson NAME [VALGRIND-OPTION]
lesson()
{
	run "$1" "$binaries/$1"
	[ -s "$work/out" ]
	result $? "$1 says what it did"
	if command -v valgrind >/dev/null; then
		run "$1 under valgrind" valgrind -q --fair-sched=try --leak-check=full \
			--error-exitcode=9 ${2:+"$2"} "$binaries/$1"
	else
		skip "$1 under valgrind" "no valgrind"
	fi
}

if [ $# -ge 1 ]; then
	binaries=$1
else
	binaries=$work/bin
	build_own lessons WARNINGS='-Wall -Wextra -Werror' >"$work/out" 2>&1
	result $? "the lessons build through pkg-config, without a warning"
fi
for file in "$source"/*.c "$source"/*.cc; do
	name=$(basename "${file%.*}")
	case $name in snapshot*) continue ;; esac
	lesson "$name"
	grep -F "\`${file##*/}\`" "$source/README.md" >"$work/out"
	result $? "$name is in examples/README.md"
done
for name in free-rcu-mb free-rcu-bp free-rcu-qsbr; do
	run "$name" "$binaries/$name"
done
for file in "$source"/tutorial/*.c; do
	name=$(basename "$file" .c)
	case $name in
	*server) lesson "$name" --leak-check=no ;;	# children leave everything as it is
	*) lesson "$name" ;;
	esac
done

# The commands of first-steps.md, and what the program says there.
first_steps()
{
	PREFIX=${modules%/lib/pkgconfig}
	commands=$(sed -n 's/^    \(cc examples.*\|export PKG.*\|\.\/first.*\)/\1/p' "$document")
	(set -e; cd "$work"; ln -s "$source" examples; eval "$commands") >"$work/out" 2>&1 &&
		grep -qxF "    $(cat "$work/out")" "$document" &&
		(cd "$work"; eval "$(sed -n 's/^    \(ldd first.*\)/\1/p' "$document")") >"$work/out" 2>&1 &&
		grep -qF "$PREFIX/lib/liburcu-memb.so.8 " "$work/out"
}

# wrong FLAVOR OPTION: the program that does what goes wrong
wrong()
{
	flags=$(PKG_CONFIG_PATH=$modules pkg-config --cflags --libs "liburcu-$1" liburcu-cds)
	# shellcheck disable=SC2086 # lists
	"${CC:-cc}" -D_GNU_SOURCE -O1 $2 "$here/wrong.c" $flags -pthread -Wl,-rpath,"$modules/.." -o "$work/wrong-$1"
}

# said PROGRAM NAME: it says what stands in the document.
said()
{
	timeout $limit "$1" "$2" >"$work/out" 2>&1 </dev/null
	cat "$work/out" >>"$work/all"
	grep -q -f "$work/patterns" "$work/out"
	result $? "$2: first-steps.md has what $(basename "$1") says"
}

if [ $# -eq 0 ]; then
	source=$(cd "$source" && pwd)
	document=$source/../doc/first-steps.md
	case $modules in
	*/lib/pkgconfig) first_steps; result $? "the commands of first-steps.md" ;;
	*) skip "the commands of first-steps.md" "installed in another directory than lib" ;;
	esac
	grep -oE '`liburcu: [^`]*`' "$document" | tr -d '`' |
		sed 's/[][*^$]/\\&/g; s/\.\.\./\n/g; s/\./\\./g; s/\n/.*/g; s/.*/^&$/' >"$work/patterns"
	wrong memb '' >"$work/out" 2>&1 && wrong qsbr -DUSE_QSBR >>"$work/out" 2>&1
	result $? "a program that does what goes wrong builds"
	for name in $("$work/wrong-memb"); do
		said "$work/wrong-memb" "$name"
	done
	said "$work/wrong-qsbr" stall
	while read -r pattern; do
		grep -q "$pattern" "$work/all" || echo "$pattern"
	done <"$work/patterns" >"$work/out"
	[ -s "$work/patterns" ] && [ ! -s "$work/out" ]
	result $? "the library says everything that first-steps.md shows"
fi
plan
