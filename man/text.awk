# SPDX-License-Identifier: MIT
# Turns the text of a comment into mdoc(7). Paragraphs are parted by empty lines. A paragraph of lines that begin with
# a tab or two spaces is a list: of terms, where a tab or two spaces follow the first words; a table or code as it
# stands; else of items.

function escape(s)
{
	gsub(/\\/, "\\e", s)
	gsub(/-/, "\\-", s)
	return s
}

function line_safe(s)
{
	return s ~ /^[.']/ ? "\\&" s : s
}

# Punctuation that mdoc macros take as arguments of their own, at the end of a word.
function tail_of(s)
{
	return match(s, /[].,:;)?!]+$/) ? substr(s, RSTART) : ""
}

function is_constant(name)
{
	return kind[name] == "constant" || kind[name] == "enumerator"
}

# macro WORD: the macro to print it with, or "".
function macro_for(word,	name)
{
	name = word
	sub(/\(\)$/, "", name)
	if (name == page || index(page_names, " " name " "))
		return is_constant(name) ? "Dv " name : kind[name] == "data" ? "Va " name : "Fn " name
	if (name in page_of)
		return is_constant(name) ? "Dv " name : name == word || word ~ /\(\)$/ ? "Xr " name " 3" : ""
	if (word ~ /^`[^`]+`$/)
		return "Va " substr(word, 2, length(word) - 2)
	if (name == "URCU_REPORT" || name == "URCU_EXIT_TIMEOUT" || name == "URCU_STALL_TIMEOUT")
		return "Ev " name
	if (word ~ /^[a-z][-a-z_0-9]*\([1-9]\)$/)
		return "Xr " substr(word, 1, length(word) - 3) " " substr(word, length(word) - 1, 1)
	if (name ~ /^E(2BIG|[A-Z][A-Z]+)$/ && name !~ /^(EXIT|EXITS)$/)
		return "Er " name
	if (word ~ /^[a-z_]+\(\)$/)
		return "Fn " name
	if (name == "NULL" || name ~ /^(URCU|CDS|CMM|QUIESCE|CAA|SIG|MADV|RTLD)_?[A-Z_0-9]+$/)
		return "Dv " name
	if (name ~ /^(urcu|quiesce)(\/[a-z]+)*[-\/a-z_]*\.h$/)
		return "In " name
	if (name ~ /^doc\/[-a-z\/]+\.md$/)
		return "Pa " name
	return ""
}

function flush_text()
{
	if (pending != "")
		out(line_safe(pending))
	pending = ""
}

function put_word(word,	lead, rest, core, macro, i, marks)
{
	lead = match(word, /^[(\["-]+/) ? substr(word, 1, RLENGTH) : ""
	core = substr(word, length(lead) + 1)
	rest = tail_of(core)
	core = substr(core, 1, length(core) - length(rest))
	if (rest ~ /^\)/ && core ~ /\([1-9]?$/) {
		core = core ")"
		rest = substr(rest, 2)
	}
	macro = macro_for(core)
	if (macro == "") {
		word = escape(word)
		if (length(pending) + length(word) > 79)
			flush_text()
		pending = pending (pending == "" ? "" : " ") word
		if (rest ~ /[.!?]/)	# a new sentence, a new line
			flush_text()
		return
	}
	flush_text()
	for (i = 1; i <= length(rest); i++)
		marks = marks " " substr(rest, i, 1)
	if (lead == "\"")
		lead = "\\(dq"
	out("." (lead == "" ? "" : "Pf " escape(lead) " ") macro marks)
}

function put_text(s,	n, words, i)
{
	n = split(s, words, /[ \t\n]+/)
	for (i = 1; i <= n; i++)
		if (words[i] != "")
			put_word(words[i])
	flush_text()
}

function expand_tabs(s,	at)
{
	while (at = index(s, "\t"))
		s = substr(s, 1, at - 1) substr("        ", 1, 8 - (at - 1) % 8) substr(s, at + 1)
	return s
}

function put_literal(s,	n, lines, i)
{
	out(".Bd -literal")
	n = split(s, lines, "\n")
	for (i = 1; i <= n; i++)
		out(line_safe(escape(expand_tabs(lines[i]))))
	out(".Ed")
}

# A type's definition, as it stands there but for long comments, which are filled anew.
function put_definition(s,	n, lines, i, all, comment, indent)
{
	n = split(s, lines, "\n")
	for (i = 1; i <= n; i++) {
		if (comment == "" && lines[i] !~ /^[ \t]+\/\*/) {
			all = all lines[i] "\n"
			continue
		}
		if (comment == "")
			indent = substr(lines[i], 1, index(lines[i], "/") - 1)
		comment = comment " " strip(lines[i])
		if (lines[i] ~ /\*\//) {
			gsub(/^ ?\/\* ?|[ \t]*\*\/.*$/, "", comment)
			sub(/^\* /, "", comment)
			gsub(/ \* /, " ", comment)
			all = all filled_comment(strip(comment), indent)
			comment = ""
		}
	}
	sub(/\n$/, "", all)
	put_literal(all)
}

function filled_comment(s, indent,	n, words, i, line, all)
{
	if (length(s) < 70)
		return indent "/* " s " */\n"
	n = split(s, words, " ")
	for (i = 1; i <= n; i++) {
		if (length(line) + length(words[i]) > 64) {
			all = all indent " *" line "\n"
			line = ""
		}
		line = line " " words[i]
	}
	return indent "/*\n" all indent " *" line "\n" indent " */\n"
}

function put_terms(s, pattern,	n, lines, i, item, head, rest)
{
	out(".Bl -tag -width Ds")
	n = split(s, lines, "\n")
	for (i = 1; i <= n; i++) {
		if (lines[i] ~ ("^(\t|  +)" pattern) && match(lines[i], /[^ \t](\t+|  +)/)) {
			head = strip(substr(lines[i], 1, RSTART))
			rest = substr(lines[i], RSTART + RLENGTH)
			put_text(item)
			out(".It " escape(head))
			item = rest
		} else {
			item = item " " lines[i]
		}
	}
	put_text(item)
	out(".El")
}

function put_items(s,	n, lines, i, item)
{
	out(".Bl -dash")
	n = split(s, lines, "\n")
	for (i = 1; i <= n; i++) {
		if (lines[i] ~ /^ +- / || (lines[i] ~ /^\t/ && item ~ /[.;]$/) || i == 1) {
			if (i > 1)
				put_text(item)
			item = strip(lines[i])
			sub(/^- /, "", item)
			out(".It")
		} else {
			item = item " " strip(lines[i])
		}
	}
	put_text(item)
	out(".El")
}

function put_indented(s,	first)
{
	first = s
	sub(/\n.*/, "", first)
	sub(/\n+$/, "", s)
	if (first ~ /^        |^\t(#|extern |std::|[a-zA-Z_]+\(.*\);$)/)
		put_literal(s)
	else if (first ~ /^\t[^\t]+\t+[^\t]/)
		put_terms(s, "[^\t]+\t+[^\t]")
	else if (first ~ /^  +[^ -][^ ]*( [^ ]+)*  +[^ ]/)
		put_terms(s, "[^ ][^ ]*( [^ ]+)*  +[^ ]")
	else
		put_items(s)
}

# ORDER. text, Ordering: text: a part with a title, at the beginning of an overview's paragraph.
function put_paragraph(s, titles,	title)
{
	if (titles && match(s, /^[A-Z][A-Z][A-Z]+\. |^(Where|Ordering|Fork|Blocking and non-blocking): /)) {
		title = tolower(substr(s, 1, RLENGTH - 2))
		s = substr(s, RLENGTH + 1)
		out(".Ss " toupper(substr(title, 1, 1)) substr(title, 2))
		put_text(toupper(substr(s, 1, 1)) substr(s, 2))
		return
	}
	if (!fresh)
		out(".Pp")
	put_text(s)
}

# What a reader of the header alone needs to know.
function without_asides(s)
{
	gsub(/ ?The[ \n]types stand under a guard; the functions are[^)]*\)\./, "", s)
	gsub(/ ?Declared[ \n]by each flavor's header,[ \n]under[ \n]its[ \n]names[^)]*\)\./, "", s)
	gsub(/ ?No include guard, for that reason\./, "", s)
	return s
}

function put_comment(s, titles,	n, lines, i, block, indented, was)
{
	n = split(without_asides(s) "\n", lines, "\n")
	for (i = 1; i <= n; i++) {
		indented = lines[i] ~ /^(\t|  )/
		if (block != "" && (lines[i] == "" || indented != was)) {
			if (was)
				put_indented(block)
			else
				put_paragraph(block, titles)
			block = ""
			fresh = 0
		}
		was = indented
		if (lines[i] != "")
			block = block (block == "" ? "" : "\n") lines[i]
	}
}

function tells_where(s)
{
	return s ~ /[Mm]ay be called|may be in a destructor|Anywhere|Callable|Usable from|[Aa]sync-signal-safe/ ||
		s ~ /[Nn]ot in (a|what)|[Ii]nside a section|a section \(|outside sections|n a destructor/ ||
		s ~ /(inside|runs? in) a read-side critical section|signal handler|fork hooks|fter a fork|fter exit/ ||
		s ~ /any thread|One thread at a time|(need not|must) be registered/
}

# The sentences of a comment that say where a function may be called.
function where_called(s,	n, sentences, i, found)
{
	gsub(/\n(\t|  )[^\n]*/, "", s)	# lists
	gsub(/\n\n+/, "\001", s)		# paragraphs
	gsub(/[ \t\n]+/, " ", s)
	gsub(/\. +|\001/, "&\n", s)
	gsub(/\001/, "", s)
	n = split(s, sentences, "\n")
	for (i = 1; i <= n; i++) {
		if (sub(/^Where: /, "", sentences[i]))
			sentences[i] = toupper(substr(sentences[i], 1, 1)) substr(sentences[i], 2)
		if (tells_where(sentences[i]))
			found = found (found == "" ? "" : " ") sentences[i]
	}
	return found
}
