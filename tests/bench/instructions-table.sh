#!/bin/sh
# SPDX-License-Identifier: MIT
# instructions-table.sh FILE: what instructions.sh printed, as a table in Markdown: ours and
# liburcu's, flavor by flavor.
awk -F '\t' '
	BEGIN {
		flavors = split("memb mb qsbr bp", flavor, " ")
		print "| ours / liburcu | build | memb | mb | qsbr | bp |"
		print "| --- | --- | --- | --- | --- | --- |"
		name["section"] = "lock + unlock"
		name["nested"] = "lock + unlock, nested"
		name["call"] = "call_rcu"
		name["synchronize"] = "synchronize_rcu, nobody else"
		name["beside"] = "synchronize_rcu, beside an idle worker"
		name["defer"] = "defer_rcu"
		name["give"] = "malloc + urcu_free_rcu, 24 bytes"
		name["keep"] = "malloc + free, in arrays of 4096"
		name["barrier"] = "rcu_barrier, nothing queued"
		name["lookup"] = "cds_lfht_lookup, a hit"
		name["miss"] = "cds_lfht_lookup, a miss"
		name["update"] = "cds_lfht_add + cds_lfht_del"
	}
	{
		row = $1 FS $3
		if (!(row in seen)) { seen[row] = 1; rows[++count] = row }
		value[row, $2, $4] = $5
	}
	END {
		for (i = 1; i <= count; i++) {
			split(rows[i], f, FS)
			sub(/,/, ", ", f[2])
			line = "| " name[f[1]] " | " f[2]
			for (n = 1; n <= flavors; n++) {
				ours = value[rows[i], flavor[n], "quiesce"]
				theirs = value[rows[i], flavor[n], "liburcu"]
				line = line " | " ours (theirs == "" ? "" : " / " theirs)
			}
			print line " |"
		}
	}' "$1"
