#!/bin/sh
# SPDX-License-Identifier: MIT
# ./dev weaken [FILE...]: each atomic operation and fence that a scenario comes to is made weaker by a step, one at a
# time, and the scenarios that come to it are explored, those first that do little else. The orders are changed where
# the checker gets them (weaken.c), so nothing is compiled anew. What is found, and what is not and why it stays (the
# list in weaken-kept), goes into the table of doc/weakened.md. What no scenario comes to is in $WORK/unreached. FILE is
# the beginning of a path; without one all of src/ and include/ are gone through.
# WEAKEN_SECONDS: of processor time for each that is not found.
set -eu
: "${srcdir:?}" "${WORK:?}"
here=$srcdir/tests/checker
seconds=${WEAKEN_SECONDS:-10}
checker=$WORK/made/checker
tab=$(printf '\t')

mkdir -p "$WORK"
nice -n 19 make -s -f "$here/checker.mk" OUT="$WORK/made" SOURCES="$srcdir"

# Which orders each scenario comes to: SCENARIO ADDRESS PART ORDER COUNT.
awk '$3 == "none" && $2 !~ /^litmus/ { print $1 }' "$here/scenarios/list" | while read -r scenario; do
	nice -n 19 timeout 120 "$checker" -l -n 200 -s 3 "$scenario" < /dev/null |
		sed -n "s/^0x/$scenario 0x/p"
done > "$WORK/met"

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
				text = text "\t" int(1e6 * counts[site, names[i]] / total[names[i]]) " " names[i] " " \
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

# explored PART ORDER: which scenario of $WORK/candidates finds it, and what it says. A little of each, and then more.
explored() {
	spent=0
	for executions in 200 2000 20000 200000; do
		while read -r _ scenario addresses; do
			options=$(echo "$addresses" | sed "s/,/:$1:$2 -W /g; s/.*/-W &:$1:$2/")
			status=0
			# shellcheck disable=SC2086 # words
			nice -n 19 timeout 300 "$checker" -b -n $executions -s $((seconds / 2 + 1)) $options "$scenario" \
				> "$WORK/report" 2>&1 < /dev/null || status=$?
			if [ $status -ne 0 ]; then
				said=$(sed -n 's/ (deadlock, .*//; s/ and nothing orders.*//; s/; [0-9]* callbacks and.*//
					s/^# FAULT by [^:]*: //p' "$WORK/report" | head -n 1)
				echo "$scenario: ${said:-ended with status $status}"
				return
			fi
			used=$(sed -n 's/.*; 0*\([0-9]*\)\.0*\([0-9]\) s$/\1\2/; s/^0*\([0-9]\)/\1/p' "$WORK/report")
			spent=$((spent + ${used:-0}))
			[ $spent -lt $((10 * seconds)) ] || return 0
		done < "$WORK/candidates"
		[ -s "$WORK/candidates" ] || return 0
		# Those that are tried longest are those that do little else.
		head -n 12 "$WORK/candidates" > "$WORK/few"
		cp "$WORK/few" "$WORK/candidates"
	done
}

# kept FILE TEXT ORDER: why it stays although nothing was found. FILE TAB FRAGMENT TAB ORDER, or any TAB REASON.
kept() {
	awk -F "$tab+" -v file="$1" -v order="$3" -v text="$2" '
		!/^#/ && $1 == file && index(text, $2) && ($3 == order || $3 == "any") { print $4; exit }' \
		"$here/weaken-kept"
}

: > "$WORK/rows"
while IFS=$tab read -r place scenarios; do
	file=${place%% *} rest=${place#* }
	line=${rest%% *} rest=${rest#* }
	part=${rest% *} order=${rest#* }
	wanted=
	[ $# != 0 ] || wanted=yes
	for named in "$@"; do
		case $file in "$named"*) wanted=yes ;; esac
	done
	[ "$wanted" ] || continue
	text=$(sed -n "${line}p" "$srcdir/$file" | sed 's/^[[:space:]]*//; s/|/\\|/g')
	for new in $(weaker "$part,$order"); do
		name=$(name_of "$new" "$part")
		echo "$scenarios" | tr "$tab" '\n' | sort -rn | head -n 25 > "$WORK/candidates"
		[ "$part" = 3 ] && name="$name where it fails"
		found=$(explored "$part" "$new" | sed 's/|/\\|/g')
		if [ -z "$found" ]; then
			found="not found: $(kept "$file" "$text" "$name")"
			found=${found%: }
		fi
		printf '%s\n' "$file:$line: $name: $found"
		# shellcheck disable=SC2016 # Markdown
		printf '| %s:%s | `%s` | %s | %s |\n' "${file#include/urcu/}" "$line" "$text" "$name" "$found" >> "$WORK/rows"
	done
done < "$WORK/sites"

# What no scenario comes to.
cut -d ' ' -f 1,2 "$WORK/sites" | sort -u > "$WORK/reached"
sort -u "$WORK/all" | comm -23 - "$WORK/reached" > "$WORK/unreached"

# The rows of files that were gone through take the place of those that the table has.
table=$srcdir/doc/weakened.md
cut -d ' ' -f 2 "$WORK/rows" | cut -d : -f 1 | sort -u > "$WORK/files"
{
	sed '/^| where | operation/,$d' "$table"
	echo '| where | operation | made | found by |'
	echo '| --- | --- | --- | --- |'
	{
		sed '1,/^| where | operation/d' "$table" | sed 1d | awk '
			NR == FNR { gone[$1] = 1; next }
			{ split($2, place, ":") }
			!(place[1] in gone)' "$WORK/files" -
		cat "$WORK/rows"
	} | sort -s -t : -k 1,1 -k 2,2n
} > "$WORK/table"
cp "$WORK/table" "$table"
