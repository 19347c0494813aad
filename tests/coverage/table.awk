# SPDX-License-Identifier: MIT
# Of gcovr's CSV, a table of files, and the sum as the last line: lines and branches, and how many ran.
function percent(part, whole) {
	return whole ? sprintf("%.1f%%", 100 * part / whole) : "none"
}

function row(name, lines, lines_run, branches, branches_run) {
	printf "| %s | %d | %d | %s | %d | %d | %s |\n", name, lines, lines_run,
		percent(lines_run, lines), branches, branches_run, percent(branches_run, branches)
}

BEGIN {
	FS = ","
	print "| file | lines | run | | branches | taken | |"
	print "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
}

FNR > 1 {
	row("`" $1 "`", $2, $3, $5, $6)
	lines += $2
	lines_run += $3
	branches += $5
	branches_run += $6
}

END {
	row("all", lines, lines_run, branches, branches_run)
}
