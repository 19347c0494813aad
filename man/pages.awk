# SPDX-License-Identifier: MIT
# Makes manual pages of section 3 from public headers and from man/*.in, which say what is on which page.
# Usage: awk -v directory=OUT -v examples=DIRECTORY -v date=DATE -v version=VERSION -f headers.awk -f text.awk
#	-f pages.awk HEADER... PAGE.in...
# Writes OUT/PAGE.3 for each, OUT/links ("NAME PAGE" for every other name under which it is found) and OUT/names
# ("PAGE NAME" of what it describes). The maps of flavors (urcu/map/) come before other headers.
#
# A page's lines are "KEY: words"; what follows "text:" is mdoc and stands before the contracts.
#
#	about:		what it is for, in a few words
#	include:	headers that a program includes, each for a .In
#	link:		libraries
#	from:		headers whose contracts are told; those in parentheses declare names alone
#	overview:	the header whose overview is told
#	where:		the header whose overview says where the functions may be called, if it is another
#	names:		what is described, more than one such line if need be
#	ours:		names that liburcu has not ("all")
#	error:		NAME of an error, then when; as many as the contracts name
#	see:		other pages: "call_rcu urcu-fork(7)"

FNR == 1 {
	reading = FILENAME ~ /\.in$/ ? "page" : "header"
	if (reading == "page")
		begin_page(FILENAME)
	else
		begin_header(FILENAME)
}

reading == "header" { header_file_line(FILENAME, $0) }
reading == "page" { page_line($0) }

function begin_page(file)
{
	sub(/^.*\//, "", file)
	sub(/\.3\.in$/, "", file)
	page = file
	pages[++page_count] = page
	in_text = 0
}

function page_line(s,	key)
{
	if (in_text) {
		lead[page] = lead[page] s "\n"
		return
	}
	if (s ~ /^\.\\"/ || s == "")
		return
	key = s
	sub(/:.*/, "", key)
	sub(/^[a-z]+:[ \t]*/, "", s)
	if (key !~ /^(about|include|link|from|overview|names|ours|error|see|where|text)$/)
		fail(page ": no key " key)
	if (key == "text")
		in_text = 1
	else if (key == "error")
		errors[page] = errors[page] s "\n"
	else
		value[page, key] = value[page, key] (value[page, key] == "" ? "" : " ") s
	if (key == "names")
		claim_names(s)
}

function claim_names(s,	n, words, i)
{
	n = split(s, words, " ")
	for (i = 1; i <= n; i++) {
		if (words[i] in page_of)
			fail(words[i] " is on " page_of[words[i]] " and on " page)
		page_of[words[i]] = page
	}
}

function fail(message)
{
	print "man/pages.awk: " message > "/dev/stderr"
	failed = 1
}

function out(s)
{
	print s > output
	fresh = s ~ /^\.S[hs] /
}

END {
	for (number = 1; number <= page_count; number++) {
		page = pages[number]
		write_page()
	}
	write_links()
	exit failed
}

function write_page()
{
	output = directory "/" page ".3"
	page_names = " " value[page, "names"] " "
	name_count = split(value[page, "names"], names, " ")
	about_all = (page, "overview") in value ? overview[value[page, "overview"]] : ""
	out(".\\\" Made by man/pages.awk from the headers and man/" page ".3.in: do not edit.")
	out(".\\\" SPDX-License-Identifier: MIT")
	out(".Dd " date)
	out(".Dt " toupper(page) " 3")
	out(".Os Quiesce " version)
	out(".Sh NAME")
	for (i = 1; i <= name_count; i++)
		out(".Nm " names[i] (i < name_count ? " ," : ""))
	out(".Nd " value[page, "about"])
	out(".Sh LIBRARY")
	write_library(value[page, "link"])
	write_synopsis()
	out(".Sh DESCRIPTION")
	printf "%s", lead[page] > output
	if (lead[page] != "")
		fresh = 0
	if (about_all != "")
		put_comment(about_all, 1)
	write_contracts()
	write_where()
	out(".Sh EXAMPLES")
	write_example(examples "/" page ".c")
	write_errors()
	write_conforming()
	write_see()
	close(output)
}

function write_library(which)
{
	if (which == "flavor") {
		put_text("That of a flavor, urcu-flavors(7): -lurcu-memb, -lurcu-mb, -lurcu-bp or -lurcu-qsbr.")
		if (flavored(names[1]) != names[1])
			put_text("In the first the full name of " names[1] " is " flavored(names[1]) ", and so on.")
	} else if (which == "cds") {
		put_text("liburcu-cds (-lurcu-cds), beside a flavor's library.")
	} else if (which == "common") {
		put_text("liburcu-common (-lurcu-common).")
	} else if (which == "none") {
		put_text("None: all of it is in the headers.")
	} else {
		put_text(which)
	}
}

function flavored(name)
{
	return name in mapped ? mapped[name] : name
}

function write_synopsis(	n, words, i)
{
	out(".Sh SYNOPSIS")
	n = split(value[page, "include"], words, " ")
	for (i = 1; i <= n; i++)
		out(".In " words[i])
	for (i = 1; i <= name_count; i++)
		write_prototype(names[i])
}

function write_prototype(name,	n, words, i)
{
	if (kind[name] == "enumerator")		# its definition is told
		return
	if (kind[name] == "constant") {
		out(".Fd #define " name)
		return
	}
	if (kind[name] == "data") {
		out(".Vt \"" type[name] " " name ";\"")
		return
	}
	if (kind[name] == "") {
		fail(page ": " name " is in no header")
		return
	}
	if (kind[name] == "type") {
		out(".Vt \"" name ";\"")
		return
	}
	if (kind[name] == "function")
		out(".Ft \"" type[name] "\"")
	out(".Fo " name)
	n = split(macro_parameters(name), words, "\n")
	for (i = 1; i <= n; i++)
		out(".Fa \"" words[i] "\"")
	out(".Fc")
}

# Of uatomic_x(...), which takes an order or none, those of uatomic_x_mo, which takes all.
function macro_parameters(name,	full, given)
{
	given = parameters[name]
	if (kind[name] != "macro" || given != "...")
		return given
	full = name
	if (body[name] ~ /^uatomic_[a-z_]+\(__VA_ARGS__\)$/)
		full = substr(body[name], 1, index(body[name], "(") - 1)
	given = parameters[full "_mo"]
	if (given == "")
		fail(name " takes nobody knows what")
	gsub(/\nmo[sf]?/, "&]", given)
	gsub(/\nmo/, "\n[mo", given)
	return given
}

# Types are on the page of their header's overview.
function on_page(name, file)
{
	return kind[name] == "type" ? file == value[page, "overview"] : index(page_names, " " name " ")
}

# Groups of the page's headers that have one of its names; and which of their names.
function find_groups(	h, w, n, headers, i, g, member, m, words, silent)
{
	split("", told_by)
	group_count = 0
	n = split(value[page, "from"], headers, " ")
	for (h = 1; h <= n; h++) {
		silent = gsub(/[()]/, "", headers[h])
		if (!(headers[h] in overview))
			fail(page ": no header " headers[h])
		for (g = 1; g <= groups; g++) {
			m = split(members[g], words, " ")
			member = ""
			for (w = 1; w <= m; w++)
				if ((headers[h], words[w]) in group_of && group_of[headers[h], words[w]] == g &&
				    on_page(words[w], headers[h]) && (!(words[w] in told_by) || told_by[words[w]] == h ||
				    headers[h] ~ /urcu-(memb|qsbr|bp)\.h$/)) {
					member = member (member == "" ? "" : " ") words[w]
					told_by[words[w]] = h
				}
			if (member == "" || silent)
				continue
			group_count++
			group_at[group_count] = g
			group_names[group_count] = member
			group_header[group_count] = headers[h]
		}
	}
	for (i = 1; i <= name_count; i++) {
		for (h = 1; h <= n && !((headers[h], names[i]) in group_of); h++)
			;
		if (h > n)
			fail(page ": " names[i] " is in none of " value[page, "from"])
	}
}

# "struct x" is one word, struct~x, among the names of a group.
function shown(name)
{
	gsub(/~/, " ", name)
	return name
}

# Names of one group as a title; long lists are cut short.
function title_of(i,	n, words, j, s, told)
{
	n = split(group_names[i], words, " ")
	for (j = 1; j <= n; j++) {
		if (words[j] ~ /^enum~of/)
			continue
		if (++told > 4)
			break
		s = s (s == "" ? "" : ", ") shown(words[j])
	}
	if (told > 4)
		s = s ", and others"
	if (group_header[i] ~ /urcu-(memb|qsbr|bp)\.h$/ && value[page, "from"] ~ /urcu-memb.*urcu-|urcu-.*urcu-memb/)
		s = s " (" flavor_of(group_header[i]) ")"
	return s
}

function flavor_of(file)
{
	gsub(/^urcu\/urcu-|\.h$/, "", file)
	return file == "memb" ? "mb, memb" : file
}

function write_contracts(	i)
{
	find_groups()
	for (i = 1; i <= group_count; i++) {
		if (contract[group_at[i]] == overview[group_header[i]] || contract[group_at[i]] == "")
			without_contract(i)
		if (contract[group_at[i]] == overview[group_header[i]] || !worth(group_at[i]))
			continue
		if (group_count > 1 || about_all != "")
			out(".Ss " title_of(i))
		put_comment(contract[group_at[i]], 0)
		write_definitions(group_at[i])
	}
}

# Its header says nothing of them but in the overview: then that has to name them, or the page's own text.
function without_contract(i,	n, words, j)
{
	n = split(group_names[i], words, " ")
	for (j = 1; j <= n; j++)
		if ((kind[words[j]] == "function" || kind[words[j]] == "macro" || kind[words[j]] == "data") &&
		    !index(about_all " " lead[page], words[j]))
			fail(page ": the header says nothing of " words[j])
}

# Whether there is anything to tell of a group.
function worth(g,	n, words, i)
{
	if (contract[g] != "")
		return 1
	n = split(members[g], words, " ")
	for (i = 1; i <= n; i++)
		if (words[i] in definition)
			return 1
	return 0
}

function write_definitions(g,	n, words, i)
{
	n = split(members[g], words, " ")
	for (i = 1; i <= n; i++)
		if (words[i] in definition)
			put_definition(definition[words[i]])
}

function write_where(	i, said, any)
{
	if ((page, "where") in value)
		said = where_called(overview[value[page, "where"]])
	else
		said = where_called(about_all)
	any = 0
	for (i = 1; i <= group_count; i++)
		if (contract[group_at[i]] != overview[group_header[i]] && where_called(contract[group_at[i]]) != "")
			any = 1
	if (said == "" && !any)
		fail(page ": nothing says where it may be called")
	out(".Sh WHERE IT MAY BE CALLED")
	if (said != "")
		put_text(said)
	if (!any)
		return
	if (group_count == 1) {
		put_text(where_called(contract[group_at[1]]))
		return
	}
	out(".Bl -tag -width Ds")
	for (i = 1; i <= group_count; i++) {
		said = where_called(contract[group_at[i]])
		if (said == "" || contract[group_at[i]] == overview[group_header[i]])
			continue
		out(".It " title_of(i))
		put_text(said)
	}
	out(".El")
}

# Those that the contracts name, of which the page says when.
function write_errors(	i, n, lines, s, name, told)
{
	s = ""
	if (about_all != "" && value[page, "overview"] !~ /call-rcu/)
		s = about_all
	for (i = 1; i <= group_count; i++)
		s = s "\n" contract[group_at[i]]
	split("", named)
	while (match(s, /[^A-Z_]E[A-Z]+[^A-Z_a-z]/)) {
		name = substr(s, RSTART + 1, RLENGTH - 2)
		if (name !~ /^(EXIT|E)$/)
			named[name] = 1
		s = substr(s, RSTART + RLENGTH - 1)
	}
	split("", told)
	n = split(errors[page], lines, "\n")
	for (i = 1; i < n; i++) {
		name = substr(lines[i], 1, index(lines[i], " ") - 1)
		told[name] = told[name] " " substr(lines[i], length(name) + 1)
		if (!(name in named))
			fail(page ": no contract has the error " name)
	}
	for (name in named)
		if (!(name in told))
			fail(page ": says nothing of the error " name)
	if (n < 2)
		return
	out(".Sh ERRORS")
	out(".Bl -tag -width Er")
	for (i = 1; i < n; i++) {
		name = substr(lines[i], 1, index(lines[i], " ") - 1)
		out(".It Bq Er " name)
		put_text(substr(lines[i], length(name) + 1))
	}
	out(".El")
}

function write_example(file,	s, any)
{
	out(".Bd -literal")
	while ((getline s < file) > 0) {
		if (s !~ /SPDX/ || any)
			out(line_safe(escape(expand_tabs(s))))
		any = 1
	}
	close(file)
	out(".Ed")
	if (!any)
		fail(page ": no example " file)
}

function write_conforming(	ours)
{
	ours = value[page, "ours"]
	out(".Sh CONFORMING TO")
	if (ours == "all")
		put_text("Quiesce alone; liburcu has none of these.")
	else if (ours == "")
		put_text("liburcu, of soname 8.")
	else {
		put_text("liburcu, of soname 8, except for")
		gsub(/ /, ", ", ours)
		put_text(ours ":")
		put_text("these are Quiesce's alone.")
	}
}

function before(a, b,	in_a, in_b)
{
	in_a = a ~ /\(/ ? substr(a, length(a) - 1, 1) : 3
	in_b = b ~ /\(/ ? substr(b, length(b) - 1, 1) : 3
	return in_a != in_b ? in_a < in_b : tolower(a) < tolower(b)
}

function write_see(	n, words, i, j, name, section)
{
	out(".Sh SEE ALSO")
	n = split(value[page, "see"], words, " ")
	for (i = 1; i <= n; i++)	# by section, then by name
		for (j = i; j > 1 && before(words[j], words[j - 1]); j--) {
			name = words[j]
			words[j] = words[j - 1]
			words[j - 1] = name
		}
	for (i = 1; i <= n; i++) {
		name = words[i]
		section = 3
		if (match(name, /\([0-9]\)$/)) {
			section = substr(name, RSTART + 1, 1)
			name = substr(name, 1, RSTART - 1)
		}
		out(".Xr " name " " section (i < n ? " ," : ""))
	}
}

# Other names of a page: what it describes beside its first, and flavors' own names for these.
function write_links(	name, own)
{
	output = directory "/links"
	printf "" > output
	printf "" > (directory "/names")
	for (name in page_of) {
		print page_of[name], name > (directory "/names")
		if (name != page_of[name])
			print name, page_of[name] > output
	}
	for (name in common)
		if (name in there && common[name] in page_of && name !~ /^_/)
			print name, page_of[common[name]] > output
	for (name in alias)
		if (alias[name] in page_of)
			print name, page_of[alias[name]] > output
	for (name in mapped) {
		own = mapped[name]
		if (own in page_of && !(name in page_of))
			print name, page_of[own] > output
		if (own in alias && alias[own] in page_of && !(name in alias))
			print name, page_of[alias[own]] > output
		if (own in there && common[own] in page_of && name !~ /^_/ && !(name in page_of))
			print name, page_of[common[own]] > output
	}
}
