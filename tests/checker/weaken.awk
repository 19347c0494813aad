# SPDX-License-Identifier: MIT
# Of each file the orders that can be weaker by a step: FILE LINE OCCURRENCE OLD NEW OPERATION, tab-separated. With
# -v line=, occurrence=, old= and new= the file with that one changed.

function weaker(token, operation) {
	if (token == "cmm_smp_mb()")
		return "cmm_barrier()"
	if (token == "quiesce_order_all_threads();")
		return ";"
	if (token == "quiesce_membarrier()")
		return "true"
	if (token == "__ATOMIC_SEQ_CST" && operation ~ /store/)
		return "__ATOMIC_RELEASE __ATOMIC_RELAXED"
	if (token == "__ATOMIC_SEQ_CST" && operation ~ /load/)
		return "__ATOMIC_ACQUIRE __ATOMIC_RELAXED"
	if (token == "__ATOMIC_SEQ_CST")
		return "__ATOMIC_ACQ_REL __ATOMIC_RELAXED"
	if (token == "__ATOMIC_ACQ_REL")
		return "__ATOMIC_ACQUIRE __ATOMIC_RELEASE"
	return "__ATOMIC_RELAXED"
}

BEGIN {
	sites = "__ATOMIC_SEQ_CST|__ATOMIC_ACQ_REL|__ATOMIC_ACQUIRE|__ATOMIC_RELEASE|" \
		"cmm_smp_mb\\(\\)|quiesce_order_all_threads\\(\\);|quiesce_membarrier\\(\\)"
	names = "__atomic_[a-z_]+"
}

line {
	if (FNR == line) {
		before = ""
		rest = $0
		for (i = 1; i < occurrence; i++) {
			match(rest, sites)
			before = before substr(rest, 1, RSTART + RLENGTH - 1)
			rest = substr(rest, RSTART + RLENGTH)
		}
		match(rest, sites)
		$0 = before substr(rest, 1, RSTART - 1) new substr(rest, RSTART + RLENGTH)
	}
	print
	next
}

/^ *\*|^\/\*|^#define|signal_fence/ { next }

# Operations may be nested, and go on in the next line: each takes its orders, and one that compares two.
{
	rest = $0
	count = 0
	while (match(rest, sites "|__ATOMIC_RELAXED|" names)) {
		token = substr(rest, RSTART, RLENGTH)
		rest = substr(rest, RSTART + RLENGTH)
		if (token ~ /^__atomic/) {
			operations[++depth] = token
			left[depth] = token ~ /compare/ ? 2 : 1
			continue
		}
		operation = token ~ /^__ATOMIC/ && depth ? operations[depth] : token
		first = !(operation ~ /compare/ && left[depth] == 1)
		if (token ~ /^__ATOMIC/ && depth && !--left[depth])
			depth--
		if (token == "__ATOMIC_RELAXED")
			continue
		count++
		# That of a failure.
		if (!first)
			continue
		many = split(weaker(token, operation), new_ones, " ")
		for (i = 1; i <= many; i++)
			print FILENAME "\t" FNR "\t" count "\t" token "\t" new_ones[i] "\t" operation
	}
}

/;$|{$/ { depth = 0 }
