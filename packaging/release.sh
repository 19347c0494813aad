#!/bin/sh
# SPDX-License-Identifier: MIT
# A release in one directory: tarball, bill of materials, Debian packages, RPM packages where there is rpmbuild, notes,
# documents, the manual as HTML where there is mandoc, what its ABI promises, and checksums of all of it.
# Usage: release.sh TARBALL BUILD-DIRECTORY OUT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$here/..
tarball=$(readlink -f "$1")
build=$(cd "$2" && pwd)
shift
name=${tarball##*/}
name=${name%.tar.gz}
version=${name#quiesce-}
rm -rf "${2:?}/$name" "$2/rpm"
mkdir -p "$2/$name"
out=$(cd "$2/$name" && pwd)

cp "$tarball" "$out"
sh "$here/sbom.sh" "$tarball" > "$out/$name.spdx"
sh "$here/sbom-check.sh" "$out/$name.spdx" "$tarball"
"$here/deb.sh" "$tarball" "$2/deb"
cp "$2"/deb/*.deb "$2"/deb/*.dsc "$2"/deb/*.debian.tar.* "$2"/deb/*.orig.tar.gz "$out"
if command -v rpmbuild > /dev/null; then
	nodeps=
	[ ! -e /etc/debian_version ] || nodeps=--nodeps
	rpmbuild -ta --quiet $nodeps --define "_topdir $2/rpm" --define 'debug_package %{nil}' "$tarball" > "$2/rpm.log" 2>&1 || {
		tail -n 20 "$2/rpm.log"
		exit 1
	}
	find "$2/rpm" -name '*.rpm' -exec cp {} "$out" \;
else
	echo "no rpmbuild: no RPM packages"
fi
if command -v abidw > /dev/null; then
	"$here/abi-dump.sh" "$build/.libs" "$out/abi"
else
	echo "no abidw: no dump of the ABI"
fi
# The newest part of the changes.
awk -v version="$version" '/^## / { inside = $2 == version } inside' "$top/CHANGELOG.md" > "$out/NOTES.md"
[ -s "$out/NOTES.md" ]
(cd "$top" && cp -R ./*.md LICENSE doc examples "$out")
sh "$here/links.sh" "$out"
if command -v mandoc > /dev/null; then
	sh "$top/man/html.sh" "$build/man" "$out/man" > /dev/null
else
	echo "no mandoc: no manual as HTML"
fi
cd "$out"
find . -type f ! -name SHA256SUMS | LC_ALL=C sort | xargs sha256sum > SHA256SUMS
sha256sum --quiet -c SHA256SUMS
echo "$out"
