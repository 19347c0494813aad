# SPDX-License-Identifier: MIT
# Reads public headers: what each declares, and the comment that is its contract. A comment in the first column
# belongs to all that is declared between it and the next one; a header's first is its overview.
#
#	overview[HEADER]	lines, separated by newlines, without the comment's frame
#	group_of[HEADER, NAME]	number of the group
#	contract[GROUP]		as overview
#	members[GROUP]		names, separated by spaces, in order
#	kind[NAME]		function, macro, constant, enumerator, data or type
#	type[NAME]		what a function returns, or a datum is
#	parameters[NAME]	of a function or a macro, separated by newlines
#	alias[NAME]		what a flavor's own name stands for that is none of its functions
#	definition[NAME]	of a type ("struct x", "enum x", ...), as it stands there
#	there[NAME]		declared, or (src/*.sym) exported
#	common[NAME]		what a flavor's own name is without the flavor
#	mapped[NAME]		the flavor's own name behind an unprefixed or an older one

function strip(s)
{
	gsub(/^[ \t]+|[ \t]+$/, "", s)
	return s
}

function begin_header(file)
{
	header = file
	sub(/^.*include\//, "", header)
	state = "top"
	group = 0
	flavor = ""
	if (match(header, /urcu\/urcu-(mb|memb|bp|qsbr)\.h$/)) {
		flavor = header
		gsub(/^urcu\/urcu-|\.h$/, "", flavor)
	}
}

function end_comment()
{
	sub(/\n$/, "", comment)
	if (comment ~ /SPDX-License-Identifier/)
		return
	if (!(header in overview))
		overview[header] = comment
	ended_above = 1
	group = ++groups
	contract[group] = comment
	members[group] = ""
}

function comment_line(s)
{
	sub(/^ ?\* ?/, "", s)
	if (comment != "" || strip(s) != "")
		comment = comment s "\n"
}

# The name that a page has for it: without the flavor, if the flavor's map has one.
function plain(name)
{
	return flavor != "" && name in common ? common[name] : name
}

# A second definition, for other machines, tells more where the first stands below the overview.
function better_group(old, name,	s)
{
	if (contract[old] != overview[header] || old == group || contract[group] == "")
		return 0
	s = " " members[old] " "
	sub(" " name " ", " ", s)
	members[old] = strip(s)
	return 1
}

function declare(name, what)
{
	there[name] = 1
	name = plain(name)
	if (internal_comment && !below && name !~ /^_/) {	# the comment is another's
		group = ++groups
		contract[group] = members[group] = ""
		internal_comment = 0
	}
	if (members[group] == "")
		internal_comment = name ~ /^_+[a-zA-Z]/ && name !~ /^(__cds_|_cds_lfht_|__rcu$)/
	if ((header, name) in group_of && !better_group(group_of[header, name], name))
		return 0
	if (!group) {
		group = ++groups
		contract[group] = members[group] = ""
	}
	group_of[header, name] = group
	members[group] = members[group] (members[group] == "" ? "" : " ") name
	if (name in kind)
		return 0
	kind[name] = what
	order[++declared] = name
	return 1
}

# At commas that are in no parentheses.
function split_parameters(s,	i, c, depth, one, all)
{
	for (i = 1; i <= length(s); i++) {
		c = substr(s, i, 1)
		if (c == "(")
			depth++
		if (c == ")")
			depth--
		if (c == "," && !depth) {
			all = all strip(one) "\n"
			one = ""
		} else {
			one = one c
		}
	}
	return all strip(one)
}

function function_declared(s,	at, name, returns, i, depth, c)
{
	gsub(/__attribute__\(\([A-Za-z_]*(\([^()]*\))?\)\)/, "", s)
	gsub(/extern|static inline|_CDS_[A-Z]*_API|CDS_[A-Z_]*DEPRECATED/, "", s)
	gsub(/[ \t\n]+/, " ", s)
	s = strip(s)
	at = index(s, "(")
	if (!at) {
		data_declared(s)
		return
	}
	name = substr(s, 1, at - 1)
	match(name, /[A-Za-z_0-9]+$/)
	returns = strip(substr(name, 1, RSTART - 1))
	name = substr(name, RSTART)
	for (i = at; i <= length(s); i++) {
		c = substr(s, i, 1)
		depth += (c == "(") - (c == ")")
		if (!depth)
			break
	}
	if (declare(name, "function")) {
		type[plain(name)] = returns
		parameters[plain(name)] = split_parameters(substr(s, at + 1, i - at - 1))
	}
}

function data_declared(s,	n, words, i, name)
{
	sub(/;.*/, "", s)
	n = split(s, words, /, */)
	match(words[1], /[A-Za-z_0-9]+$/)
	name = strip(substr(words[1], 1, RSTART - 1))
	words[1] = substr(words[1], RSTART)
	for (i = 1; i <= n; i++)
		if (declare(words[i], "data"))
			type[plain(words[i])] = name
}

function macro_defined(s,	name, at)
{
	sub(/^#[ \t]*define[ \t]+/, "", s)
	match(s, /^[A-Za-z_0-9]+/)
	name = substr(s, 1, RLENGTH)
	if (name ~ /_H$/ && s == name)
		return
	s = substr(s, RLENGTH + 1)
	if (substr(s, 1, 1) != "(") {
		if (declare(name, "constant") && flavor != "")
			alias[name] = strip(s)		# urcu_memb_dereference
		return
	}
	at = index(s, ")")
	if (declare(name, "macro")) {
		parameters[plain(name)] = split_parameters(substr(s, 2, at - 2))
		body[plain(name)] = strip(substr(s, at + 1))
	}
}

# "struct x {", "enum {", "typedef union {": the name, or the first constant of an enumeration without one.
function type_defined(	name)
{
	name = text
	if (name ~ /^typedef/) {
		sub(/;.*$/, "", lastline)
		match(lastline, /[A-Za-z_0-9]+$/)
		name = substr(lastline, RSTART)
	} else {
		sub(/[ \t]*\{.*/, "", name)
		if (name == "enum")
			name = "enum of " header
		gsub(/ /, "~", name)	# members are parted by spaces
	}
	if (!adjacent) {
		group = ++groups
		contract[group] = members[group] = ""
	}
	if (declare(name, "type"))
		definition[name] = text
	if (text ~ /^enum/)
		enumerate(text)
}

function enumerate(s,	n, lines, i)
{
	gsub(/\/\*([^*]|\*[^\/])*\*\//, "", s)
	n = split(s, lines, "\n")
	for (i = 1; i <= n; i++)
		if (match(lines[i], /^\t[A-Z][A-Z_0-9]+/))
			declare(strip(substr(lines[i], RSTART, RLENGTH)), "enumerator")
}

function header_line(s)
{
	above = ended_above
	ended_above = 0
	below = s != "" && !was_empty
	was_empty = s == ""
	if (state == "comment") {
		if (s ~ /\*\//) {
			sub(/[ \t]*\*\/.*/, "", s)
			comment_line(s)
			state = "top"
			end_comment()
		} else {
			comment_line(s)
		}
	} else if (state == "define") {
		if (s !~ /\\$/)
			state = "top"
	} else if (state == "body") {
		if (s ~ /^}/)
			state = "top"
	} else if (state == "type") {
		text = text "\n" s
		if (s ~ /^}/) {
			state = "top"
			lastline = s
			type_defined()
		}
	} else if (state == "declaration") {
		text = text " " s
		end_declaration(s)
	} else {
		top_line(s)
	}
}

function end_declaration(s)
{
	if (s ~ /;[ \t]*(\/\*.*)?$|\{.*\}$/)
		state = "top"
	else if (s ~ /^\{$|\{$/)
		state = "body"
	else
		return
	function_declared(text)
}

function top_line(s)
{
	if (s ~ /^\/\*/) {
		comment = ""
		sub(/^\/\*/, "", s)
		state = "comment"
		if (s ~ /\*\//) {
			sub(/[ \t]*\*\/.*/, "", s)
			comment = strip(s)
			state = "top"
			end_comment()
		} else if (strip(s) != "") {
			comment_line(s)
		}
	} else if (s ~ /^#[ \t]*define/) {
		macro_defined(s)
		if (s ~ /\\$/)
			state = "define"
	} else if (s ~ /^(typedef )?(struct|enum|union)[A-Za-z_0-9 ]*\{$/) {
		text = s
		adjacent = above
		state = "type"
	} else if (s ~ /^typedef .*;$/) {
		text = lastline = s
		adjacent = above
		if (s ~ /\(\*/) {
			sub(/^[^(]*\(\*/, "", lastline)
			sub(/\).*/, "", lastline)
		}
		type_defined()
	} else if (s ~ /^template/) {
		state = "skip"
	} else if (s ~ /^(extern [^"]|static inline|_CDS_[A-Z]*_API)/) {
		text = s
		state = "declaration"
		end_declaration(s)
	}
}

# urcu/map/urcu-FLAVOR.h: "#define rcu_read_lock urcu_memb_read_lock", and older names beside these.
function map_line(file, s,	words)
{
	if (s !~ /^#define/)
		return
	split(s, words, /[ \t]+/)
	if (file ~ /map\/urcu-memb\.h$/ && words[2] !~ /_memb$/ && !(words[3] in common))
		plain_names[words[2]] = 1
	if (words[2] in plain_names && words[2] !~ /_(mb|memb|bp|qsbr)$/)
		common[words[3]] = words[2]
	if (!(words[2] in mapped))	# memb's, whose map is the first
		mapped[words[2]] = words[3]
}

function header_file_line(file, s)
{
	if (file ~ /\.sym$/) {
		there[s] = 1
		return
	}
	if (file ~ /\/map\//) {
		map_line(file, s)
		return
	}
	if (state == "skip") {		# a C++ template: the function below it
		if (s ~ /^}/)
			state = "top"
		return
	}
	header_line(s)
}
