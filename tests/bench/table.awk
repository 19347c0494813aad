# SPDX-License-Identifier: MIT
# results.tsv (summary.awk) as tables in Markdown, one for each program: a row has the sides of a
# figure, median and middle half. What other libraries and the machine do has no flavor, and stands
# in the rows of all.

BEGIN { FS = "\t" }

# Median and middle half, in the unit that suits the median.
function cell(median, low, high, unit,    scale) {
	scale = 1
	if (unit == "ns" && median >= 1e6) { scale = 1e6; unit = "ms" }
	else if (unit == "ns" && median >= 1e3) { scale = 1e3; unit = "us" }
	return number(median / scale) " " unit " [" number(low / scale) " " number(high / scale) "]"
}

function number(value) {
	return sprintf(value >= 1000 ? "%.0f" : "%.3g", value)
}

{
	row = $1 FS $2 FS $3 FS $4 FS $5
	other = $1 FS $4 FS $5
	if ($7 == "quiesce" || $7 == "liburcu") {
		if (!(row in ours) && !(row in theirs)) rows[++row_count] = row
	} else if (!(other in others)) {
		others[other] = 1
		lone[++lone_count] = other
	}
	text = cell($9, $10, $11, $6)
	if ($7 == "quiesce") { ours[row] = text; ratio[row] = $12; verdict[row] = $13 }
	else if ($7 == "liburcu") theirs[row] = text
	else beside[$7, other] = text
}

function head(program) {
	if (program == last) return
	last = program
	print "\n### " program "\n"
	print "| what | flavor | build | ours | liburcu | times as good | | ck | dpdk | rwlock |"
	print "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
}

END {
	print "\n### floors\n\n| what | machine |\n| --- | --- |"
	for (i = 1; i <= lone_count; i++)
		if (("machine", lone[i]) in beside) {
			split(lone[i], f, FS)
			print "| " f[2] ", " f[3] " | " beside["machine", lone[i]] " |"
		}
	for (i = 1; i <= row_count; i++) {
		split(rows[i], f, FS)
		if (!(f[1] in done)) { done[f[1]] = 1; programs[++program_count] = f[1] }
	}
	for (p = 1; p <= program_count; p++)
		for (i = 1; i <= row_count; i++) {
			row = rows[i]
			split(row, f, FS)
			if (f[1] != programs[p]) continue
			head(f[1])
			other = f[1] FS f[4] FS f[5]
			printf "| %s, %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", f[4], f[5], f[2], f[3],
				ours[row], theirs[row], ratio[row], verdict[row],
				beside["ck", other], beside["dpdk", other], beside["rwlock", other]
		}
}
