#!/bin/sh
# SPDX-License-Identifier: MIT
# Every test source and every header is in a list of the build. TAP.
set -eu
cd "${srcdir:-.}"
n=0
failed=0

has() {
	n=$((n + 1))
	if grep -qE "(^|[[:space:]])$2($|[[:space:]])" "$3"; then
		echo "ok $n - $1"
	else
		failed=1
		echo "not ok $n - $1 is not in $3"
	fi
}

for test in tests/*/test-*.c; do
	name=${test##*/test-}
	has "$test" "tests/bin/${name%.c}" tests/Makefile.inc
done
for test in tests/*.sh tests/[!b]*/*.sh tests/build/*.sh; do
	has "$test" "$test" tests/Makefile.inc
done
for header in $(find include -name '*.h' | LC_ALL=C sort); do
	has "$header" "$header" include/headers.inc
done
echo "1..$n"
exit $failed
