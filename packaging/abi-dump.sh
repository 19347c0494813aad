#!/bin/sh
# SPDX-License-Identifier: MIT
# What a release promises, as tests/abi/released/*.abi: written when it is made, compared with by
# tests/abi/test-abidiff.sh from then on.
# Usage: abi-dump.sh LIBRARIES OUT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/.." && pwd)
mkdir -p "$2"
for name in mb memb bp qsbr common cds; do
	abidw --no-corpus-path --no-comp-dir-path --no-show-locs --no-parameter-names --no-write-default-sizes \
		--type-id-style hash --exported-interfaces-only --headers-dir "$top/include" --drop-private-types \
		--out-file "$2/liburcu-$name.abi" "$1/liburcu-$name.so.8"
	# The same wherever the tree lies, and from where configure was called.
	sed -i -e "s,='$top/,='," -e "s,='\(\.\./\)*,='," "$2/liburcu-$name.abi"
done
