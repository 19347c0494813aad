#!/bin/sh
# SPDX-License-Identifier: MIT
# The manual pages as HTML, by mandoc, with one index: that of pages (man/index), then of every name.
# Usage: html.sh PAGES OUT: where the pages of section 3 were made, and where to put index.html and the rest.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
made=$(cd "$1" && pwd)
out=$2
mkdir -p "$out"
rm -f "$out"/*.html
cp "$here/style.css" "$out"

# References to another name of a page lead to that page; those to pages of others are no links.
refer() {
	awk -v pages="$(cd "$made" && echo *.3) $(cd "$here" && echo *.[17])" '
	# A name that is not the page'"'"'s own has a title there, as a rule.
	function part(name) {
		if (name == page_of[name])
			return ""
		sub(/\.[0-9]$/, "", name)
		return "#" name
	}
	FNR == NR { page_of[$1 ".3"] = $2 ".3"; next }
	FNR == 1 { n = split(pages, words, " "); for (i = 1; i <= n; i++) page_of[words[i]] = words[i] }
	{
		sub(/<body>/, "<body><p class=\"up\"><a href=\"index.html\">Manual pages</a></p>")
		line = ""
		while (match($0, /<a class="Xr" href="[^"]*\.html">[^<]*<\/a>/)) {
			link = substr($0, RSTART, RLENGTH)
			name = text = link
			gsub(/^.*href="|\.html">.*$/, "", name)
			gsub(/<[^>]*>/, "", text)
			if (name in page_of)
				text = "<a class=\"Xr\" href=\"" page_of[name] ".html" part(name) "\">" text "</a>"
			line = line substr($0, 1, RSTART - 1) text
			$0 = substr($0, RSTART + RLENGTH)
		}
		print line $0
	}' "$made/links" -
}

for page in "$made"/*.3 "$here"/*.[17]; do
	mandoc -Thtml -O "style=style.css,man=%N.%S.html" "$page" | refer > "$out/page"
	# Names without a title, macros as a rule, are found where the page first has them.
	awk 'NR == FNR { if (match($0, / id="[^"]*"/)) id[substr($0, RSTART + 5, RLENGTH - 6)] = 1; next }
		{
			line = ""
			while (match($0, /<code class="Nm">[^<]*</)) {
				name = substr($0, RSTART + 17, RLENGTH - 18)
				line = line substr($0, 1, RSTART + 15) (name in id ? "" : " id=\"" name "\"") ">" name "<"
				$0 = substr($0, RSTART + RLENGTH)
				id[name] = 1
			}
			print line $0
		}' "$out/page" "$out/page" > "$out/${page##*/}.html"
done
rm "$out/page"

about() { # page
	sed -n 's/^\.Nd //p' "$1"
}

escaped() {
	sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g'
}

{
	cat <<-'TXT'
	<!DOCTYPE html>
	<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
	<link rel="stylesheet" href="style.css"><title>Quiesce: manual pages</title></head>
	<body><div class="manual-text"><h1 class="title">Quiesce: manual pages</h1>
	TXT
	grep -v '^#' "$here/index" | while IFS=: read -r title pages; do
		echo "<h2>$title</h2><table class=\"pages\">"
		for page in $pages; do
			case $page in
			*\([17]\)) name=${page%(*)}.${page##*(} name=${name%)} file=$here/$name ;;
			*) name=$page.3 file=$made/$name ;;
			esac
			echo "<tr><td><a href=\"$name.html\">${name%.*}</a>(${name##*.})</td><td>$(about "$file" | escaped)</td></tr>"
		done
		echo "</table>"
	done
	echo '<h2>Every name</h2><p>Those of flavors, such as urcu_memb_synchronize_rcu, are on the page of the name'
	echo 'without.</p><ul class="names">'
	LC_ALL=C sort -k 2 "$made/names" | while read -r page name; do
		echo "<li><a href=\"$page.3.html#$name\">$name</a></li>"
	done
	echo '</ul></div></body></html>'
} > "$out/index.html"
echo "$out/index.html"
