# SPDX-License-Identifier: MIT
# Lackey's trace of lines.c, as cores with caches would have run it, a core for each thread: how
# often a turn of the later half of the rounds fetches a line that another core wrote, or writes one
# that others hold. Variables: marks (the address in hexadecimal, which ends in 00), threads, rounds.
# Prints "lines shared passed", each of one turn: those it touches; those of them that some thread
# writes and others touch; those that are passed to it.

BEGIN {
	sub(/^0x/, "", marks)
	sub(/00$/, "", marks)
	core = -1
	for (i = 0; i < 16; i++) digit[substr("0123456789abcdef", i + 1, 1)] = i
}

/^ [LSM] / {
	split($2, f, ",")
	address = f[1]
	sub(/^0+/, "", address)
	tail = substr(address, length(address) - 1)
	page = substr(address, 1, length(address) - 2)
	if (page == marks) {
		where = digit[substr(tail, 1, 1)] * 16 + digit[substr(tail, 2, 1)]
		if (where == 128)
			core = -1
		else {
			core = where
			turn++
			counts = turn > threads * rounds / 2
			turns += counts
		}
		next
	}
	if (core < 0) next
	line = page "." int(digit[substr(tail, 1, 1)] / 4)
	if ($1 == "L") load()
	else store()
	if (counts && !((turn, line) in touched)) {
		touched[turn, line] = 1
		uses[line]++
		touches++
		if (user[line] != "" && user[line] != core) many[line] = 1
		user[line] = core
	}
}

# Those who hold a line are the cores whose copy is of its newest version. A store makes the writer
# the only one.
function holds() {
	return (line, core) in copy && copy[line, core] == version[line]
}

function load() {
	if (holds()) return
	if (holders[line] && line in changed) passed += counts
	copy[line, core] = version[line] += 0
	holders[line]++
}

function store() {
	if (holders[line] - holds()) passed += counts
	changed[line] = 1
	if (counts) written[line] = 1
	copy[line, core] = ++version[line]
	holders[line] = 1
}

END {
	for (line in uses)
		if (line in written && line in many) shared += uses[line]
	if (turns) printf "%.1f %.1f %.1f\n", touches / turns, shared / turns, passed / turns
}
