#!/bin/sh
# SPDX-License-Identifier: MIT
# Debian packages, source and binary, from the tarball and debian/, and lintian's word on them: no error, no warning.
# Usage: deb.sh TARBALL OUT. Of OUT all packages are removed first.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
tarball=$(readlink -f "$1")
mkdir -p "$2"
out=$(cd "$2" && pwd)
unset MAKEFLAGS MFLAGS MAKELEVEL CC CXX CPPFLAGS CFLAGS LDFLAGS
name=${tarball##*/}
version=${name#quiesce-}
version=${version%.tar.gz}

rm -rf "$out/tree" "$out"/quiesce_* "$out"/*.deb
cp "$tarball" "$out/quiesce_$version.orig.tar.gz"
mkdir "$out/tree"
cd "$out/tree"
tar -xzf "$tarball" --strip-components=1
rm -rf debian
cp -R "$top/debian" debian
# Whatever the umask is: their modes are in the source package.
chmod -R u+rwX,go+rX,go-w debian
dpkg-buildpackage -us -uc ${DEB_BUILD:+--build="$DEB_BUILD"} > "$out/build.log" 2>&1 || {
	tail -n 40 "$out/build.log"
	exit 1
}
cd "$out"
rm -rf tree
ls ./*.deb
if [ "${LINTIAN:-}" = no ]; then
	:
elif command -v lintian > /dev/null; then
	user=
	[ "$(id -u)" != 0 ] || user=--allow-root
	lintian $user --fail-on error,warning ./*.changes
	echo "lintian: clean"
else
	echo "no lintian to ask"
fi
