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

# Links by another name of a page lead to that page.
awk '{ printf "s,href=\"%s\\.3\\.html,href=\"%s.3.html,g\n", $1, $2 }' "$made/links" > "$out/links.sed"
for page in "$made"/*.3 "$here"/*.7; do
	name=${page##*/}
	mandoc -Thtml -O "style=style.css,man=%N.%S.html" "$page" |
		sed -f "$out/links.sed" -e 's,<body>,<body><p class="up"><a href="index.html">Manual pages</a></p>,' > "$out/$name.html"
done
# Pages of others are not here.
for page in "$out"/*.html; do
	grep -oE 'href="[^"#:]+\.[0-9]\.html' "$page" | sed 's/^href="//' | sort -u | while read -r target; do
		[ -e "$out/$target" ] || sed -i "s,<a class=\"Xr\" href=\"$target\">\([^<]*\)</a>,\1,g" "$page"
	done
done
rm "$out/links.sed"

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
			*\(7\)) name=${page%(7)}.7 file=$here/$name ;;
			*) name=$page.3 file=$made/$name ;;
			esac
			echo "<tr><td><a href=\"$name.html\">${name%.*}</a>(${name##*.})</td><td>$(about "$file" | escaped)</td></tr>"
		done
		echo "</table>"
	done
	echo '<h2>Every name</h2><p>Those of flavors, such as urcu_memb_synchronize_rcu, are on the page of the name without.</p><ul class="names">'
	LC_ALL=C sort -k 2 "$made/names" | while read -r page name; do
		echo "<li><a href=\"$page.3.html\">$name</a></li>"
	done
	echo '</ul></div></body></html>'
} > "$out/index.html"
echo "$out/index.html"
