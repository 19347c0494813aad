#!/bin/sh
# SPDX-License-Identifier: MIT
# Disassemble what orders readers and writers, for each machine in barriers.tsv, and check that it holds
# the instruction that its order needs. By the machine's gcc if that is here; else by clang, which compiles
# for all of them and takes no more than the headers of the machine's C library, below CROSS_HEADERS. TAP.
# Usage: barriers.sh [OUT]: the table is written to OUT/barriers.md. BARRIERS_BY=clang: also where gcc is.
# barriers.sh packages: those of Debian's that have the headers for want of a gcc, to be unpacked.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
: "${CLANG:=clang}" "${CROSS_HEADERS:=/usr}" "${BARRIERS_BY:=gcc}"
tab=$(printf '\t')

# gcc_for COMPILER: whether to ask it.
gcc_for() {
	case $BARRIERS_BY-$1 in
	clang-x86_64-*) ;;
	clang-*) return 1 ;;
	esac
	command -v "${1%% *}" >/dev/null
}

if [ "${1:-}" = packages ]; then
	grep -v '^#' "$here/barriers.tsv" | while IFS=$tab read -r _ compiler debian _; do
		gcc_for "$compiler" || echo "libc6-dev-$debian-cross linux-libc-dev-$debian-cross"
	done
	exit
fi
if [ $# = 0 ]; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
else
	mkdir -p "$1"
	work=$(cd "$1" && pwd)
fi
# shellcheck source=tests/tap.inc
. "$top/tests/tap.inc"

# Function, and what its order needs: release, acquire, a full barrier; or one more of these than
# memb_read_lock has, which leaves it to membarrier: where a release is the full barrier, that tells.
cat > "$work/functions" <<'TXT'
mb_read_lock added
mb_read_unlock release
memb_read_lock release
memb_read_lock_refused added
qsbr_quiescent_state added
in_older_section acquire
begin full
sleep_until_woken full
quiesce_gp_ticket full
quiesce_registry_add full
smp_mb full
xchg full
add_return full
TXT

# disassemble COMPILER SOURCE-AND-FLAGS...
disassemble() {
	compiler=$1
	triple=${compiler%%-gcc*}
	shift
	set -- "$@" -std=gnu11 -O2 -D_GNU_SOURCE -I"$top/include" -I"$top/src"
	if gcc_for "$compiler"; then
		# shellcheck disable=SC2086 # a list of words
		$compiler "$@" -c -o "$work/object.o" && "$triple-objdump" -d --no-show-raw-insn "$work/object.o"
	else
		# shellcheck disable=SC2046 # flags
		"$CLANG" --target="$triple" -nostdlibinc -isystem "$CROSS_HEADERS/$triple/include" \
			$(echo "$compiler" | grep -o ' .*') "$@" -S -o -
	fi
}

# instructions COMPILER: "FUNCTION<tab>INSTRUCTION" a line, in order. The engine is compiled without
# inlining, so that its parts stay apart.
instructions() {
	for source in "$here/barriers.c" "-fno-inline $top/src/grace/lead.c" \
		"-fno-inline $top/src/grace/gp.c" "-fno-inline $top/src/grace/registry.c"; do
		# shellcheck disable=SC2086 # lists of words
		disassemble "$1" $source || return 1
	done | awk '
		/^[0-9a-f]+ <[^.].*>:$/ { name = $2; gsub(/[<>:]|\.(isra|part|constprop).*/, "", name) }
		/^[a-z_][a-z_0-9]*:/ { name = $1; sub(/:.*/, "", name) }
		/^ *[0-9a-f]+:\t|^\t[a-z]/ {
			sub(/^ *[0-9a-f]+:[\t ]+|^\t/, "")
			gsub(/[\t ]+/, " ")
			gsub(/, /, ",")
			# A prefix may be a line of its own.
			if ($0 == "lock" && (getline next_line) > 0) {
				sub(/^\t/, "", next_line)
				gsub(/[\t ]+/, " ", next_line)
				$0 = "lock " next_line
			}
			sub(/ *(#|\/\/|;|@).*/, "")
			sub(/ $/, "")
			print name "\t" $0
		}'
}

# of FUNCTION PATTERN: how many of its instructions match.
of() {
	awk -F '\t' -v name="$1" -v pattern="$2" '$1 == name && $2 ~ pattern { count++ }
		END { print count + 0 }' "$work/instructions"
}

# holds MACHINE FUNCTION NEED PATTERN
holds() {
	least=1
	[ "$3" != added ] || least=$(($(of memb_read_lock "$4") + 1))
	[ "$(of "$2" "$4")" -ge $least ]
	result $? "$1: $2: $3"
}

# The instructions that order, as a cell of the table.
cell() {
	awk -F '\t' -v name="$1" -v shown="$2" '
		$1 != name || $2 !~ shown || / %ax,%ax/ { next }
		{ split($2, words, " "); text = words[1] (words[1] ~ /^(dmb|fence|lock|bcr)/ ? " " words[2] : "") }
		{ sub(/ $/, "", text); cell = cell (cell ? "; " : "") text }
		END { print cell ? "`" cell "`" : "-" }' "$work/instructions"
}

machine() {
	set -- "$1" "$2" "$3" "$4" "$5" "$6"
	by=${2%% *}
	if ! gcc_for "$2"; then
		by=$CLANG
		command -v "$CLANG" >/dev/null && [ -d "$CROSS_HEADERS/${2%%-gcc*}/include" ] ||
			{ skip "$1" "no ${2%% *}, and no headers for $CLANG"; return; }
	fi
	instructions "$2" > "$work/instructions" 2> "$work/log"
	result $? "$1: compiles, by $by" || return
	machines="$machines $1"
	while read -r function need; do
		case $need in
		full|added) pattern=$3 ;;
		release) pattern=$4 ;;
		acquire) pattern=$5 ;;
		esac
		holds "$1" "$function" "$need" "$pattern"
		cell "$function" "$6" > "$work/cell-$1-$function"
	done < "$work/functions"
}

table() {
	printf '| |'
	# shellcheck disable=SC2086 # a list of words
	printf ' %s |' $machines
	printf '\n| --- |'
	for name in $machines; do printf ' --- |'; done
	echo
	while read -r function need; do
		# shellcheck disable=SC2016 # quotes of Markdown
		printf '| `%s` (%s) |' "$function" "$need"
		for name in $machines; do printf ' %s |' "$(cat "$work/cell-$name-$function")"; done
		echo
	done < "$work/functions"
}

machines=
grep -v '^#' "$here/barriers.tsv" > "$work/machines"
while IFS=$tab read -r name compiler _ full release acquire shown <&3; do
	machine "$name" "$compiler" "$full" "$release" "$acquire" "$shown"
done 3< "$work/machines"
table > "$work/barriers.md"
plan
