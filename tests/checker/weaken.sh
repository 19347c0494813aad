#!/bin/sh
# SPDX-License-Identifier: MIT
# ./dev weaken [FILE...]: in a copy, each atomic operation and fence of the files (those of src/grace and the readers'
# headers, if none are named) is made weaker by a step, one at a time, and the scenarios are explored. What is found,
# and what is not, is a table: doc/weakened.md, if no files are named.
set -eu
: "${srcdir:?}" "${WORK:?}"
here=$srcdir/tests/checker
executions=${WEAKEN_EXECUTIONS:-3000}
seconds=${WEAKEN_SECONDS:-5}

make_it() {
	nice -n 19 make -s -f "$here/checker.mk" OUT="$WORK/made" SOURCES="$WORK/tree" > "$WORK/log" 2>&1
}

# Those that use a file, the likely ones first.
scenarios_of() {
	case $1 in
	*qsbr*) kinds='-qsbr$' ;;
	*bp*) kinds='-bp$' ;;
	src/grace/* | include/urcu/static/urcu-*)
		kinds='^grace-period ^register ^two-writers ^hold ^announce ^polls ^call-rcu ^wake' ;;
	src/callbacks/defer*) kinds='^defer' ;;
	src/callbacks/free* | src/callbacks/stash*) kinds='^free-rcu' ;;
	src/callbacks/*) kinds='^call-rcu ^wake ^producers ^rest ^free-rcu ^defer' ;;
	src/lfht/*) kinds='^lfht' ;;
	*wfcqueue*) kinds='^wfcqueue' ;;
	*wfstack*) kinds='^wfstack' ;;
	*lfstack*) kinds='^lfstack' ;;
	*) kinds='^grace-period ^call-rcu ^rest' ;;
	esac
	for kind in $kinds; do
		awk '$3 == "none" && $2 !~ /^litmus/ { print $1 }' "$here/scenarios/list" | grep -e "$kind" || :
	done
}

# explored FILE: which scenario finds it, and what it says.
explored() {
	for scenario in $(scenarios_of "$1"); do
		status=0
		timeout 120 "$WORK/made/checker" -n "$executions" -s "$seconds" "$scenario" \
			> "$WORK/report" 2>&1 || status=$?
		if [ $status -ne 0 ]; then
			said=$(sed -n 's/ (deadlock, .*//; s/ and nothing orders.*//; s/^# FAULT by [^:]*: //p' \
				"$WORK/report" | head -n 1)
			echo "$scenario: ${said:-ended with status $status}"
			return
		fi
	done
	echo "not found"
}

if [ $# -eq 0 ]; then
	table=$srcdir/doc/weakened.md
	set -- src/grace/domain.c src/grace/gp.c src/grace/lead.c src/grace/registry.c \
		include/urcu/static/urcu-common.h include/urcu/static/urcu-qsbr.h \
		include/urcu/static/wfcqueue.h include/urcu/static/wfstack.h include/urcu/static/lfstack.h
else
	table=
fi

# What was made the last time is made again where it has changed.
rm -rf "$WORK/tree" "$WORK/made"
mkdir -p "$WORK/tree" "$WORK/saved"
mv "$WORK/saved" "$WORK/made"
cp -a "$srcdir/src" "$srcdir/include" "$WORK/tree/"
make_it || { cat "$WORK/log"; exit 1; }
cp -a "$WORK/made" "$WORK/saved"
(cd "$WORK/tree" && awk -f "$here/weaken.awk" "$@") > "$WORK/sites"

tab=$(printf '\t')
: > "$WORK/rows"
while IFS=$tab read -r file line occurrence old new _; do
	rm -rf "$WORK/made"
	cp -a "$WORK/saved" "$WORK/made"
	cp -p "$WORK/tree/$file" "$WORK/original"
	awk -f "$here/weaken.awk" -v line="$line" -v occurrence="$occurrence" -v new="$new" \
		"$WORK/original" > "$WORK/tree/$file"
	if ! make_it; then
		found="does not compile"
	elif cmp -s "$WORK/made/tested.o" "$WORK/saved/tested.o"; then
		found="not compiled here"
	else
		found=$(explored "$file")
	fi
	cp -p "$WORK/original" "$WORK/tree/$file"
	text=$(sed -n "${line}p" "$srcdir/$file" | sed 's/^[[:space:]]*//; s/|/\\|/g')
	printf '%s\n' "$file:$line: $old to $new: $found"
	# shellcheck disable=SC2016 # Markdown
	printf '| %s:%s | `%s` | %s | %s |\n' "${file#include/urcu/static/}" "$line" "$text" \
		"$(echo "$new" | sed 's/^__ATOMIC_//; s/cmm_barrier()/none/; s/^;$/none/; s/^true$/none/' | tr '[:upper:]' '[:lower:]')" \
		"$(echo "$found" | sed 's/|/\\|/g')" >> "$WORK/rows"
done < "$WORK/sites"

if [ -n "$table" ]; then
	{ sed '/^| where | operation/,$d' "$table"
	echo '| where | operation | made | found by |'
	echo '| --- | --- | --- | --- |'
	cat "$WORK/rows"; } > "$WORK/table"
	cp "$WORK/table" "$table"
fi
