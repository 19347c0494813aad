# SPDX-License-Identifier: MIT
# results.tsv (summary.awk) as a JSON array of objects.

function quoted(text) {
	gsub(/[\\"]/, "\\\\&", text)
	return "\"" text "\""
}

BEGIN {
	FS = "\t"
	split("program flavor build what parameter unit side rounds median quartile1 quartile3 ratio " \
	      "verdict", name, " ")
	print "["
}

{
	line = ""
	for (i = 1; i <= NF; i++)
		if ($i != "-")
			line = line (line ? ", " : "") quoted(name[i]) ": " \
				(i >= 8 && i <= 12 ? $i : quoted($i))
	printf "%s\t{ %s }", (NR > 1 ? ",\n" : ""), line
}

END { print "\n]" }
