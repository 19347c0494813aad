#!/bin/sh
# SPDX-License-Identifier: MIT
# The bill of materials of a tarball, as SPDX 2.3: each file with its checksums and license. The libraries need a C
# library and nothing else, urcu-top two more. The same tarball always gives the same text.
# Usage: sbom.sh TARBALL
set -eu
export LC_ALL=C
tarball=$1
name=${tarball##*/}
name=${name%.tar.gz}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -xzf "$tarball" -C "$work"
digest=$(sha256sum "$tarball" | cut -d ' ' -f 1)
cd "$work/$name"
find . -type f | sort > "$work/files"
xargs sha1sum < "$work/files" | cut -d ' ' -f 1 > "$work/sha1"
xargs sha256sum < "$work/files" | cut -d ' ' -f 1 > "$work/sha256"
created=$(date -u -d "@$(stat -c %Y configure)" +%Y-%m-%dT%H:%M:%SZ)

# What autotools bring along has licenses of its own, all of which allow this use; the rest is ours.
license() {
	case $1 in
	./configure) echo FSFUL ;;
	./Makefile.in | ./aclocal.m4) echo FSFULLR ;;
	./build-aux/install-sh) echo X11 ;;
	./build-aux/config.*) echo "GPL-3.0-or-later WITH Autoconf-exception-3.0" ;;
	./build-aux/ltmain.sh) echo "GPL-2.0-or-later WITH Libtool-exception" ;;
	./m4/*) echo FSFULLR ;;
	./build-aux/*) echo "GPL-2.0-or-later WITH Autoconf-exception-generic" ;;
	*) echo MIT ;;
	esac
}
while read -r file; do license "$file"; done < "$work/files" > "$work/licenses"

linked() { # name, comment
	cat <<-TXT

	PackageName: $1
	SPDXID: SPDXRef-$1
	PackageDownloadLocation: NOASSERTION
	FilesAnalyzed: false
	PackageLicenseConcluded: NOASSERTION
	PackageLicenseDeclared: NOASSERTION
	PackageCopyrightText: NOASSERTION
	PackageComment: <text>Whatever the system has; linked dynamically. Not in the tarball.$2</text>
	TXT
}

cat <<TXT
SPDXVersion: SPDX-2.3
DataLicense: CC0-1.0
SPDXID: SPDXRef-DOCUMENT
DocumentName: $name
DocumentNamespace: urn:sha256:$digest
Creator: Tool: packaging/sbom.sh
Created: $created
$(linked libc "")
$(linked libelf " By urcu-top alone.")
$(linked libncursesw " By urcu-top alone.")

PackageName: quiesce
SPDXID: SPDXRef-Package
PackageVersion: ${name#quiesce-}
PackageFileName: $name.tar.gz
PackageDownloadLocation: NOASSERTION
PackageVerificationCode: $(sort "$work/sha1" | tr -d '\n' | sha1sum | cut -d ' ' -f 1)
PackageChecksum: SHA256: $digest
PackageLicenseConcluded: MIT
PackageLicenseDeclared: MIT
$(sort -u "$work/licenses" | sed 's/^/PackageLicenseInfoFromFiles: /')
PackageCopyrightText: $(sed -n 's/^Copyright/<text>Copyright/p' LICENSE)</text>

Relationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-Package
Relationship: SPDXRef-Package DYNAMIC_LINK SPDXRef-libc
Relationship: SPDXRef-Package DYNAMIC_LINK SPDXRef-libelf
Relationship: SPDXRef-Package DYNAMIC_LINK SPDXRef-libncursesw
TXT
paste "$work/files" "$work/sha1" "$work/sha256" "$work/licenses" | awk -F '\t' '{
	print "\nFileName: " $1 "\nSPDXID: SPDXRef-File-" NR "\nFileChecksum: SHA1: " $2 "\nFileChecksum: SHA256: " $3
	print "LicenseConcluded: " $4 "\nLicenseInfoInFile: NOASSERTION\nFileCopyrightText: NOASSERTION"
	print "Relationship: SPDXRef-Package CONTAINS SPDXRef-File-" NR }'
