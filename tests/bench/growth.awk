# SPDX-License-Identifier: MIT
# results.tsv (summary.awk): how costs grow with threads, nodes and callbacks. A table in Markdown: a
# row for each figure that was measured at several sizes, with its cost at the smallest and at the
# largest, ours and liburcu's, and the powers of the size by which it grew: the steepest from one size
# to one at least ten times it, and that over all. 0 is constant, 1 linear. Costs of all that is done, so that
# what is counted for each of many (each node, each callback) is multiplied by their number.

BEGIN {
	FS = "\t"
	plan("grace", "synchronize_rcu", "idle thread", "registered threads", 0)
	plan("grace", "synchronize_rcu of all", "callers?$", "callers, each call of all", 2)
	plan("callrcu", "call_rcu, the caller's time", "producer", "producers, each", 0)
	plan("callrcu", "calls until all have run, each", "callback", "callbacks, all", 1)
	plan("lfht", "insert-growing", "threads: 1", "nodes, all", 1)
	plan("lfht", "insert-sized", "threads: 1", "nodes, all", 1)
	plan("lfht", "hit", "threads: 1", "nodes, each", 0)
	plan("lfht", "miss", "threads: 1", "nodes, each", 0)
	plan("lfht", "iterate", "threads: 1", "nodes, all", 1)
}

# how: 0 as it is; 1 times the size; 2 a rate: the time of one
function plan(program, what, parameters, size, how) {
	plans++
	of_program[plans] = program; of_what[plans] = what; of_parameters[plans] = parameters
	of_size[plans] = size; of_how[plans] = how
}

$7 == "quiesce" || $7 == "liburcu" {
	for (p = 1; p <= plans; p++) {
		if ($1 != of_program[p] || $4 != of_what[p] || $5 !~ of_parameters[p]) continue
		row = p SUBSEP $2
		list = row SUBSEP $7
		n = ++count[list]
		x[list, n] = $5 + 0
		y[list, n] = of_how[p] == 1 ? $9 * $5 : of_how[p] == 2 ? 1e6 / $9 : $9
		if (!(row in seen)) { seen[row] = 1; rows[++row_count] = row }
	}
}

function time(ns) {
	if (ns >= 1e9) return sprintf("%.3g s", ns / 1e9)
	if (ns >= 1e6) return sprintf("%.3g ms", ns / 1e6)
	return ns >= 1e3 ? sprintf("%.3g us", ns / 1e3) : sprintf("%.3g ns", ns)
}

function steepest(list,    i, j, power, most) {
	most = ""
	for (i = 1; i < count[list]; i++)
		for (j = i + 1; j <= count[list]; j++) {
			if (x[list, j] < 10 * x[list, i] && (i > 1 || j < count[list])) continue
			if (y[list, i] <= 0 || y[list, j] <= 0) continue
			power = log(y[list, j] / y[list, i]) / log(x[list, j] / x[list, i])
			if (most == "" || power > most) most = power
		}
	return most == "" ? "" : sprintf("%.2f, %.2f", most, power_over_all(list))
}

function power_over_all(list,    n) {
	n = count[list]
	return log(y[list, n] / y[list, 1]) / log(x[list, n] / x[list, 1])
}

function ends(list) {
	if (count[list] < 2) return ""
	return time(y[list, 1]) " to " time(y[list, count[list]])
}

END {
	print "| figure | flavor | by | sizes | ours | power | liburcu | power |"
	print "| --- | --- | --- | --- | --- | --- | --- | --- |"
	for (r = 1; r <= row_count; r++) {
		split(rows[r], f, SUBSEP)
		ours = rows[r] SUBSEP "quiesce"
		theirs = rows[r] SUBSEP "liburcu"
		if (count[ours] < 2) continue
		what = of_what[f[1]]
		sub(/, each$/, "", what)
		printf "| %s | %s | %s | %d to %d | %s | %s | %s | %s |\n", what, f[2], of_size[f[1]],
			x[ours, 1], x[ours, count[ours]], ends(ours), steepest(ours),
			ends(theirs), steepest(theirs)
	}
}
