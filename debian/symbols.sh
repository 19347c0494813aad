#!/bin/sh
# SPDX-License-Identifier: MIT
# Print libquiesce8.symbols, from the lists that the tests hold the libraries to. What liburcu has too asks for
# PACKAGE, Debian's name for liburcu, in the release that had the symbol first, and libquiesce8 provides that: so
# what is built with ours runs on either. What is ours alone asks for libquiesce8.
# Usage: symbols.sh PACKAGE
set -eu
cd "$(dirname "$0")/.."

# liburcu.so.8 has no lines: it is a link, and programs that are linked with it ask for liburcu-memb.so.8.
library() {
	echo "$1.so.8 $package #MINVER#"
	echo "| libquiesce8 #MINVER#"
	echo "* Build-Depends-Package: liburcu-dev"
	awk -F '\t' -v library="$1" '
		FNR == 1 { file++; next }
		file == 1 { if ($1 ~ /^liburcu/) gone[$1, $2] = 1; next }
		$1 != library || ($1, $2) in gone { next }
		# No release of liburcu that Debian has had.
		file == 3 || $2 == "rcu_dereference_sym2" { print " " $2 "@Base " ($5 ~ /^[1-9]/ ? $5 : "1.0.0") " 1"; next }
		{ print " " $2 "@Base " $5 ".0" }' \
		tests/abi/left-out.tsv tests/abi/symbols.tsv tests/abi/ours.tsv | LC_ALL=C sort
}

package=$1
for name in liburcu-bp liburcu-cds liburcu-common liburcu-mb liburcu-memb liburcu-qsbr; do
	library $name
done
