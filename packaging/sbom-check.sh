#!/bin/sh
# SPDX-License-Identifier: MIT
# Whether a bill of materials has the shape of SPDX 2.3 (tags, values, each element's tags, what a package's files come
# after), and agrees with the tarball: each file once, with its checksums. Silent if so.
# Usage: sbom-check.sh BILL TARBALL
set -eu
export LC_ALL=C
bill=$(readlink -f "$1")
tarball=$(readlink -f "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Each tag: of what element (D document, P package, F file, R any), how often (1, ? or *), and what its value is.
cat > "$work/tags" <<'TXT'
SPDXVersion D 1 SPDX-2\.3
DataLicense D 1 CC0-1\.0
DocumentName D 1 .+
DocumentNamespace D 1 [a-z]+:[^\043[:space:]]+
Creator D 1 (Tool|Person|Organization): .+
Created D 1 ####-##-##T##:##:##Z
PackageName P 1 .+
PackageVersion P ? .+
PackageFileName P ? .+
PackageDownloadLocation P 1 NOASSERTION|NONE|[a-z+]+://.+
FilesAnalyzed P ? true|false
PackageVerificationCode P ? HEX40
PackageChecksum P * SHA256: HEX64
PackageLicenseConcluded P 1 LICENSE
PackageLicenseDeclared P 1 LICENSE
PackageLicenseInfoFromFiles P * LICENSE
PackageCopyrightText P 1 NOASSERTION|NONE|<text>.*</text>
PackageComment P ? <text>.*</text>
FileName F 1 \./.+
FileChecksum F 2 SHA1: HEX40|SHA256: HEX64
LicenseConcluded F 1 LICENSE
LicenseInfoInFile F 1 LICENSE
FileCopyrightText F 1 NOASSERTION|NONE|<text>.*</text>
SPDXID DPF 1 SPDXRef-[A-Za-z0-9.-]+
Relationship R * SPDXRef-[A-Za-z0-9.-]+ (DESCRIBES|CONTAINS|DYNAMIC_LINK) SPDXRef-[A-Za-z0-9.-]+
TXT

# Names from SPDX's list of licenses and of exceptions.
awk '
	function wrong(what) { print FILENAME ":" line ": " what; bad = 1 }
	function digits(count) { return count ? "[0-9a-f]" digits(count - 1) : "" }
	# The element that ends here has all its tags.
	function finish(    tag, n) {
		for (tag in element) {
			n = tag in seen ? seen[tag] : 0
			if (index(element[tag], kind) && often[tag] ~ /[0-9]/ && n != often[tag])
				wrong(tag ": " n " in the element before")
			if (often[tag] == "?" && n > 1)
				wrong(tag ": " n " in the element before")
		}
		if (kind == "P") {
			analyzed = !("FilesAnalyzed" in seen && value["FilesAnalyzed"] == "false")
			if (analyzed != ("PackageVerificationCode" in seen))
				wrong("PackageVerificationCode goes with files, and with these alone")
		}
		split("", seen)
		split("", value)
	}
	function begin(what) { finish(); kind = what }
	BEGIN {
		kind = "D"
		license = "NOASSERTION|NONE|MIT|FSFUL|FSFULLR|X11|GPL-[23]\\.0-or-later WITH " \
			"(Autoconf-exception-(3\\.0|generic)|Libtool-exception)"
	}
	NR == FNR {
		element[$1] = $2
		often[$1] = $3
		pattern[$1] = substr($0, length($1 $2 $3) + 4)
		sub(/LICENSE/, license, pattern[$1])
		sub(/HEX40/, digits(40), pattern[$1])
		sub(/HEX64/, digits(64), pattern[$1])
		gsub(/#/, "[0-9]", pattern[$1])
		next
	}
	{ line = FNR }
	/^$/ { next }
	{
		tag = $0
		sub(/: .*/, "", tag)
		text = substr($0, length(tag) + 3)
		if (!(tag in element)) {
			wrong("no tag: " tag)
			next
		}
		if (tag == "PackageName")
			begin("P")
		if (tag == "FileName") {
			begin("F")
			if (!analyzed)
				wrong("a file of a package that has none")
		}
		if (element[tag] != "R" && !index(element[tag], kind))
			wrong(tag ": not in such an element")
		if (text !~ "^(" pattern[tag] ")$")
			wrong(tag ": " text)
		seen[tag]++
		value[tag] = text
		if (tag == "SPDXID" && ids[text]++)
			wrong(text ": again")
		if (tag == "Relationship") {
			split(text, words, " ")
			ends[words[1]] = ends[words[3]] = FNR
			if (text == "SPDXRef-DOCUMENT DESCRIBES SPDXRef-Package")
				described = 1
		}
	}
	END {
		finish()
		for (id in ends)
			if (!(id in ids)) {
				line = ends[id]
				wrong(id ": there is none")
			}
		if (!described)
			wrong("nothing is described")
		exit bad
	}' "$work/tags" "$bill"

mkdir "$work/tree"
tar -xzf "$tarball" -C "$work/tree" --strip-components=1
cd "$work/tree"
find . -type f | sort > "$work/files"
sed -n 's/^FileName: //p' "$bill" | sort | diff - "$work/files"
for sum in SHA1 SHA256; do
	awk -v sum="FileChecksum: $sum: " '
		sub(/^FileName: /, "") { name = $0 }
		index($0, sum) == 1 { print $3 "  " name }' "$bill" > "$work/$sum"
	[ "$(wc -l < "$work/$sum")" = "$(wc -l < "$work/files")" ]
done
sha1sum --quiet -c "$work/SHA1"
sha256sum --quiet -c "$work/SHA256"
code=$(cut -d ' ' -f 1 "$work/SHA1" | sort | tr -d '\n' | sha1sum | cut -d ' ' -f 1)
grep -qx "PackageVerificationCode: $code" "$bill"
grep -qx "PackageChecksum: SHA256: $(sha256sum "$tarball" | cut -d ' ' -f 1)" "$bill"
