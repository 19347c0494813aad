#!/bin/sh
# SPDX-License-Identifier: MIT
# The tarball, the same to the bit whoever makes it, wherever and whenever: names in order, one time, which is that of
# the newest entry of debian/changelog, no user. Prints its path.
# Usage: dist.sh BUILD-DIRECTORY
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$1"
epoch=${SOURCE_DATE_EPOCH:-$(date -d "$(sed -n 's/^ -- .*>  //p' "$top/debian/changelog" | head -n 1)" +%s)}
TAR_OPTIONS="--sort=name --mtime=@$epoch --owner=0 --group=0 --numeric-owner --mode=u+rwX,go+rX,go-w
	--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime"
TAR_OPTIONS=$TAR_OPTIONS make -s dist GZIP_ENV='--best --no-name' V=0 >&2
version=$(sed -n 's/^VERSION = //p' Makefile)
echo "$PWD/quiesce-$version.tar.gz"
