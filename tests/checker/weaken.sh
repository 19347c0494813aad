#!/bin/sh
# SPDX-License-Identifier: MIT
# ./dev weaken [FILE...]: each atomic operation and fence that a scenario comes to is made weaker by a step, one at a
# time, and the scenarios that come to it are explored, those first that do little else. The orders are changed where
# the checker gets them (weaken.c), so nothing is compiled anew. What is found, and what is not and why it stays (the
# list in weaken-kept), goes into the table of doc/weakened.md, and what no scenario comes to as well. FILE is the
# beginning of a path; without one all of src/ and include/ are gone through.
# WEAKEN_SECONDS: of processor time for each that is not found. 0: nothing is explored; what the table has said of an
# order of the same text stays, with what weaken-kept says now. WEAKEN_NEW=1: the same, but what it has not is tried.
set -eu
: "${srcdir:?}" "${WORK:?}"
here=$srcdir/tests/checker
seconds=${WEAKEN_SECONDS:-10}
checker=$WORK/made/checker
table=$srcdir/doc/weakened.md
tab=$(printf '\t')

mkdir -p "$WORK"
nice -n 19 make -s -f "$here/checker.mk" OUT="$WORK/made" SOURCES="$srcdir"

# Which orders each scenario comes to: SCENARIO ADDRESS PART ORDER COUNT; with -m behind its name: where calls fail.
if [ -z "$(find "$WORK/met" -newer "$checker" 2> /dev/null)" ]; then
	awk '$3 == "none" && $2 !~ /^litmus/ { print $1; if ($1 !~ /-(mb|bp|qsbr)$/) print $1 "-m" }' \
		"$here/scenarios/list" | while read -r scenario; do
		name=${scenario%-m}
		# shellcheck disable=SC2086 # nothing, or -m
		nice -n 19 timeout 120 "$checker" -l ${scenario#"$name"} -n 60 -s 1 "$name" < /dev/null |
			sed -n "s/^0x/$scenario 0x/p"
	done > "$WORK/met.new"
	mv "$WORK/met.new" "$WORK/met"
fi

# Where an address is in the source: ADDRESS FILE LINE. Of what is inlined from a header of atomics, who uses it.
places() {
	addr2line -a -i -e "$checker" | awk -v top="$srcdir/" '
		/^0x/ { address = $0; sub(/^0x0*/, "0x", address); known = 0; next }
		known || /:[?0]/ { next }
		{
			place = $1
			if (substr(place, 1, length(top)) == top)
				place = substr(place, length(top) + 1)
			if (place ~ /urcu\/(arch|uatomic|compiler|pointer|static\/pointer)[^:]*\.h:/ || place ~ /^tests\//)
				next
			known = split(place, part, ":")
			print address, part[1], part[2]
		}'
}

# All there are; and those that are come to, by place: FILE LINE PART ORDER TAB SHARE SCENARIO ADDRESSES TAB ...
objdump -d "$checker" | sed -n 's/^ *\([0-9a-f]*\):.*call .*<__tsan_atomic.*/0x\1/p' | places |
	cut -d ' ' -f 2,3 | sort -u > "$WORK/all"
cut -d ' ' -f 2 "$WORK/met" | sort -u | places > "$WORK/places"
awk '
	NR == FNR { place[$1] = $2 " " $3; next }
	{ total[$1] += $5; line[++count] = $0 }
	END {
		for (i = 1; i <= count; i++) {
			split(line[i], field, " ")
			if (!(field[2] in place))
				continue
			site = place[field[2]] " " field[3] " " field[4]
			if (!((site, field[1]) in counts))
				scenarios[site] = scenarios[site] " " field[1]
			addresses[site, field[1]] = addresses[site, field[1]] "," field[2]
			counts[site, field[1]] += field[5]
		}
		for (site in scenarios) {
			text = site
			many = split(scenarios[site], names, " ")
			for (i = 1; i <= many; i++)
				# With calls that fail, only what is not come to without: so these come last.
				text = text "\t" int(1e6 * counts[site, names[i]] / total[names[i]] / (names[i] ~ /-m$/ ? 1000 : 1)) \
					" " names[i] " " \
					substr(addresses[site, names[i]], 2)
			print text
		}
	}' "$WORK/places" "$WORK/met" | sort -k 1,1 -k 2,2n -k 3,3n > "$WORK/sites"

# What is a step weaker, as numbers of the compiler: relaxed 0, acquire 2, release 3, acq_rel 4, seq_cst 5.
weaker() {
	case $1 in
	[03],5) echo 2 0 ;;
	1,5) echo 3 0 ;;
	[24],5) echo 4 0 ;;
	5,*) echo 0 ;;
	*,4) echo 2 3 ;;
	*,0) ;;
	*) echo 0 ;;
	esac
}

name_of() {
	case $2,$1 in
	[45],0) echo none ;;
	*,0) echo relaxed ;;
	*,2) echo acquire ;;
	*,3) echo release ;;
	*,4) echo acq_rel ;;
	esac
}

# check EXECUTIONS SCENARIO OPTION...: the checker's status; what it says is in $WORK/report.
check() {
	executions=$1 name=${2%-m} option=${2#"${2%-m}"}
	shift 2
	# shellcheck disable=SC2086 # nothing, or -m
	nice -n 19 timeout 300 "$checker" -b -n "$executions" -s $((seconds / 2 + 1)) $option "$@" "$name" \
		> "$WORK/report" 2>&1 < /dev/null
}

# explored PART ORDER [-c]: which scenario of $WORK/candidates finds it, and what it says. A little of each, and then
# more. What is found must not be without the weakening: not where a call fails (-m), and not where pointers order
# nothing (-c).
explored() {
	spent=0
	cp "$WORK/candidates" "$WORK/few"
	for executions in 200 2000 20000 200000; do
		while read -r _ scenario addresses; do
			options=$(echo "$addresses" | sed "s/,/:$1:$2 -W /g; s/.*/-W &:$1:$2/")
			status=0
			# shellcheck disable=SC2086 # words
			check "$executions" "$scenario" $options ${3:-} || status=$?
			if [ $status -ne 0 ]; then
				said=$(sed -n "s|$srcdir/||g"'; s/ (deadlock, .*//; s/ and nothing orders.*//; s/; [0-9]* callbacks and.*//
					s/^# FAULT by [^:]*: //p' "$WORK/report" | head -n 1)
				# shellcheck disable=SC2086 # nothing, or -c
				if check "$((10 * executions))" "$scenario" ${3:-}; then
					echo "$scenario: ${said:-ended with status $status}"
					return
				fi
			fi
			used=$(sed -n 's/.*; 0*\([0-9]*\)\.0*\([0-9]\) s$/\1\2/; s/^0*\([0-9]\)/\1/p' "$WORK/report")
			spent=$((spent + ${used:-0}))
			[ $spent -lt $((10 * seconds)) ] || return 0
		done < "$WORK/few"
		[ -s "$WORK/few" ] || return 0
		# Those that are tried longest are those that do little else.
		head -n 12 "$WORK/candidates" > "$WORK/few"
	done
}

# Whether an acquire of a load goes: it may be a pointer's, after which the dependency orders as much.
loses_acquire() {
	case $1,$2 in 2,0 | 4,3) ;; *) false ;; esac
}

# statement FILE LINE: the line, and the one before it if it is in the middle of something.
statement() {
	awk -v line="$2" '
		{ sub(/^[[:space:]]+/, "") }
		NR == line - 1 && !/[;{}:]$/ && !/\*\/$/ && !/^[#*]/ && NF { text = $0 " " }
		NR == line { print text $0; exit }' "$srcdir/$1"
}

# kept FILE LINE TEXT ORDER: why it stays although nothing was found, by a part of the statement, or of the lines around
# it. FILE TAB FRAGMENT TAB ORDER, or any TAB REASON.
kept() {
	around=$(sed -n "$(($2 > 1 ? $2 - 1 : 1)),$(($2 + 1))p" "$srcdir/$1" | tr '\n\t' '  ')
	text=$3 around=$around awk -F "$tab+" -v file="$1" -v order="$4" '
		/^#/ || $1 != file || ($3 != order && $3 != "any") { next }
		index(ENVIRON["text"], $2) { found = $4; exit }
		index(ENVIRON["around"], $2) && !found { found = $4 }
		END { print found }' "$here/weaken-kept"
}

# before FILE LINE TEXT MADE: what the table has said of it; of several with the same text, the nearest.
before() {
	text=$(echo "$3" | sed 's/|/\\|/g') awk -v file="${1#include/urcu/}:" -v line="$2" -v made="$4" '
		BEGIN { row = " | `" ENVIRON["text"] "` | " made " | " }
		index($0, "| " file) == 1 && (at = index($0, row)) {
			split(substr($0, length(file) + 3), number, " ")
			away = number[1] < line ? line - number[1] : number[1] - line
			if (found == "" || away < least) {
				found = substr($0, at + length(row), length($0) - at - length(row) - 1)
				least = away
			}
		}
		END { print found }' "$table"
}

# row FILE LINE TEXT MADE WHAT
row() {
	printf '%s\n' "$1:$2: $4: $5"
	# shellcheck disable=SC2016 # Markdown
	printf '| %s:%s | `%s` | %s | %s |\n' "${1#include/urcu/}" "$2" "$(echo "$3" | sed 's/|/\\|/g')" "$4" "$5" >> "$WORK/rows"
}

# with_reason FOUND FILE LINE TEXT ORDER: and why it stays, if nothing was found.
with_reason() {
	case $1 in
	not\ *)
		why=$(kept "$2" "$3" "$4" "$5")
		echo "${1%%:*}${why:+: $why}" ;;
	*) echo "$1" ;;
	esac
}

# each PLACE...: one order, in each weaker form.
each() {
	file=$1 line=$2 part=$3 order=$4
	text=$(statement "$file" "$line")
	for new in $(weaker "$part,$order"); do
		name=$(name_of "$new" "$part")
		echo "$scenarios" | tr "$tab" '\n' | sort -rn | head -n 25 > "$WORK/candidates"
		[ "$part" = 3 ] && name="$name where it fails"
		found=
		case $seconds,${WEAKEN_NEW:-} in 0,* | *,1) found=$(before "$file" "$line" "$text" "$name") ;; esac
		case $seconds,$found in
		[!0]*,not\ tried* | [!0]*,) ;;
		*)
			row "$file" "$line" "$text" "$name" "$(with_reason "${found:-not tried}" "$file" "$line" "$text" "$name")"
			continue ;;
		esac
		found=$(explored "$part" "$new")
		if [ -z "$found" ] && loses_acquire "$order" "$new"; then
			found=$(explored "$part" "$new" -c)
			found=${found:+without dependencies, $found}
		fi
		row "$file" "$line" "$text" "$name" \
			"$(with_reason "${found:-not found in $seconds s}" "$file" "$line" "$text" "$name")"
	done
}

# What no scenario comes to.
orders='SEQ_CST\|ACQUIRE\|RELEASE\|ACQ_REL\|smp_\|order_\|set_pointer\|fence'
cut -d ' ' -f 1,2 "$WORK/sites" | sort -u > "$WORK/reached"
sort -u "$WORK/all" | comm -23 - "$WORK/reached" > "$WORK/unreached"

# The rows in $WORK/rows, of one file, take the place of those that the table has; and how many there are is told anew.
into_table() {
	{
		sed '/^| where | operation/,$d' "$table"
		echo '| where | operation | made | found by |'
		echo '| --- | --- | --- | --- |'
		{
			sed '1,/^| where | operation/d' "$table" | sed 1d | awk -v file="${1#include/urcu/}" '
				{ split($2, place, ":") }
				place[1] != file'
			cat "$WORK/rows"
		} | sort -s -t : -k 1,1 -k 2,2n
	} > "$WORK/table"
	counts=$(awk '
		!/^\| [a-z0-9\/-]*\.[ch]:/ { next }
		/\| no scenario comes to it/ { never++; next }
		/\| not tried/ { untried++; next }
		/\| not found/ { missed++; next }
		{ found++ }
		END { printf "%d weakenings are found; %d are not; %d were not tried; no scenario comes to %d places.", \
			found, missed, untried, never }' "$WORK/table")
	sed "s/^[0-9]* weakenings are found; .*/$counts/" "$WORK/table" > "$table"
}

cut -d ' ' -f 1 "$WORK/all" | sort -u | while read -r path; do
	wanted=
	[ $# != 0 ] || wanted=yes
	for named in "$@"; do
		case $path in "$named"*) wanted=yes ;; esac
	done
	[ "$wanted" ] || continue
	: > "$WORK/rows"
	grep "^$path " "$WORK/sites" | while IFS=$tab read -r place scenarios; do
		# shellcheck disable=SC2086 # words
		each $place < /dev/null
	done
	grep "^$path " "$WORK/unreached" | while read -r file line; do
		# Not what is relaxed already.
		sed -n "$((line > 1 ? line - 1 : 1)),$((line + 2))p" "$srcdir/$file" | grep -q "$orders" || continue
		text=$(statement "$file" "$line")
		why=$(kept "$file" "$line" "$text" unreached)
		row "$file" "$line" "$text" - "no scenario comes to it${why:+: $why}"
	done
	into_table "$path"
done
