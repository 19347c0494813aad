# SPDX-License-Identifier: MIT
# From the lines of all rounds (program flavor build side round what parameter value unit) to one
# for each figure and side:
#
#	program flavor build what parameter unit side rounds median quartile quartile ratio verdict
#
# Our own have the ratio, how many times as good as liburcu's the median is, and the verdict: "same"
# if the medians are no further apart than the wider of the two spreads (the middle half of the
# rounds), or if there are too few rounds to know; else "better" or "worse".

BEGIN { FS = OFS = "\t" }

NF == 9 {
	figure = $1 FS $2 FS $3 FS $6 FS $7 FS $9
	if (!(figure in seen)) { seen[figure] = 1; figures[++figure_count] = figure }
	if (!((figure, $4) in count)) { order[figure, ++sides[figure]] = $4 }
	value[figure, $4, ++count[figure, $4]] = $8 + 0
}

# Sort a figure's values on a side.
function sort(list,    i, j, t) {
	for (i = 2; i <= count[list]; i++)
		for (j = i; j > 1 && value[list, j - 1] > value[list, j]; j--) {
			t = value[list, j]
			value[list, j] = value[list, j - 1]
			value[list, j - 1] = t
		}
}

function part(list, fraction) {
	return value[list, int((count[list] - 1) * fraction + 0.5) + 1]
}

function spread(list) {
	return part(list, 0.75) - part(list, 0.25)
}

function compare(figure,    ours, theirs, a, b, apart, wider, faster) {
	ours = figure SUBSEP "quiesce"
	theirs = figure SUBSEP "liburcu"
	ratio = verdict = "-"
	if (!count[ours] || !count[theirs])
		return
	a = part(ours, 0.5)
	b = part(theirs, 0.5)
	faster = figure ~ "/s$" || figure ~ FS "M$"
	if (a > 0 && b > 0)
		ratio = sprintf("%.3g", faster ? a / b : b / a)
	apart = faster ? a - b : b - a
	wider = spread(ours) > spread(theirs) ? spread(ours) : spread(theirs)
	if (count[ours] < 5 || count[theirs] < 5 || (apart <= wider && -apart <= wider))
		verdict = "same"
	else
		verdict = apart > 0 ? "better" : "worse"
}

END {
	for (i = 1; i <= figure_count; i++) {
		figure = figures[i]
		for (s = 1; s <= sides[figure]; s++)
			sort(figure SUBSEP order[figure, s])
		compare(figure)
		for (s = 1; s <= sides[figure]; s++) {
			side = order[figure, s]
			list = figure SUBSEP side
			print figure, side, count[list], part(list, 0.5), part(list, 0.25),
				part(list, 0.75), (side == "quiesce" ? ratio : "-"),
				(side == "quiesce" ? verdict : "-")
		}
	}
}
