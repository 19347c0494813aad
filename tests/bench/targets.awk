# SPDX-License-Identifier: MIT
# What we aim for and what is reached: targets.awk targets.tsv FS="\t" results.tsv (summary.awk). A
# table in Markdown. An aim is reached if the medians reach it; if they do not, but would with our
# better quartile and the other side's worse one, the run cannot tell.

BEGIN { FS = "|" }

FNR == NR {
	if ($0 !~ /^#/) aims[++aim_count] = $0
	next
}

{
	key = $1 SUBSEP $2 SUBSEP $3 SUBSEP $4 SUBSEP $5 SUBSEP $7
	median[key] = $9; low[key] = $10; high[key] = $11
	rounds[key] = $8
	unit[$1, $4] = $6
	if ($7 == "quiesce") { ratio[key] = $12; verdict[key] = $13 }
	if ($2 == "-") {
		other[$1 ", " $4 ", " $5, $7] = key
		if ($7 == "machine") floor_of[$4 ", " $5] = key
	}
}

function number(value) {
	return sprintf(value >= 1000 ? "%.0f" : "%.3g", value)
}

# A median, in the unit that suits it.
function shown(key, u,    value) {
	if (!(key in median)) return ""
	value = median[key]
	if (u == "ns" && value >= 1e6) { value /= 1e6; u = "ms" }
	else if (u == "ns" && value >= 1e3) { value /= 1e3; u = "us" }
	return number(value) " " u
}

function reached(ours, theirs, ground, kind, value, faster) {
	if (!(ours in median)) return "not measured"
	if (rounds[ours] < 5) return "too few rounds"
	if (kind == "under")
		return median[ours] < value ? "yes" : low[ours] < value ? "within the spread" : "no"
	if (kind == "floor") {
		if (!(ground in median)) return "not measured"
		if (faster)
			return median[ours] * value >= median[ground] ? "yes" : \
				high[ours] * value >= low[ground] ? "within the spread" : "no"
		return median[ours] <= value * median[ground] ? "yes" : \
			low[ours] <= value * high[ground] ? "within the spread" : "no"
	}
	if (!(theirs in median)) return "liburcu did not end"
	if (value == 1)
		return verdict[ours] == "worse" ? "no" : verdict[ours] == "better" ? "yes, faster" : "yes"
	if (verdict[ours] == "better" && (faster ? median[ours] >= value * median[theirs] : median[ours] * value <= median[theirs]))
		return "yes"
	return (faster ? high[ours] >= value * low[theirs] : low[ours] * value <= high[theirs]) ? \
		"within the spread" : "no"
}

function aim(kind, value, u) {
	if (kind == "floor") return "at most " value " times the floor"
	if (kind == "under") return "under " (u == "ns" ? value / 1000 " us" : value " " u)
	return value == 1 ? "no slower" : value " times as good"
}

END {
	print "| what | flavor | ours | liburcu | times as good | ck | floor | aim | reached |"
	print "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
	for (i = 1; i <= aim_count; i++) {
		split(aims[i], f, "|")
		flavors = split(f[2], flavor, " ")
		split(f[9], test, " ")
		u = unit[f[3], f[5]]
		for (n = 1; n <= flavors; n++) {
			ours = f[3] SUBSEP flavor[n] SUBSEP f[4] SUBSEP f[5] SUBSEP f[6] SUBSEP "quiesce"
			theirs = f[3] SUBSEP flavor[n] SUBSEP f[4] SUBSEP f[5] SUBSEP f[6] SUBSEP "liburcu"
			peer = other[(f[7] == "same" ? f[3] ", " f[5] ", " f[6] : f[7]), "ck"]
			ground = floor_of[f[8]]
			# The same program has measured the floor, or the peer, beside what stands on it.
			if (f[7] ~ /^own /) peer = own(f, flavor[n], f[7])
			if (f[8] ~ /^own /) ground = own(f, flavor[n], f[8])
			printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", f[1], flavor[n],
				shown(ours, u), shown(theirs, u), ratio[ours],
				shown(peer, u), shown(ground, unit_of(ground, u)),
				aim(test[1], test[2], u), reached(ours, theirs, ground, test[1], test[2], u ~ /\/s$/)
		}
	}
}

function own(f, flavor, what) {
	return f[3] SUBSEP flavor SUBSEP f[4] SUBSEP substr(what, 5) SUBSEP f[6] SUBSEP "quiesce"
}

function unit_of(key, fallback,    f) {
	split(key, f, SUBSEP)
	return (f[1], f[4]) in unit ? unit[f[1], f[4]] : fallback
}
