#!/bin/sh
# SPDX-License-Identifier: MIT
# Every test source and every header is in a list of the build, and sources have names of their own. TAP.
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
# Objects of a library lie in one folder, if it is not libtool that makes it.
twice=$(ls src/[!c]*/*.c src/callbacks/*.c | sed 's,.*/,,' | LC_ALL=C sort | uniq -d)
n=$((n + 1))
if [ -z "$twice" ]; then
	echo "ok $n - no two sources have one name"
else
	failed=1
	echo "not ok $n - two sources have the name" $twice
fi
# A checkout may lie anywhere: in CI it once lay in /check/, which every path in it then matched.
anywhere=$(grep -rnE -e "-path '\*/[^']*\*'|case .* in \*/[a-z.]+/" tests tools dev .ci || true)
n=$((n + 1))
if [ -z "$anywhere" ]; then
	echo "ok $n - no path is told by a folder that may be above the checkout"
else
	failed=1
	echo "not ok $n - these would match a folder above the checkout: $anywhere"
fi
echo "1..$n"
exit $failed
