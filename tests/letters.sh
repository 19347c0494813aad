#!/bin/sh
# SPDX-License-Identifier: MIT
# Barriers carry letters, [F1], and name their partners: "pairs with [R2] in FILE". This checks that
# FILE has such a letter, that it names ours in turn, and that no letter stands alone. TAP.
set -eu
cd "${srcdir:-.}"
files=$(find src include -name '*.[ch]' | LC_ALL=C sort)
# shellcheck disable=SC2086 # a list of words
awk '
	FNR == 1 { block = "" }
	# A block is a run of comment lines; words are gathered over line ends.
	/\/\*|^[\t ]*\*/ {
		line = $0
		if (match(line, /\/\*/))
			line = substr(line, RSTART)	# not the code before it
		gsub(/^[\t ]*(\/\*|\*\/|\*)/, "", line)
		block = block " " line
		if ($0 ~ /\*\//) { take(FILENAME, block); block = "" }
		next
	}
	function take(file, text,    rest, label, target, path) {
		gsub(/[\t ]+/, " ", text)
		rest = text
		while (match(rest, /\[[A-Z]+[0-9]*\]/)) {
			label = substr(rest, RSTART, RLENGTH)
			places[label]++
			where[label] = where[label] " " file
			rest = substr(rest, RSTART + RLENGTH)
		}
		rest = text
		while (match(rest, /[Pp]air[a-z]* with \[[A-Z]+[0-9]*\]( and \[[A-Z]+[0-9]*\])? in [A-Za-z0-9_\/.-]+/)) {
			target = substr(rest, RSTART, RLENGTH)
			path = target
			sub(/.* in /, "", path)
			sub(/[.,;:]+$/, "", path)
			while (match(target, /\[[A-Z]+[0-9]*\]/)) {
				pairs++
				from[pairs] = file
				to[pairs] = substr(target, RSTART, RLENGTH)
				at[pairs] = path
				target = substr(target, RSTART + RLENGTH)
			}
			rest = substr(rest, index(rest, path) + length(path))
		}
	}
	END {
		for (i = 1; i <= pairs; i++) {
			n++
			good = index(where[to[i]], at[i]) > 0 || at[i] !~ /[.\/]/
			printf "%sok %d - %s: partner %s is in %s\n", (good ? "" : "not "), n, from[i], to[i], at[i]
		}
		for (label in places) {
			n++
			printf "%sok %d - %s does not stand alone\n", ((places[label] > 1) ? "" : "not "), n, label
		}
		print "1.." n
		exit !pairs
	}
' $files
